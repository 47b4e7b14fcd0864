"""Videos that are tasks in the form of their vendor: how such a vendor is asked, whatever his form.

A video is done when somebody looks at it; then it lies at an address of the vendor's choosing, see `elsewhere`.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.errors import InvalidRequest, UpstreamProtocolError
from tianji.gateway.translation.forms import Form
from tianji.lazy import load
from tianji.objects.places import Place
from tianji.objects.relay import Begin, Relay, Request
from tianji.objects.videos.filming import JSON, Filming, Json, asked, only_videos, picture
from tianji.objects.videos.vendors.vendor import Vendor, length


class TaskFilming(Filming):
    """The way of one vendor."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self.seconds = vendor.seconds

    def making(self, place: Place, model: str, path: str, members: Json, form: Form | None) -> Request:
        """Return the request for a video. Raises InvalidRequest, also for what is to be made of another video."""
        if path != "/videos":
            raise InvalidRequest(f"{place.provider} makes videos, and does not change them; have a new one made")
        begun = self._vendor.begun(model, members, _address(members, form))
        body = msgspec.json.encode(begun.body)
        return Request("POST", begun.path, "", (JSON, *begun.headers), (body,), len(body))

    def made(self, model: str, answer: Json, members: Json) -> Json:
        """Return what is said of a video that was begun. Raises UpstreamProtocolError where it has no name."""
        name = self._vendor.name(model, answer)
        if not name:
            why = answer.get("message") or answer.get("base_resp") or answer.get("error") or ""
            raise UpstreamProtocolError(f"the upstream's answer names no video {str(why)[:500]}".rstrip())
        told = {"id": name, "object": "video", "created_at": None, "prompt": members.get("prompt")}
        span = {**asked(members), "seconds": str(length(members, self.seconds))}
        return {**told, **span, "status": "queued", "progress": 0}

    def length(self, members: Mapping[str, Any]) -> float:
        """Return how many seconds a video has, or is to have. Raises InvalidRequest for what is no number."""
        return float(length(members, self.seconds))

    def resolution(self, members: Mapping[str, Any]) -> str:
        """Return the resolution that a video is paid for by; "" for one that has one price."""
        return self._vendor.resolution(members) or ""

    async def state(self, relay: Relay, place: Place, name: str, known: Json) -> Json:
        """Return how far a video is; one that is done is not asked for again."""
        if known.get("status") in ("completed", "failed"):
            return known
        answer = await relay.ask(place, Request("GET", self._vendor.look(name)))
        return known | {"object": "video"} | self._vendor.state(answer) | {"id": name}

    async def delete(self, relay: Relay, place: Place, name: str) -> Json:
        """Delete a video. Raises InvalidRequest where nobody can."""
        path = self._vendor.removal(name)
        if path is None:
            raise InvalidRequest(f"{place.provider} deletes its videos by itself, and has no request for it")
        await relay.fetch(place, Request("DELETE", path))
        return {}

    async def content(
        self, relay: Relay, exchange: Exchange, place: Place, name: str, query: str, begin: Begin
    ) -> None:
        """Let what a video holds go to the client as it comes. Raises InvalidRequest where there is none yet."""
        only_videos(query)
        url = self._vendor.url(await relay.ask(place, Request("GET", self._vendor.result(name))))
        if url is None:
            raise InvalidRequest("the video is not ready; look at its status first")
        await load("tianji.objects.videos.elsewhere").convey(relay, exchange, place, url, begin)


def _address(members: Json, form: Form | None) -> str | None:
    """Return the address of the picture that a video begins with; None where there is none. Raises InvalidRequest."""
    given = members.get("input_reference")
    url = given.get("image_url") if isinstance(given, dict) else given
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return url
    found = picture(members, form)
    return None if found is None else f"data:{found[1]};base64,{base64.b64encode(found[0]).decode()}"
