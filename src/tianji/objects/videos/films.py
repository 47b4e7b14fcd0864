"""Requests for videos: made at a deployment of the model that is named, and found by ids that say where they lie.

A video is paid for when it is begun, by its seconds, once, as in LiteLLM: what is asked of it later costs nothing.
"""

import asyncio
import functools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tianji._core.journal.meter import Measures, Rates, cost
from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji.errors import InvalidRequest, MalformedJSON, TianjiError, UpstreamConnectFailed, UpstreamRefused
from tianji.gateway.translation.forms import Form, adopt, take_json
from tianji.lazy import load
from tianji.objects.answers import content_head, respond
from tianji.objects.billing import Bill, paying
from tianji.objects.errand import Errand
from tianji.objects.guarding import Scrutiny
from tianji.objects.kinds import CHARACTER, VIDEO
from tianji.objects.naming import shown
from tianji.objects.places import Place
from tianji.objects.uploading import OURS, read_form
from tianji.objects.videos.filming import Filming
from tianji.objects.videos.ways import FILMINGS

_TABLE: Final = "tianji.storage.objects"
_STANDARD: Final = TIERS_BY_NUMBER.index("standard")
_BUSY: Final = frozenset({429, 503})  # what another deployment may not say
_LONGEST: Final = 24 * 3600.0  # seconds that a video may cost
_CALLS: Final[Mapping[str, str]] = {
    "/videos": "acreate_video",
    "/videos/edits": "avideo_edit",
    "/videos/extensions": "avideo_extension",
    "/videos/{video}/remix": "avideo_remix",
}
"""What the ledger calls requests that make videos."""
_PRICED: Final = ("parameters", "seconds", "duration", "resolution")
"""What of a request a video costs by."""
Json = dict[str, Any]


class Films(Errand):
    """One request."""

    async def serve(self) -> None:
        """Answer the request. Raises what it is refused with."""
        if self._row.creates is VIDEO:
            await self._make()
        elif self._row.deletes:
            await self._delete()
        elif self._row.path.endswith("/content"):
            await self._content()
        else:
            answer = await self.read()
            respond(self._exchange, answer, self._found()[0])

    # -- what there is already -----------------------------------------------------------------------------------------

    async def read(self) -> Json:
        """Return the video that the path names, as the client is to see it."""
        place, filming, name = self._named()
        known = await self._kept()
        answer = await filming.state(self._desk.relay, place, name, known | {"id": name} if known else {})
        told = self._shown(place, answer)
        about = known | told | {member: known[member] for member in ("model",) if member in known}
        if about.get("status") == "completed" and not about.get("completed_at"):
            about["completed_at"] = int(self._desk.clock.now())
        if known and about != known:
            encoded = msgspec.json.encode(about).decode()
            await load(_TABLE).renew(await self._desk.store.open(), self._params[VIDEO.name], encoded)
        return about

    async def _delete(self) -> None:
        place, filming, name = self._named()
        await filming.delete(self._desk.relay, place, name)
        await load(_TABLE).forget(await self._desk.store.open(), self._params[VIDEO.name])
        respond(self._exchange, {"id": self._params[VIDEO.name], "object": "video.deleted", "deleted": True}, place)

    async def _content(self) -> None:
        place, filming, name = self._named()
        query = self._exchange.query.decode("ascii", "replace")
        begin = functools.partial(content_head, self._exchange)
        await filming.content(self._desk.relay, self._exchange, place, name, query, begin)

    def _named(self) -> tuple[Place, Filming, str]:
        """Return where the video lies that the path names. Raises ObjectNotFound for what is not the caller's."""
        self._asking.take(VIDEO, self._params[VIDEO.name])
        self._owner = self._asking.named[0].ref.owner
        return self._found()

    def _found(self) -> tuple[Place, Filming, str]:
        """Return where the video lies that was named, how it is asked for there, and what it is called there.

        Raises InvalidRequest where the configuration does not have that place any more.
        """
        named = self._asking.named[0]
        copy = named.ref.copies[0]
        place = self._desk.places.film(copy.place)
        if place is None:
            raise InvalidRequest("the deployment that this video lies at is not in the configuration any more")
        if place.unready is not None:
            raise TianjiError(f"the place of this video cannot be asked: {place.unready}")
        return place, FILMINGS[place.films], copy.id

    async def _kept(self) -> Json:
        kept = await load(_TABLE).find(await self._desk.store.open(), self._params[VIDEO.name])
        return {} if kept is None else msgspec.json.decode(kept.body, type=dict[str, Any])

    def _shown(self, place: Place, answer: Json) -> Json:
        told: Json = shown(self._desk.seal, place.digest, self._owner, {**answer, "object": VIDEO.objects[0]})
        return told

    # -- what is made --------------------------------------------------------------------------------------------------

    async def _make(self) -> None:
        members, form = await self._read()
        source = self._params.get(VIDEO.name) or _source(members)
        if source is not None:
            self._asking.take(VIDEO, source)
        self._asking.look_into(members)
        for one in _characters(members):
            self._asking.take(CHARACTER, one["id"])
        self._owner = self._asking.named[0].ref.owner if self._asking.named else self._owner
        named = members.get("model")
        ways = self._ways(named, anew=source is None)
        guards = self._desk.guards()
        if guards is not None:
            judge = Scrutiny(guards, self._exchange, self._caller, self._desk.places)
            members = await judge.told(self._row.spoken, members, ways[0][0])
        told = {name: value for name, value in members.items() if name not in OURS - {"model"}}
        model, length = ways[0][1], FILMINGS[ways[0][0].films]
        held = self._bill(ways[0][0], model, told, length).nano
        async with self._desk.charging.request(self._exchange, self._caller, ways[0][0].group or "", held):
            # whoever goes away meanwhile pays for what is made all the same
            making = asyncio.get_running_loop().create_task(self._made(ways, told, form))
            place, answer = await asyncio.shield(making)
        answer["model"] = named if isinstance(named, str) and named else place.group
        await self._keep(answer)
        respond(self._exchange, answer, place)

    async def _made(self, ways: list[tuple[Place, str]], members: Json, form: Form | None) -> tuple[Place, Json]:
        """Have a video made at the first place that is not busy, and pay for it. Raises what it is refused with."""
        for last, (place, model) in zip((False,) * (len(ways) - 1) + (True,), ways, strict=True):
            filming = FILMINGS[place.films]
            told = self._told(place, members)
            path = self._row.path.format_map({VIDEO.name: self._at(place)})
            try:
                answer = await self._desk.relay.ask(place, filming.making(place, model, path, told, form))
            except (UpstreamConnectFailed, UpstreamRefused) as error:
                if last or (isinstance(error, UpstreamRefused) and error.status not in _BUSY):
                    raise
                continue
            made = filming.made(model, answer, told)
            if made.get("created_at") is None:
                made["created_at"] = int(self._desk.clock.now())
            shown_as = self._shown(place, made)
            await self._pay(place, str(shown_as["id"]), self._bill(place, model, _priced(members, made), filming))
            return place, shown_as
        raise InvalidRequest("there is no place for this video", param="model")

    async def _pay(self, place: Place, name: str, bill: Bill) -> None:
        who = paying(self._desk.billing.payer(self._exchange, self._caller))
        self._desk.billing.book(self._exchange, place, who, name, bill)
        await self._desk.billing.charge(self._exchange, place, who, bill)

    def _bill(self, place: Place, model: str, members: Json, filming: Filming) -> Bill:
        """Return what a video comes to by its seconds and its size. Raises InvalidRequest for a length that is none."""
        count = (
            members.get("parameters", {}).get("sampleCount", 1) if isinstance(members.get("parameters"), dict) else 1
        )
        seconds = min(_LONGEST, filming.length(members) * (count if isinstance(count, int) and count > 0 else 1))
        bill = Bill(_STANDARD, _CALLS[self._row.path], model=model)
        rates: Rates | None = None if place.filmed is None else place.filmed(model, filming.resolution(members))
        if rates is None or not rates.known:
            return bill
        measures, now = Measures(output_video_milliseconds=round(1000 * seconds)), int(time.time())
        bill.items, bill.factors = tuple(rates.itemized(None, now, measures, _STANDARD)), rates.factor
        bill.nano, bill.priced = cost(rates, None, now, measures, _STANDARD), True
        return bill

    def _ways(self, named: object, *, anew: bool) -> list[tuple[Place, str]]:
        """Return where a video may be made, and what the model is called there, each place first in its turn."""
        if not anew:
            place = self._found()[0]
            return [(place, place.model or str(named or ""))]
        if not isinstance(named, str) or not named:
            raise InvalidRequest("Missing required parameter: 'model'.", param="model")
        found = self._desk.places.filming(named, self._caller)
        lying = self._asking.places()
        if lying:
            found = [(place, model) for place, model in found if place.digest in lying]
        if not found:
            raise InvalidRequest("the files of this request do not lie where its model is", param="input_reference")
        at = self._desk.turn() % len(found)
        return [*found[at:], *found[:at]]

    def _told(self, place: Place, members: Json) -> Json:
        told: Json = self._asking.said_to(place.digest, members)
        if isinstance(told.get("video"), dict) and "id" in told["video"]:
            told["video"] = {"id": self._at(place)}
        if shows := _characters(told):
            told["characters"] = [{**one, "id": self._asking.at(place.digest, CHARACTER, one["id"])} for one in shows]
        return told

    def _at(self, place: Place) -> str:
        """Return what a place calls the video that another is made of; "" for none."""
        return next(
            (copy.id for one in self._asking.named if one.kind is VIDEO for copy in one.ref.copies
             if copy.place == place.digest), "",
        )  # fmt: skip

    async def _read(self) -> tuple[Json, Form | None]:
        """Return the members of a request, and its files; None where it has none. Raises InvalidRequest."""
        parts = await read_form(self._exchange)
        if parts is None:
            take_json(self._exchange, self._desk.places.snapshot.max_body)
        else:
            adopt(self._exchange, parts)
        try:
            members = msgspec.json.decode(self._exchange.body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedJSON(f"The body is not a JSON object: {error}") from None
        query = dict(parse_qsl(self._exchange.query.decode("ascii", "replace")))
        if query.get("model"):
            members.setdefault("model", query["model"])
        form: Form | None = self._exchange.form if parts is not None else None
        return _nested(members), form if form is not None and form.files else None

    async def _keep(self, answer: Json) -> None:
        kept = load(_TABLE).Kept(
            id=answer["id"],
            kind=VIDEO.name,
            owner=self._owner.hex(),
            created_at=datetime.fromtimestamp(self._desk.clock.now(), UTC),
            body=msgspec.json.encode(answer).decode(),
        )
        await load(_TABLE).keep(await self._desk.store.open(), kept)


def _characters(members: Json) -> list[Json]:
    """Return the characters that a video is to show. Raises InvalidRequest for what is none."""
    named = members.get("characters")
    if named is None:
        return []
    if not isinstance(named, list) or not all(
        isinstance(one, dict) and isinstance(one.get("id"), str) for one in named
    ):
        raise InvalidRequest("characters: expected a list of {id: ...}", param="characters")
    return named


def _source(members: Json) -> str | None:
    """Return the id of the video that is to be changed; None where a file is, or none."""
    video = members.get("video")
    found = video.get("id") if isinstance(video, dict) else video
    return found if isinstance(found, str) and found else None


def _priced(asked: Json, made: Json) -> Json:
    """Return what a video costs by: what was made; where it goes on, the seconds that were asked for."""
    return {**made, **{name: asked[name] for name in _PRICED if asked.get(name)}}


def _nested(members: Json) -> Json:
    """Return members with those of a form that stand for one of another, `video[id]`, in their places.

    `characters[][id]` stands for one of each in a list.
    """
    found: Json = {}
    for name, value in members.items():
        outer, opened, inner = name.partition("[")
        if inner.startswith("][") and inner.endswith("]"):
            found[outer] = [{inner[2:-1]: one} for one in (value if isinstance(value, list) else [value])]
        elif opened and inner.endswith("]") and len(inner) > 1:
            holder = found.setdefault(outer, {})
            if isinstance(holder, dict):
                holder[inner[:-1]] = value
        else:
            found[name] = value
    return found
