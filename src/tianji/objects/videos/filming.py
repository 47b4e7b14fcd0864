"""How the makers of videos are asked, and what they say of videos as OpenAI says it: one way each.

https://platform.openai.com/docs/api-reference/videos; for Google's see `veo`, for tasks of vendors `tasking`.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.silent import SilentExchange
from tianji._core.upstreams.spool import Extent
from tianji.errors import Header, InvalidRequest, UpstreamProtocolError
from tianji.gateway.translation.forms import Form, form_of
from tianji.objects.places import Place
from tianji.objects.relay import Begin, Relay, Request
from tianji.objects.videos import veo

SECONDS: Final = 4  # of a video of which nobody says how long it is to be
SIZE: Final = "720x1280"
LARGEST: Final = 20 * 1024 * 1024  # bytes of a picture that goes upstream within JSON
JSON: Final[Header] = (b"content-type", b"application/json")
_MP4: Final = b"video/mp4"
Json = dict[str, Any]


class Filming:
    """OpenAI's way, which most have. A video is called there what `name` says."""

    seconds = SECONDS
    size = SIZE

    def making(self, _place: Place, model: str, path: str, members: Json, form: Form | None) -> Request:
        """Return the request for a video. `form`: the files of it; None where there are none. Raises InvalidRequest."""
        body = msgspec.json.encode(members | {"model": model} if "model" in members else members)
        if form is None:
            return Request("POST", path, "", (JSON,), (body,), len(body))
        kind, parts, length = form_of(form, body)
        return Request("POST", path, "", ((b"content-type", kind),), tuple(parts), length)

    def made(self, _model: str, answer: Json, members: Json) -> Json:
        """Return what is said of a video that was begun. Raises UpstreamProtocolError where it has no name."""
        if not isinstance(answer.get("id"), str) or not answer["id"]:
            raise UpstreamProtocolError("the upstream's answer names no video")
        return {"seconds": str(self.seconds), "size": self.size, **asked(members), **answer}

    def length(self, members: Mapping[str, Any]) -> float:
        """Return how many seconds a video has, or is to have."""
        try:
            return max(0.0, float(members.get("seconds") or self.seconds))
        except (TypeError, ValueError, OverflowError):
            return float(self.seconds)

    def resolution(self, members: Mapping[str, Any]) -> str:
        """Return the size that a video is paid for by, or its resolution."""
        return str(members.get("size") or self.size)

    async def state(self, relay: Relay, place: Place, name: str, _known: Json) -> Json:
        """Return how far a video is."""
        return await relay.ask(place, Request("GET", f"/videos/{quote(name, safe='')}"))

    async def delete(self, relay: Relay, place: Place, name: str) -> Json:
        """Delete a video."""
        return await relay.ask(place, Request("DELETE", f"/videos/{quote(name, safe='')}"))

    async def content(
        self, relay: Relay, exchange: Exchange, place: Place, name: str, query: str, begin: Begin
    ) -> None:
        """Let what a video holds go to the client as it comes."""
        await relay.convey(exchange, place, Request("GET", f"/videos/{quote(name, safe='')}/content", query), begin)


class GeminiFilming(Filming):
    """Veo behind the Gemini API, whose videos lie in files for two days. A video is called as its operation is."""

    seconds = veo.SECONDS
    size = veo.SIZE

    def making(self, place: Place, model: str, path: str, members: Json, form: Form | None) -> Request:
        """Return the request for a video. Raises InvalidRequest, also for what Veo has not."""
        if path != "/videos":
            raise InvalidRequest(f"{place.provider} makes videos, and does not change them; have a new one made")
        body = msgspec.json.encode(veo.request(members, picture(members, form)))
        return Request("POST", f"/models/{quote(model, safe='')}:predictLongRunning", "", (JSON,), (body,), len(body))

    def made(self, _model: str, answer: Json, members: Json) -> Json:
        """Return what is said of a video that was begun. Raises UpstreamProtocolError where it has no name."""
        name = answer.get("name")
        if not isinstance(name, str) or not name:
            raise UpstreamProtocolError("the upstream's answer names no operation")
        told = {"id": name, "object": "video", "created_at": None, "prompt": members.get("prompt")}
        length = {"size": self.size, **asked(members), "seconds": str(veo.length(members))}
        return {**told, **length, "status": "queued", "progress": 0}

    def length(self, members: Mapping[str, Any]) -> float:
        """Return how many seconds a video has, or is to have. Raises InvalidRequest for what is no number."""
        return float(veo.length(members))

    async def state(self, relay: Relay, place: Place, name: str, known: Json) -> Json:
        """Return how far a video is; one that is done is not asked for again."""
        if known.get("status") in ("completed", "failed"):
            return known
        return known | {"object": "video"} | veo.state(await self._operation(relay, place, name)) | {"id": name}

    async def delete(self, _relay: Relay, place: Place, _name: str) -> Json:
        """Raise InvalidRequest: nobody can."""
        raise InvalidRequest(f"{place.provider} deletes its videos by itself, and has no request for it")

    async def content(
        self, relay: Relay, exchange: Exchange, place: Place, name: str, query: str, begin: Begin
    ) -> None:
        """Let what a video holds go to the client as it comes. Raises InvalidRequest where there is none yet."""
        only_videos(query)
        found = veo.samples(await self._operation(relay, place, name))
        if not found:
            raise InvalidRequest("the video is not ready; look at its status first")
        uri = urlsplit(str(found[0].get("uri") or ""))
        # the key goes along, so only the path and the query of what an answer says are used
        path = "/" + uri.path.lstrip("/")
        own = msgspec.structs.replace(place, prefix="")
        await relay.convey(exchange, own, Request("GET", path, uri.query or "alt=media"), begin)

    async def _operation(self, relay: Relay, place: Place, name: str) -> Json:
        return await relay.ask(place, Request("GET", f"/{quote(name, safe='/')}"))


class VertexFilming(GeminiFilming):
    """Veo behind Vertex AI, whose videos come within the answer that says they are done."""

    async def content(
        self, relay: Relay, exchange: Exchange, place: Place, name: str, query: str, begin: Begin
    ) -> None:
        """Let what a video holds go to the client as it comes. Raises InvalidRequest where it does not lie here."""
        only_videos(query)
        found = veo.samples(await self._operation(relay, place, name))
        if not found:
            raise InvalidRequest("the video is not ready; look at its status first")
        if "bytesBase64Encoded" not in found[0]:
            raise InvalidRequest(f"the video lies where the request wanted it: {str(found[0].get('gcsUri'))[:500]}")

        def as_video(status: int, _headers: list[Header]) -> list[Header] | None:
            return begin(status, [(b"content-type", _MP4)])

        await relay.convey(exchange, place, self._asked(name), as_video, veo.Decoded())

    async def _operation(self, relay: Relay, place: Place, name: str) -> Json:
        """Return an operation without the bytes of its videos, which may be many."""
        reader = veo.Without()
        await relay.convey(
            SilentExchange("", b"", None), place, self._asked(name), lambda _status, headers: headers, reader
        )
        try:
            return msgspec.json.decode(reader.rest, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise UpstreamProtocolError(f"the upstream's answer is no JSON object: {error}") from None

    def _asked(self, name: str) -> Request:
        model = name.rpartition("/models/")[2].partition("/")[0]
        body = msgspec.json.encode({"operationName": name})
        path = f"/models/{quote(model, safe='')}:fetchPredictOperation"
        return Request("POST", path, "", (JSON,), (body,), len(body))


def asked(members: Json) -> Json:
    """Return what a request says of the video that it wants."""
    return {name: str(members[name]) for name in ("seconds", "size") if members.get(name)}


def only_videos(query: str) -> None:
    """Raise InvalidRequest for what is wanted of a video in its place."""
    if "variant=" in query and "variant=video" not in query:
        raise InvalidRequest("variant: this model's provider has only the video itself", param="variant")


def picture(members: Json, form: Form | None) -> tuple[bytes, str] | None:
    """Return the picture that a video begins with, and its type. Raises InvalidRequest."""
    if "input_reference" not in members:
        return None
    file = next((file for name, file in form.files if name == "input_reference"), None) if form is not None else None
    if file is None:
        return _in_place(members["input_reference"])
    if file.size > LARGEST:
        raise InvalidRequest(f"a picture may have {LARGEST} bytes here", param="input_reference")
    content = file.content
    held = content.spool.read(content.at, content.size) if isinstance(content, Extent) else content
    if isinstance(held, str):
        raise InvalidRequest("input_reference: expected a file", param="input_reference")
    return held, (file.content_type or b"image/png").decode("latin-1")


def _in_place(given: object) -> tuple[bytes, str]:
    """Return a picture that stands in the request. Raises InvalidRequest."""
    url = given.get("image_url") if isinstance(given, dict) else given
    kind, _, data = str(url).removeprefix("data:").partition(";base64,")
    if not str(url).startswith("data:") or not data:
        raise InvalidRequest(
            "input_reference: send a file, or {image_url: 'data:image/png;base64,...'}", param="input_reference"
        )
    return veo.decoded(data), kind
