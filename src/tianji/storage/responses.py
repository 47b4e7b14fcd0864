"""Responses that are kept, so that clients may ask for them again or go on from them, on whichever machine.

What a response follows is found by its `previous_id`, one after another, so that a long conversation is kept once.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite

from tianji.storage.engine import Database
from tianji.storage.tables import RESPONSES

_MOST_TURNS: Final = 1000  # of one conversation; whoever has more has made a circle

_INSERTS: Final[Mapping[str, Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}

log = logging.getLogger(__name__)
Json = dict[str, Any]


class Kept(Struct, frozen=True, kw_only=True):
    """One response. `input` are the items that were sent with it, `response` the whole object, both JSON.

    running: it is being made in the background; seen_at: when its maker said so last.
    """

    id: str
    created_at: datetime
    key: str | None
    user_id: str | None
    team_id: str | None
    previous_id: str | None
    input: str
    response: str
    deployment_id: str | None = None
    running: bool = False
    seen_at: datetime | None = None

    def items(self) -> list[Json]:
        """Return what this turn adds to a conversation: what was sent, and what was answered."""
        sent: list[Json] = msgspec.json.decode(self.input)
        answered: list[Json] = msgspec.json.decode(self.response).get("output") or []
        return [*sent, *answered]


async def keep(database: Database, kept: Kept) -> bool:
    """Keep a response; False where there is one with its id, which stays. Raises StoreUnavailable."""
    try:
        async with database.adding() as connection:
            await connection.execute(sa.insert(RESPONSES).values(msgspec.structs.asdict(kept)))
    except sa.exc.IntegrityError:
        return False
    return True


async def keep_all(database: Database, rows: Sequence[Kept]) -> set[str]:
    """Keep responses, and return the ids of those that are new: where there is one with an id, it stays.

    One that the database does not take is not kept, and keeps no other from it. Raises StoreUnavailable.
    """
    try:
        async with database.adding() as connection:
            fresh = _INSERTS[connection.dialect.name](RESPONSES).on_conflict_do_nothing().returning(RESPONSES.c.id)
            found = await connection.execute(fresh, [msgspec.structs.asdict(row) for row in rows])
            return set(found.scalars())
    except sa.exc.DBAPIError as error:
        if len(rows) == 1:
            log.warning("a response was not stored: %s", error.orig)
            return set()
    return {one for row in rows for one in await keep_all(database, [row])}


async def find(database: Database, response_id: str) -> Kept | None:
    """Return the response by this id. Raises StoreUnavailable."""
    async with database.reading() as connection:
        found = await connection.execute(sa.select(RESPONSES).filter_by(id=response_id))
        row = found.mappings().one_or_none()
    return None if row is None else Kept(**row)


async def conversation(database: Database, response_id: str) -> list[Kept]:
    """Return the response by this id and all that it follows, the oldest first. Raises StoreUnavailable."""
    first = sa.select(RESPONSES.c.id, RESPONSES.c.previous_id, sa.literal(0).label("age")).filter_by(id=response_id)
    chain = first.cte("chain", recursive=True)
    older = (
        sa.select(RESPONSES.c.id, RESPONSES.c.previous_id, chain.c.age + 1)
        .join(chain, RESPONSES.c.id == chain.c.previous_id)
        .where(chain.c.age < _MOST_TURNS)
    )
    chain = chain.union_all(older)
    statement = sa.select(RESPONSES).join(chain, RESPONSES.c.id == chain.c.id).order_by(chain.c.age.desc())
    async with database.reading() as connection:
        return [Kept(**row) for row in (await connection.execute(statement)).mappings()]


async def end(database: Database, response_id: str, response: str) -> bool:
    """Say how a response that was made in the background ended; False when it was over before. Raises StoreUnavailable.

    So what was cancelled stays cancelled, whatever its maker still says.
    """
    statement = sa.update(RESPONSES).filter_by(id=response_id, running=True).values(running=False, response=response)
    async with database.adding() as connection:
        return bool((await connection.execute(statement)).rowcount)


async def still_wanted(database: Database, ids: Collection[str], now: datetime) -> set[str]:
    """Say that these are still being made, and return those that are still wanted. Raises StoreUnavailable."""
    mine = sa.and_(RESPONSES.c.id.in_(ids), RESPONSES.c.running)
    async with database.adding() as connection:
        found = await connection.execute(sa.update(RESPONSES).where(mine).values(seen_at=now).returning(RESPONSES.c.id))
        return {row.id for row in found}


async def forget(database: Database, response_id: str) -> None:
    """Drop a response. Raises StoreUnavailable."""
    async with database.adding() as connection:
        await connection.execute(sa.delete(RESPONSES).filter_by(id=response_id))


async def forget_older(database: Database, moment: datetime) -> int:
    """Drop the responses from before a moment and return how many those were. Raises StoreUnavailable."""
    async with database.adding() as connection:
        return int((await connection.execute(sa.delete(RESPONSES).where(RESPONSES.c.created_at < moment))).rowcount)
