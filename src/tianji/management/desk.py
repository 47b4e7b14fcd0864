"""Where management requests are served: one transaction each, and whoever remembers what it changed is told.

The audit log, where it is kept, follows the transaction itself, so no function has to write into it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tianji._core.bodies.spans import scan
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.silent import SilentExchange
from tianji.auth.identity import Identity, Role
from tianji.auth.tags import MODELS, Kind, tag
from tianji.config.audit import keeps_audit_log
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match
from tianji.errors import MalformedJSON, SchemaViolation, Unacceptable
from tianji.gateway.beforehand.own_requests import NO_MATCH
from tianji.lazy import load
from tianji.ledger import periods
from tianji.management.office import Office
from tianji.storage import changes
from tianji.storage.tables import NANOS

T = TypeVar("T")
Row = dict[str, Any]
Function = Callable[["Call"], Awaitable[object]]
_PLACE: Final = re.compile(r"\.([^.\[]+)|\[([^\]]*)\]")
_READING: Final = ("GET", "HEAD")


class Call:
    """One management request inside its transaction."""

    def __init__(
        self, office: Office, exchange: Exchange, match: Match | SimpleNamespace, connection: AsyncConnection
    ) -> None:
        caller = exchange.identity
        if not isinstance(caller, Identity):
            raise TypeError("management needs a caller")
        self.caller = caller
        self.admin = caller.role is Role.PROXY_ADMIN
        self.sees_all = caller.role in (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)
        self.office = office
        self.config = office.config()
        self.params: Mapping[str, str] = match.params
        self._asked = parse_qsl(exchange.query.decode("ascii", "replace"))
        self.query: Mapping[str, str] = dict(self._asked)
        self.now = datetime.fromtimestamp(office.clock.now(), UTC)
        self.changed: set[int] = set()
        self.behind: str | None = None  # who changes something without a request of his own, see `act_for`
        self.afterwards: list[Callable[[], Awaitable[None]]] = []  # done behind the transaction, once all is stored
        self._connection = connection
        self._body = exchange.body

    def body(self, kind: type[T]) -> T:
        """Return the body as `kind`; unknown members are ignored. Raises MalformedJSON (400), SchemaViolation (422)."""
        members = {}
        if self._body.strip():
            scan(self._body)
            _refuse_nul("\\u0000" in self._body.decode())
            try:
                members = msgspec.json.decode(self._body)
            except msgspec.DecodeError as error:  # half of a surrogate pair, say, which no text holds
                raise MalformedJSON(f"the body is not JSON that holds text: {error}") from error
            # forms send an empty text where they mean nothing
            members.update({name: None for name in NANOS & members.keys() if members[name] == ""})
        return converted(members, kind, "body")

    def questions(self, kind: type[T]) -> T:
        """Return the query as `kind`. Raises SchemaViolation (422)."""
        _refuse_nul(any("\0" in value for value in self.query.values()))
        return converted(dict(self.query), kind, "query")

    def several(self, name: str) -> list[str]:
        """Return what the query says of something each time that it stands there."""
        return [value for known, value in self._asked if known in (name, f"{name}[]")]

    @property
    def connection(self) -> AsyncConnection:
        """The transaction, for what reads it without knowing of requests."""
        return self._connection

    def salt(self) -> str:
        """Return what secrets are encrypted with. Raises Unacceptable where there is nothing."""
        found = self.office.salt()
        if not found:
            raise Unacceptable("secrets are kept encrypted: set TIANJI_SALT_KEY or a master key")
        return found

    def change(self, kind: Kind, name: str | None) -> None:
        """Note that an object changed, so that nobody goes on with what he remembers of it."""
        if name is not None:
            self.changed.add(tag(kind, name))

    def act_for(self, name: str) -> None:
        """Say who is behind what is no request: whoever is signing in, or what works by itself."""
        self.behind = name

    async def one(self, table: sa.Table, **where: Any) -> Row | None:
        """Return the row with these values; None without one, and where a value is None."""
        if None in where.values():
            return None
        rows = await self.all(sa.select(table).filter_by(**where))
        return rows[0] if rows else None

    async def all(self, statement: "sa.Select[Any]") -> list[Row]:
        """Return the rows of a query."""
        return [dict(row) for row in (await self._connection.execute(statement)).mappings()]

    async def count(self, statement: "sa.Select[Any]") -> int:
        """Count the rows of a query."""
        counted = sa.select(sa.func.count()).select_from(statement.subquery())
        return int((await self._connection.execute(counted)).scalar_one())

    async def insert(self, table: sa.Table, **values: Any) -> Row:
        """Insert a row made by the caller now, and return it."""
        made = {"created_at": self.now, "updated_at": self.now, **self._maker(table), **values}
        found = await self._connection.execute(sa.insert(table).values(**made).returning(table))
        return dict(found.mappings().one())

    async def update(self, table: sa.Table, where: Mapping[str, Any], **values: Any) -> Row:
        """Update the row with these values and return it. What is said to be spent is so from now on."""
        made = {"updated_at": self.now, **values}
        if "spend" in values:
            made["spend_since"] = self.now
            await periods.begin(self._connection, self.now)
        if "updated_by" in table.c:
            made.setdefault("updated_by", self.caller.user_id)
        statement = sa.update(table).filter_by(**where).values(**made).returning(table)
        return dict((await self._connection.execute(statement)).mappings().one())

    async def execute(self, statement: Any) -> int:
        """Execute a statement and return how many rows it changed."""
        return int((await self._connection.execute(statement)).rowcount)

    def _maker(self, table: sa.Table) -> dict[str, Any]:
        names = ("created_by", "updated_by")
        return {name: self.caller.user_id for name in names if name in table.c}


async def serve(office: Office, function: Function, exchange: Exchange, match: Match) -> None:
    """Answer `exchange` with what `function` returns, see `done`."""
    respond_json(exchange, await done(office, function, exchange, match))


async def done(office: Office, function: Function, exchange: Exchange, match: Match) -> object:
    """Return what `function` makes of a request.

    Raises what it raises; then nothing was changed. A client that leaves does not stop what has begun.
    """
    work = _read if exchange.method in _READING else _write
    return await asyncio.shield(asyncio.ensure_future(work(office, function, exchange, match)))


async def perform(office: Office, caller: Identity, function: Function) -> object:
    """Do what a request of `caller` would do, without one. Raises what `function` raises; then nothing was changed."""
    return await _write(office, function, SilentExchange("", b"", caller), NO_MATCH)


async def inspect(office: Office, caller: Identity, function: Function) -> object:
    """Look something up as a request of `caller` would, without one; `function` changes nothing."""
    return await _read(office, function, SilentExchange("", b"", caller), NO_MATCH)


async def _read(office: Office, function: Function, exchange: Exchange, match: Match | SimpleNamespace) -> object:
    database = await office.store.open()
    async with database.reading() as connection:
        call = Call(office, exchange, match, connection)
        answer = await function(call)
    for work in call.afterwards:
        await work()
    return answer


async def _write(office: Office, function: Function, exchange: Exchange, match: Match | SimpleNamespace) -> object:
    database = await office.store.open()
    async with database.writing() as connection:
        call = Call(office, exchange, match, connection)
        audited = keeps_audit_log(call.config, office.environ())
        log = load("tianji.management.audit.keeping").Log(call, exchange) if audited else None
        answer = await function(call)
        if log is not None:
            await log.write()
        await changes.record(connection, call.changed, call.now)
    for changed in call.changed:  # after the commit: whoever hears of it reads what is new
        office.store.revisions.publish(changed)
    if MODELS in call.changed and office.fleet.catch_up is not None:
        await office.fleet.catch_up()  # so that whoever asked may use it with his next request
    for work in call.afterwards:
        await work()
    return answer


def _refuse_nul(found: object) -> None:
    """Refuse text that PostgreSQL cannot keep, whatever keeps it here."""
    if found:
        raise Unacceptable("text holds the character NUL; leave it out")


def converted(members: Mapping[str, Any], kind: type[T], place: str) -> T:
    """Return `members` as `kind`. Raises SchemaViolation, which names the member."""
    try:
        return msgspec.convert(members, kind, strict=False)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        names = _places(path.rstrip("`")) if path else _missing(said)
        raise SchemaViolation(said, (place, *names), "missing" if not path else "value_error") from error


def _places(path: str) -> list[str | int]:
    """Take a path such as `.models[0]` apart: names, and numbers of items."""
    return [int(item) if item.isdigit() else name or item for name, item in _PLACE.findall(path)]


def _missing(said: str) -> list[str | int]:
    """Return the member that msgspec says is missing."""
    return [said.split("`")[1]] if "missing required field" in said else []
