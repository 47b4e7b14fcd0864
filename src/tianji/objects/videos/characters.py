"""Characters out of videos, which other videos may show: https://platform.openai.com/docs/api-reference/videos.

They lie at a deployment of the model that is named, and videos that show them are made there. Making one costs nothing
but a request.
"""

from typing import Final
from urllib.parse import parse_qsl, quote

import msgspec

from tianji.errors import InvalidRequest, MalformedJSON
from tianji.gateway.translation.forms import Form, adopt
from tianji.objects.answers import respond
from tianji.objects.errand import Errand
from tianji.objects.kinds import CHARACTER
from tianji.objects.naming import shown
from tianji.objects.places import Place
from tianji.objects.relay import Request
from tianji.objects.uploading import OURS, read_form
from tianji.objects.videos.filming import Json
from tianji.objects.videos.ways import FILMINGS

PATH: Final = "/videos/characters"


class Characters(Errand):
    """One request."""

    async def serve(self) -> None:
        """Answer the request. Raises what it is refused with."""
        name = self._params.get(CHARACTER.name)
        if name is None:
            await self._make()
            return
        self._asking.take(CHARACTER, name)
        copy = self._asking.named[0].ref.copies[0]
        place = self._desk.places.film(copy.place)
        if place is None:
            raise InvalidRequest("the deployment that this character lies at is not in the configuration any more")
        answer = await self._desk.relay.ask(place, Request("GET", f"{PATH}/{quote(copy.id, safe='')}"))
        self._respond(place, answer, self._asking.named[0].ref.owner)

    async def _make(self) -> None:
        parts = await read_form(self._exchange)
        if parts is None:
            raise InvalidRequest("the body is no form; send multipart/form-data with a video", param="video")
        adopt(self._exchange, parts)
        try:
            members = msgspec.json.decode(self._exchange.body, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise MalformedJSON(f"The form cannot be read: {error}") from None
        named = members.get("model") or dict(parse_qsl(self._exchange.query.decode("ascii", "replace"))).get("model")
        if not isinstance(named, str) or not named:
            raise InvalidRequest("say by `model`, in the form or the query, whose videos show it", param="model")
        places = [place for place, _ in self._desk.places.filming(named, self._caller) if place.films == "openai"]
        if not places:
            raise InvalidRequest(f"{named[:128]!r} has no characters: OpenAI's models have", param="model")
        place, form = places[0], self._exchange.form
        told = {name: value for name, value in members.items() if name not in OURS}
        async with self._desk.charging.request(self._exchange, self._caller, place.group or ""):
            asked = FILMINGS["openai"].making(place, "", PATH, told, form if isinstance(form, Form) else None)
            answer = await self._desk.relay.ask(place, asked)
        self._respond(place, answer, self._owner)

    def _respond(self, place: Place, answer: Json, owner: bytes) -> None:
        told = shown(self._desk.seal, place.digest, owner, answer | {"object": CHARACTER.objects[0]})
        respond(self._exchange, told, place)
