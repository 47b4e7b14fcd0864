"""The routes of stored responses (https://platform.openai.com/docs/api-reference/responses).

A response belongs to the team of the key that asked for it, else to the key's owner, else to the key; nobody else
learns that it exists. It is stored before its answer ends, so that what follows it finds it, on whichever machine.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tianji._core.bodies.spans import scan
from tianji._core.caching.kept import KeptExchange
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.silent import SilentExchange
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import Identity
from tianji.clock import SYSTEM, Clock
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.endpoints.background import Background
from tianji.endpoints.keeping import Arrival, Keeping, may_see, table
from tianji.errors import InvalidRequest, MalformedJSON, ObjectNotFound
from tianji.lazy import load
from tianji.storage.store import Store

_DIALECT: Final = "tianji.dialects.responses"
KEPT_FOR: Final = timedelta(days=30)  # as long as OpenAI keeps them
_MOST_ITEMS: Final = 100
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TAGS: Final = ("models",)

log = logging.getLogger(__name__)
Json = dict[str, Any]
Create = Callable[[Exchange, Match], Any]


class StoredResponses:
    """The routes. `create` is the handler that answers; `paths` are those at which it is asked for."""

    def __init__(
        self,
        store: Store,
        create: Create,
        paths: Sequence[str],
        guards: Callable[[], Any] = lambda: None,
        clock: Clock = SYSTEM,
    ) -> None:
        """`guards`: who judges what is read again, see gateway.guarding.guards; None where nobody does."""
        self._store = store
        self._guards = guards
        self._create = create
        self._paths = paths
        self._clock = clock
        self._keeping: set[asyncio.Task[None]] = set()
        self.keeping = Keeping(store, self.begin)
        self._background = Background(store, self.begin, clock)

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table, `create` apart."""
        for path in self._paths:
            for method, tail, handler, summary in (
                ("GET", "", self._read, "Return a stored response."),
                ("DELETE", "", self._delete, "Delete a stored response."),
                ("POST", "/cancel", self._cancel, "Cancel a response that is made in the background."),
                ("GET", "/input_items", self._items, "List the items that a response was asked for with."),
            ):
                template = f"{path}/{{response_id}}{tail}"
                yield Route((method,), template, handler, Access.KEY, Tenant.CALLER, summary, _TAGS)

    def create(self, exchange: Exchange, match: Match) -> Awaitable[None] | None:
        """Answer a request, and store the answer unless `store` is false. What has to ask the store waits for it."""
        try:
            spans = scan(exchange.body)
        except MalformedJSON:
            self._create(exchange, match)  # which says so
            return None
        previous = spans.string(b"previous_response_id")
        wanted = spans.get(b"store") != b"false"
        if spans.get(b"background") == b"true":
            return self._begin(exchange, match, previous)
        if previous:
            return self._go_on(exchange, match, previous, wanted=wanted)
        if wanted:
            self._answer(exchange, match, exchange.body, _Keeper(self, exchange, None))
        else:
            self._create(exchange, match)
        return None

    async def _go_on(self, exchange: Exchange, match: Match, previous: str, *, wanted: bool) -> None:
        """Answer what follows another response."""
        keeper = _Keeper(self, exchange, previous) if wanted else None
        body, hidden, pinned = await self._continued(caller_of(exchange), previous, exchange.body)
        self._answer(exchange, match, body, keeper, hidden, pinned)

    def _answer(
        self,
        exchange: Exchange,
        match: Match,
        body: bytes,
        keeper: "_Keeper | None",
        hidden: bytes | None = None,
        pinned: str | None = None,
    ) -> None:
        if keeper is None and hidden is None and pinned is None:
            self._create(exchange, match)
            return
        kept = KeptExchange(exchange, body, keeper, hidden)
        kept.pinned = pinned
        if keeper is not None:
            keeper.release = kept.release
        self._create(kept, match)

    def continuing(self, handler: Create) -> Create:
        """Return a handler of what may follow a response, as one of its owner; nothing of it is stored."""

        async def handle(exchange: Exchange, match: Match) -> None:
            try:
                previous = scan(exchange.body).string(b"previous_response_id")
            except MalformedJSON:
                previous = None  # the handler says so
            if not previous:
                handler(exchange, match)
                return
            body, _, pinned = await self._continued(caller_of(exchange), previous, exchange.body)
            kept = KeptExchange(exchange, body)
            kept.pinned = pinned
            handler(kept, match)

        return handle

    def begin(self, work: Any) -> None:
        """Store something; it is seen to that it is not forgotten."""
        task = asyncio.get_running_loop().create_task(work)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _begin(self, exchange: Exchange, match: Match, previous: str | None) -> None:
        """Answer at once, and make the response in the background."""
        dialect, caller, body = load(_DIALECT), caller_of(exchange), exchange.body
        members = msgspec.json.decode(body)
        if members.get("stream") is True or members.get("store") is False:
            raise InvalidRequest(
                "background: true needs store: true and stream: false; ask for the response by its id",
                param="background",
            )
        now = self._clock.now()
        response = dialect.begun(body, dialect.new_response_id(), int(now)) | {"previous_response_id": previous}
        pinned = None
        if previous:
            body, _, pinned = await self._continued(caller, previous, body)
            members = msgspec.json.decode(body)
        del members["background"]
        begun = msgspec.json.encode(response | {"status": "in_progress"})
        kept = self.row(caller, exchange.body, previous, begun, running=True)
        await table().keep(await self._store.open(), kept)
        taker = self._background.listener(kept)
        silent = SilentExchange(exchange.path, msgspec.json.encode(members), caller, taker, exchange.headers)
        silent.pinned, silent.logins = pinned, exchange.logins
        respond_json(exchange, response)
        self._background.start(kept, silent)
        self._create(silent, match)

    def row(
        self,
        caller: Identity,
        body: bytes,
        previous: str | None,
        response: bytes,
        *,
        running: bool = False,
        deployment_id: str | None = None,
    ) -> Any:
        """Return what is stored of a response to `body`. Raises MalformedJSON, DecodeError and LookupError."""
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        response_id = scan(response).string(b"id")
        if not response_id:
            raise LookupError("it has no id")
        return table().Kept(
            id=response_id,
            created_at=now,
            key=caller.key,
            user_id=caller.user_id,
            team_id=caller.team_id,
            previous_id=previous,
            deployment_id=deployment_id,
            input=named(scan(body).get(b"input") or b"[]", response_id).decode(),
            response=response.decode(),
            running=running,
            seen_at=now if running else None,
        )

    async def _continued(self, caller: Identity, previous: str, body: bytes) -> tuple[bytes, bytes | None, str | None]:
        """Return the body with the turns before, and the id that it no longer holds.

        An upstream that stores responses itself knows what came before; then the body stays as it is, and the last is
        the id of the deployment that has to be asked.
        """
        found = await self._find(caller, previous)
        if not previous.startswith(load(_DIALECT).OWN_PREFIX):
            return body, None, found.deployment_id
        turns = await table().conversation(await self._store.open(), previous)
        if turns[0].previous_id is not None:
            raise _unknown(turns[0].previous_id)
        if turns[-1].running:
            raise InvalidRequest(f"Response {previous!r} is still being made.", param="previous_response_id")
        members = msgspec.json.decode(body)
        before = [item for turn in turns for item in turn.items()]
        asked = members.get("input")
        items = load(_DIALECT).input_items(asked) if isinstance(asked, str | list) else []
        known = {item["id"]: item for item in before if "id" in item}
        members["input"] = [*before, *(_resolved(item, known) for item in items)]
        del members["previous_response_id"]
        return msgspec.json.encode(members), previous.encode(), None

    async def _find(self, caller: Identity, response_id: str) -> Any:
        found = await table().find(await self._store.open(), response_id)
        if found is None or not may_see(caller, found):
            raise _unknown(response_id)
        return await self._background.looked_after(found)

    async def _read(self, exchange: Exchange, match: Match) -> None:
        found = await self._find(caller_of(exchange), match.params["response_id"])
        body, guards = found.response.encode(), self._guards()
        if guards is not None:
            model = scan(body).string(b"model") or ""
            body = await guards.earlier(exchange).whole("responses", model, body)
        respond_json(exchange, msgspec.Raw(body))

    async def _delete(self, exchange: Exchange, match: Match) -> None:
        found = await self._find(caller_of(exchange), match.params["response_id"])
        await table().forget(await self._store.open(), found.id)
        respond_json(exchange, {"id": found.id, "object": "response", "deleted": True})

    async def _cancel(self, exchange: Exchange, match: Match) -> None:
        found = await self._find(caller_of(exchange), match.params["response_id"])
        response = msgspec.json.decode(found.response)
        if response.get("background") is not True:
            raise InvalidRequest("Cannot cancel a synchronous response: it is complete already.")
        if found.running:
            response["status"] = "cancelled"
            await self._background.cancel(found.id, response)
        respond_json(exchange, response)

    async def _items(self, exchange: Exchange, match: Match) -> None:
        found = await self._find(caller_of(exchange), match.params["response_id"])
        query = dict(parse_qsl(exchange.query.decode("ascii", "replace")))
        respond_json(exchange, listed(msgspec.json.decode(found.input), query))


class _Keeper:
    """Stores one response when it is whole, and lets its end go then.

    An answer out of the cache is its owner's (`recall.Kind.owned`), who has it by the same id already.
    """

    def __init__(self, stored: StoredResponses, exchange: Exchange, previous: str | None) -> None:
        self._stored = stored
        self._caller = caller_of(exchange)
        self._body = exchange.body  # an exchange lets go of it when its answer begins
        self._previous = previous
        self.release: Callable[[], None] = lambda: None

    def __call__(self, payload: bytes, deployment_id: str | None) -> None:
        """Store a response: `payload` is that, or the event that holds it."""
        try:
            response = scan(payload).get(b"response") or payload
            kept = self._stored.row(self._caller, self._body, self._previous, response, deployment_id=deployment_id)
        except (InvalidRequest, msgspec.DecodeError, LookupError) as error:
            log.warning("a response was not stored: %s", error)
            self.release()
        else:
            self._stored.keeping.add(Arrival(kept, self._caller, self.release))


async def forget_old(store: Store, clock: Clock) -> int:
    """Drop the responses that were kept long enough, and return how many those were. Raises StoreUnavailable."""
    before = datetime.fromtimestamp(clock.now(), UTC) - KEPT_FOR
    forgotten: int = await table().forget_older(await store.open(), before)
    return forgotten


def caller_of(exchange: Exchange) -> Identity:
    """Return who calls."""
    if not isinstance(exchange.identity, Identity):
        raise TypeError("stored responses need a caller")
    return exchange.identity


def named(sent: bytes, response_id: str) -> bytes:
    """Return the input of a request, JSON, as items each of which has an id. Raises MalformedJSON for other things."""
    if sent.startswith(b"["):
        items = [bytes(item) for item in _ITEMS.decode(sent)]
    else:
        said = load(_DIALECT).input_items(msgspec.json.decode(sent) or "")
        items = [msgspec.json.encode(item) for item in said]
    suffix = response_id.rpartition("_")[2]
    return b"[%b]" % b",".join(_named(item, f"msg_{suffix}i{number:02x}") for number, item in enumerate(items))


def _named(item: bytes, name: str) -> bytes:
    if scan(item).get(b"id") is not None:
        return item
    rest = item[1:].lstrip()
    return b'{"id":%b%b%b' % (msgspec.json.encode(name), b"" if rest == b"}" else b",", rest)


def listed(items: list[Json], query: Mapping[str, str]) -> Json:
    """Return a page of items, the latest first unless the query says otherwise. Raises InvalidRequest."""
    order, after, limit = query.get("order", "desc"), query.get("after"), query.get("limit", "20")
    if order not in ("asc", "desc"):
        raise InvalidRequest("order: expected asc or desc", param="order")
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= _MOST_ITEMS:
        raise InvalidRequest(f"limit: expected a number from 1 to {_MOST_ITEMS}", param="limit")
    rest = [_shown(item) for item in (items if order == "asc" else reversed(items))]
    if after is not None:
        place = next((number for number, item in enumerate(rest) if item["id"] == after), None)
        if place is None:
            raise InvalidRequest(f"after: there is no item {after!r}", param="after")
        rest = rest[place + 1 :]
    page = rest[: int(limit)]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(rest) > len(page),
    }


def _shown(item: Json) -> Json:
    """Return an item as it is listed: a message with its type, and with parts for its text."""
    if item.get("type", "message") != "message":
        return item
    content = item.get("content")
    if isinstance(content, str):
        kind = "output_text" if item.get("role") == "assistant" else "input_text"
        content = [{"type": kind, "text": content}]
    return {"type": "message", "status": "completed", **item, "content": content}


def _resolved(item: Json, known: Mapping[str, Json]) -> Json:
    """Return the item that a reference means."""
    return known.get(str(item.get("id")), item) if item.get("type") == "item_reference" else item


def _unknown(response_id: str) -> ObjectNotFound:
    return ObjectNotFound(f"Response with id {response_id[:128]!r} not found.", param="response_id")
