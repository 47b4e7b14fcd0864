"""A database that answers: connections, transactions, and one name for everything that a database can fail of.

Those who write take turns, over all processes and machines: what a writer read and judged still holds when it writes.
Management writes are rare, and the data path writes none of them.
"""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from tianji.errors import StoreUnavailable
from tianji.lazy import load
from tianji.storage.location import Location
from tianji.storage.services import Asked, uncounted

CONNECT: Final = 5.0  # seconds to get a connection
QUEUE: Final = 10.0  # seconds to wait for one of the connections that there are
PATIENCE: Final = 30.0  # seconds
# classes of SQLSTATE (PostgreSQL, appendix A): connection, insufficient resources, operator intervention
AWAY: Final = frozenset({"08", "53", "57"})
TURN: Final = 0x7469616E6A69  # the advisory lock of writers on PostgreSQL

log = logging.getLogger(__name__)


class Database:
    """Connections to one database, on the loop that uses it first.

    pool: how many at most; patience: seconds for a statement, or until it is a writer's turn; asked: counts its use
    """

    def __init__(
        self, location: Location, *, pool: int = 10, patience: float = PATIENCE, asked: Asked = uncounted
    ) -> None:
        self._asked = asked
        self._server = location.file is None
        arguments: dict[str, Any] = (
            {"timeout": CONNECT, "command_timeout": patience} if self._server else {"timeout": patience}
        )
        self._engine = create_async_engine(
            location.url,
            connect_args=arguments,
            pool_size=pool,
            max_overflow=0,
            pool_timeout=QUEUE,
            pool_pre_ping=self._server,
            hide_parameters=True,  # an error's text must not repeat what was to be stored
        )
        self._faults: tuple[type[BaseException], ...] = (OSError, sa.exc.OperationalError, sa.exc.InterfaceError)
        self._faults += (sa.exc.TimeoutError, TimeoutError)
        if self._server:
            driver = load("asyncpg")
            self._faults += (driver.PostgresError, driver.InterfaceError)
        else:
            sa.event.listen(self._engine.sync_engine, "connect", _prepare_file)
            sa.event.listen(self._engine.sync_engine, "begin", _begin_on_file)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read by. Raises StoreUnavailable when the database does not answer, here and below."""
        with self._asked("read"), self._translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def still(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one state of the database, whatever is written meanwhile."""
        async with self.reading() as connection:
            if self._server:  # a file shows each of its readers one state anyway
                await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, alone among all writers; what raises inside leaves nothing behind."""
        with self._asked("write"), self._translated():
            async with self._engine.connect() as connection:
                await connection.execution_options(writing=True)
                async with connection.begin():
                    if self._server:
                        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(TURN)))
                    yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise StoreUnavailable for whatever says that the database does not answer."""
        try:
            yield
        except self._faults as error:
            raise _unavailable(error) from error
        except sa.exc.DBAPIError as error:
            if str(getattr(error.orig, "sqlstate", None))[:2] in AWAY:
                raise _unavailable(error) from error
            raise

    @asynccontextmanager
    async def adding(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that judges nothing, so that it need not wait until no other writer is there."""
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(writing=True)
                async with connection.begin():
                    yield connection
        except self._faults as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def _prepare_file(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_on_file says, not where the driver guesses
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_on_file(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _unavailable(error: BaseException) -> StoreUnavailable:
    why = getattr(getattr(error, "orig", None), "sqlite_errorname", "")  # the message tells no kind of its errors
    log.warning("the database does not answer: %s: %s %s", type(error).__name__, str(error).partition("\n")[0], why)
    return StoreUnavailable("the database does not answer at the moment; known keys go on working, try again later")
