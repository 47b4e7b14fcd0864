"""Requests for what upstreams keep for callers.

An id says where something lies and whose it is, so a request finds its way by what it names, and somebody else's object
is one that there is not. What names nothing goes where the request says: to the place of a model, or of a provider.
"""

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.edge.answers import call_id_headers, respond_json
from tianji.errors import Header, InvalidRequest, MalformedJSON, TianjiError
from tianji.gateway.translation.forms import take_json
from tianji.lazy import load
from tianji.objects.answers import content_head, respond
from tianji.objects.desk import Desk
from tianji.objects.dues import PAID, settle
from tianji.objects.errand import Errand
from tianji.objects.evaluating import asked_of
from tianji.objects.guarding import Scrutiny, judged
from tianji.objects.ids import Copy, Ref
from tianji.objects.keeping import KEEPING, bring
from tianji.objects.kinds import BATCH, BY_OBJECT, EVAL_RUN, FILE, JOB, VIDEO, Kind
from tianji.objects.lines import Counted
from tianji.objects.naming import Asking, Events, shown
from tianji.objects.places import Place
from tianji.objects.relay import Request
from tianji.objects.rows import IN_PATH, ROWS, Row
from tianji.objects.runs import Runs
from tianji.objects.uploading import OURS, Upload, read_members, read_upload
from tianji.objects.videos.films import Films

_TABLE: Final = "tianji.storage.objects"
_JSON: Final[Header] = (b"content-type", b"application/json")
_BETA: Final[Header] = (b"openai-beta", b"assistants=v2")  # vector stores were theirs
_MOST: Final = 10_000  # objects of a list
_SHOWN: Final = 20  # objects of a list that are asked for again because they may have changed
_MARKS: Final = frozenset({"after", "before"})  # parameters of a list that name one of its objects
_AS_MADE: Final = ("input_file_id", "training_file", "validation_file", "purpose")
Json = dict[str, Any]


async def serve(desk: Desk, row: Row, exchange: Exchange, params: Mapping[str, str]) -> None:
    """Answer a request. Raises what it is refused with."""
    if row.path.startswith("/videos/characters"):
        await load("tianji.objects.videos.characters").Characters(desk, row, exchange, params).serve()
        return
    if row.of_videos and row.lists is None:
        await Films(desk, row, exchange, params).serve()
        return
    work = _Work(desk, row, exchange, params)
    if row.lists is not None:
        await work.list(row.lists)
    elif row.creates is FILE:
        await work.upload()
    else:
        await work.pass_on()


class _Work(Errand):
    """One request."""

    def __init__(self, desk: Desk, row: Row, exchange: Exchange, params: Mapping[str, str]) -> None:
        super().__init__(desk, row, exchange, params)
        self._seal = desk.seal
        self._places = desk.places
        self._query = dict(parse_qsl(exchange.query.decode("ascii", "replace"), keep_blank_values=True))
        self._asking = Asking(self._seal, self._caller)
        self._runs = Runs(desk, exchange, self._caller, begins=row.begins)
        self._upload: Upload | None = None

    # -- what needs no answer of its own -------------------------------------------------------------------------------

    async def pass_on(self) -> None:
        """Send a request on and answer with what comes, ids replaced."""
        members = await self._members()
        for name, value in self._params.items():
            if name in IN_PATH:
                self._asking.take(IN_PATH[name], value)
        self._asking.look_into(members)
        if self._row.items is not None:
            for name in _MARKS & self._query.keys():
                self._asking.take(self._row.items, self._query[name])
        place = self._place(members)
        members, reader = await judged(self._desk.guards(), self._row, self._exchange, self._places, members, place)
        if self._asking.named:
            self._owner = self._asking.named[0].ref.owner
        request = self._request(place, members)
        if self._row.content:
            client = self._exchange if reader is None else reader.lines(lambda model: place.group or model)
            await self._desk.relay.convey(client, place, request, functools.partial(content_head, self._exchange))
            return
        if self._row.streams and members.get("stream") is True:
            client = self._exchange if reader is None else reader.stream(self._row.spoken, place.group or "")
            held = self._desk.charging.request(self._exchange, self._caller, place.group or "")
            async with held if self._row.begins else contextlib.nullcontext():
                await self._stream(client, place, request)
            return
        answer = await self._remembered(await self._paid(place, request, members), place)
        if self._row.deletes:
            await self._delete_others(place)
        if reader is not None:
            left = await reader.whole(self._row.spoken, place.group or "", msgspec.json.encode(answer))
            answer = msgspec.json.decode(left)
        respond(self._exchange, answer, place)

    async def _paid(self, place: Place, request: Request, members: Json) -> Json:
        """Return what the upstream answers; where that makes something that costs, the caller's limits allow it."""
        if self._row.creates is BATCH:
            file = _file_of(self._asking, members)
            counts = {place.group or "": Counted(file.rows, file.tokens)}
            async with self._desk.charging.batch(self._exchange, self._caller, place.provider, counts) as taken:
                answer = await self._fetch(place, request)
                taken.id = str(answer.get("id"))
                return answer
        if self._row.creates in (JOB, EVAL_RUN) or self._row.begins:
            async with self._desk.charging.request(self._exchange, self._caller, place.group or ""):
                return await self._fetch(place, request)
        return await self._fetch(place, request)

    async def _stream(self, client: Exchange, place: Place, request: Request) -> None:
        """Hand on the events of a run."""

        def rename(event: Any) -> Any:
            event = shown(self._seal, place.digest, self._owner, event)
            self._runs.see(event)
            return event

        head = functools.partial(content_head, self._exchange)
        try:
            await self._desk.relay.convey(client, place, request, head, Events(rename))
        finally:
            await self._runs.pay(place)

    async def _members(self) -> Json:
        """Return the members of the body, or the fields of its form. Raises InvalidRequest where it is neither."""
        if self._row.method != "POST":
            return {}
        if self._row.form:
            found = await read_members(self._exchange)
            if found is not None:
                members, self._upload = found
                return members
        take_json(self._exchange, self._places.snapshot.max_body)
        try:
            return msgspec.json.decode(self._exchange.body or b"{}", type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedJSON(f"The body is not a JSON object: {error}") from None

    def _request(self, place: Place, members: Json) -> Request:
        if place.keeps in KEEPING:
            if not self._row.of_files:
                raise InvalidRequest(f"{place.provider} keeps files here, and nothing that is made of them")
            keeping = KEEPING[place.keeps]
            return keeping.asking(
                self._row.method,
                self._asking.at(place.digest, FILE, self._params[FILE.name]),
                content=self._row.content,
            )
        names = dict(self._params)
        for name in IN_PATH.keys() & names.keys():
            names[name] = quote(self._asking.at(place.digest, IN_PATH[name], names[name]), safe="")
        path = self._row.path.format_map(names)
        query = {name: value for name, value in self._query.items() if name not in OURS}
        if self._row.items is not None:  # a parameter that names one of a list, as its place knows it
            kind = self._row.items
            query |= {name: self._asking.at(place.digest, kind, query[name]) for name in _MARKS & query.keys()}
        headers = [pair for pair in self._exchange.headers if pair[0] == _BETA[0]]
        if not headers and self._row.path.startswith(("/vector_stores", "/assistants", "/threads")):
            headers = [_BETA]
        if self._row.method != "POST":
            return Request(self._row.method, path, urlencode(query), tuple(headers))
        told = self._asking.said_to(place.digest, {name: value for name, value in members.items() if name not in OURS})
        if self._row.grades:
            told = asked_of(place, self._places, self._caller, told)
        if self._upload is not None:
            form, pieces, length = self._upload.beside(told)
            return Request("POST", path, urlencode(query), (*headers, (b"content-type", form)), tuple(pieces), length)
        if self._row.models and members.get("model"):
            told["model"] = place.model or members["model"]
        body = msgspec.json.encode(told)
        return Request("POST", path, urlencode(query), (*headers, _JSON), (body,), len(body))

    # -- uploads -------------------------------------------------------------------------------------------------------

    async def upload(self) -> None:
        """Send a file to each place that is named; its id then says all of them."""
        upload = await read_upload(self._exchange)
        upload.judge(self._places.snapshot.config.general_settings)
        charging = self._desk.charging
        async with charging.upload(self._caller) if upload.of_batch else contextlib.nullcontext():
            await self._send(upload)

    async def _send(self, upload: Upload) -> None:
        general = self._places.snapshot.config.general_settings
        copies, rows, tokens, first = [], -1, 0, None
        targets, guards = self._targets(upload), self._desk.guards()
        if upload.of_batch and guards is not None:
            judge = Scrutiny(guards, self._exchange, self._caller, self._places)
            upload.content, upload.size = await judge.file(upload.content, targets)
        for place in targets:
            content, size = upload.content, upload.size
            if upload.of_batch:
                content, size, counted = await upload.counted(place, self._caller, general.max_batch_file_records)
                rows, tokens = counted.rows, counted.tokens
            answer = await bring(self._desk.relay, place, upload, content, size)
            copies.append(Copy(place.digest, str(answer.get("id"))))
            first = first or (answer, place)
        if first is None:
            raise InvalidRequest("target_model_names: names no model", param="target_model_names")
        answer, place = first
        told = answer | {"id": self._seal.close(FILE, Ref(self._owner, tuple(copies), rows, tokens))}
        respond(self._exchange, await self._remembered(told, place), place)

    def _targets(self, upload: Upload) -> list[Place]:
        named = (
            upload.field("target_model_names")
            or upload.field("target_model_names[]")
            or self._said("target_model_names")
        )
        names = [name.strip() for name in (named or "").split(",") if name.strip()]
        model = upload.field("model") or self._said("model")
        if model and not names:
            names = [model]
        if not names:
            return [self._of_provider(upload.field("custom_llm_provider"))]
        return list(
            {
                place.digest: place
                for place in (self._places.of_model(name, self._caller, files=True) for name in names)
            }.values()
        )

    # -- places --------------------------------------------------------------------------------------------------------

    def _place(self, members: Json) -> Place:
        """Return where a request goes. Raises InvalidRequest, UnknownModel and what the caller is refused with."""
        model = members.get("model") or self._said("model")
        wanted = None
        if isinstance(model, str) and model and not self._is_of_provider(model, members):
            wanted = self._places.of_model(model, self._caller, files=self._row.of_files)
        lying = self._asking.places()
        if not lying:
            return wanted or self._of_provider(members.get("custom_llm_provider"))
        return wanted if wanted is not None and wanted.digest in lying else self._places.lying(self._asking)

    def _is_of_provider(self, model: str, members: Json) -> bool:
        """Tell whether a model is one of a provider's: what is tuned there, or helps there, by the provider's own name.

        Raises what a caller is refused with who may not use models of that name.
        """
        there = members.get("custom_llm_provider") or self._said("custom_llm_provider")
        if self._row.section == "finetune":
            return bool(there)
        if self._row.section != "assistants" or not (there or self._asking.places()):
            return False
        if not there and self._places.snapshot.serves(self._caller.target(model)):
            return False
        self._caller.require(self._caller.target(model))
        return True

    def _of_provider(self, said: object) -> Place:
        named = (
            said
            if isinstance(said, str) and said
            else self._params.get("provider") or self._said("custom_llm_provider")
        )
        return self._places.of_provider(named, self._row.section)

    def _said(self, name: str) -> str | None:
        """Return what the query or a header says of where a request goes."""
        header = self._exchange.header(f"x-litellm-{name.replace('_', '-')}".encode())
        other = self._exchange.header(name.replace("_", "-").encode()) if name == "custom_llm_provider" else None
        found = header or other
        return self._query.get(name) or (found.decode("latin-1") if found else None)

    # -- answers -------------------------------------------------------------------------------------------------------

    async def _fetch(self, place: Place, request: Request) -> Json:
        """Return an answer as the client is to see it."""
        said = await self._desk.relay.ask(place, request)
        if place.keeps in KEEPING:
            gone = self._asking.at(place.digest, FILE, self._params[FILE.name]) if self._row.deletes else None
            said = KEEPING[place.keeps].told(said, gone)
        answer: Json = shown(self._seal, place.digest, self._owner, said)
        for named in self._asking.named:  # a file of several places, or one that was counted, keeps its name
            answer = _renamed(
                answer, self._seal.close(named.kind, Ref(named.ref.owner, (_copy(named.ref, place),))), named.id
            )
        await settle(self._desk, self._exchange, self._row, place, said, answer)
        self._runs.see(answer)
        await self._runs.pay(place)
        return answer

    async def _remembered(self, answer: Json, place: Place) -> Json:
        """Keep an object that was made, note what became of one, forget one that was deleted; return it.

        The files that it was made of are called as they were then, though an id of theirs may say less now; and what a
        file is for is what was said then, which not every provider keeps.
        """
        kind = BY_OBJECT.get(str(answer.get("object")))
        if kind is None:
            return answer
        if answer.get("deleted") is True:
            if self._row.deletes:
                named = self._asking.named[-1]
                await load(_TABLE).forget(await self._desk.store.open(), self._seal.close(named.kind, named.ref))
                self._desk.tally.deleted(kind)
            return answer
        if not isinstance(answer.get("id"), str):
            return answer
        table, database = load(_TABLE), await self._desk.store.open()
        known = await table.find(database, answer["id"])
        if known is None and self._row.creates is kind:
            payer = self._desk.billing.payer(self._exchange, self._caller) if kind in PAID else None
            await self._desk.keep(kind, self._owner, answer, payer)
            self._desk.tally.created(kind, answer, place, self._caller)
        elif known is not None:
            before = msgspec.json.decode(known.body)
            answer = answer | {name: before[name] for name in _AS_MADE if answer.get(name) and before.get(name)}
            await table.renew(database, answer["id"], msgspec.json.encode(answer).decode())
            if kind is BATCH:
                self._desk.tally.ended(before, answer, place)
        return answer

    async def _delete_others(self, place: Place) -> None:
        """Delete a file at the other places, too, where it was sent to several."""
        for copy in self._asking.named[-1].ref.copies:
            other = self._places.known(copy.place)
            if other is not None and other.digest != place.digest:
                with contextlib.suppress(TianjiError):  # it is gone for its owner, whoever keeps a copy of it
                    await self._desk.relay.fetch(other, self._request(other, {}))

    # -- lists ---------------------------------------------------------------------------------------------------------

    async def list(self, kind: Kind) -> None:
        """Answer with what the caller has had made; what may have changed is asked for again."""
        limit = _limit(self._query.get("limit"))
        found = await load(_TABLE).page(
            await self._desk.store.open(),
            kind.name,
            self._owner.hex(),
            after=self._query.get("after"),
            limit=limit + 1,
            ascending=self._query.get("order") == "asc",
        )
        page = [msgspec.json.decode(kept.body) for kept in found[:limit]]
        if kind.ends is not None:
            page = [*await asyncio.gather(*(self._now(kind, one) for one in page[:_SHOWN])), *page[_SHOWN:]]
        purpose = self._query.get("purpose")
        data = [one for one in page if purpose is None or one.get("purpose") == purpose]
        respond_json(
            self._exchange,
            {
                "object": "list",
                "data": data,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
                "has_more": len(found) > limit,
            },
            200,
            call_id_headers(self._exchange, compatible=True),
        )

    async def _now(self, kind: Kind, known: Json) -> Json:
        """Return what an object is like now; what was known of it where nobody says."""
        if known.get("status") in (kind.ends or ()):
            return known
        row = next(row for row in ROWS if row.method == "GET" and row.path.endswith(f"{{{kind.name}}}"))
        work = (Films if kind is VIDEO else _Work)(self._desk, row, self._exchange, {kind.name: known["id"]})
        try:
            return await work.read()
        except TianjiError:
            return known

    async def read(self) -> Json:
        """Return the object that the path names, as the client is to see it."""
        for name, value in self._params.items():
            self._asking.take(IN_PATH[name], value)
        place = self._place({})
        return await self._remembered(await self._fetch(place, self._request(place, {})), place)


def _file_of(asking: Asking, members: Json) -> Ref:
    """Return the file of requests that a batch is to answer. Raises InvalidRequest."""
    named = members.get("input_file_id")
    found = next((one.ref for one in asking.named if one.kind is FILE and one.id == named), None)
    if found is None:
        raise InvalidRequest("Missing required parameter: 'input_file_id'.", param="input_file_id")
    if found.rows < 0:
        raise InvalidRequest("the file was not uploaded with purpose `batch`", param="input_file_id")
    return found


def _copy(ref: Ref, place: Place) -> Copy:
    return next(copy for copy in ref.copies if copy.place == place.digest)


def _renamed(value: Any, name: str, other: str) -> Any:
    """Return a value in which a text that is `name` is `other`."""
    if isinstance(value, dict):
        return {member: _renamed(item, name, other) for member, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, name, other) for item in value]
    return other if value == name else value


def _limit(text: str | None) -> int:
    """Return how many objects a list may have. Raises InvalidRequest."""
    if text is None:
        return _MOST
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= _MOST:
        raise InvalidRequest(f"limit: expected a number from 1 to {_MOST}", param="limit")
    return int(text)
