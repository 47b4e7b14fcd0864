"""The sessions of a worker: one for each server and whoever comes to it with other headers than others."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from tianji._core.upstreams.http1 import Timeouts
from tianji.egress.address import AddressPolicy
from tianji.egress.errands import Errand, Errands
from tianji.lazy import load
from tianji.mcp.server import Server
from tianji.mcp.session import Session
from tianji.mcp.tokens import Tokens

IDLE: Final = 300.0  # seconds after which a session ends that nobody uses; programs run on
MOST: Final = 256  # sessions; the one that was used longest ago gives way
LOOK: Final = 30.0  # seconds between two looks for idle ones
REST: Final = 5.0  # seconds that a server is left out of lists after it could not be reached
_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=0)
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Connections:
    """Opens sessions, and keeps them."""

    def __init__(self) -> None:
        self._hosts: frozenset[str] = frozenset()
        self._sessions: dict[_Key, tuple[Session, float]] = {}
        self._places: dict[str, asyncio.Semaphore] = {}
        self._troubled: dict[str, tuple[float, Exception]] = {}
        self._clients: dict[bool, Any] = {}
        self._tokens = Tokens(self._errand)
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def adopt(self, servers: Iterable[Server], hosts: frozenset[str]) -> None:
        """Go by other servers from now on: sessions of those that are gone end with what is under way in them.

        hosts: that servers of the database may lie on, wherever that is
        """
        revisions = {server.revision for server in servers}
        self._hosts = hosts
        for key in [key for key in self._sessions if key[0] not in revisions]:
            self._end(self._sessions.pop(key)[0])

    def session(self, server: Server, headers: Mapping[str, str]) -> Session:
        """Return the session of a server for whoever comes with these headers; nothing is sent yet."""
        program = server.entry.transport == "stdio"
        key: _Key = (server.revision, () if program else tuple(sorted(headers.items())))
        found, _ = self._sessions.pop(key, (None, 0.0))
        if found is None or found.broken:
            if found is not None:
                self._end(found)
            found = Session(self._link(server, headers), server.entry.protocol_version)
        self._sessions[key] = found, time.monotonic()
        while len(self._sessions) > MOST:
            self._end(self._sessions.pop(next(iter(self._sessions)))[0])
        self._watch()
        return found

    def place(self, server: Server) -> asyncio.Semaphore | None:
        """Return what is held while a server is asked; None where any number may be."""
        if not server.most:
            return None
        return self._places.setdefault(server.id, asyncio.Semaphore(server.most))

    def trouble(self, server: Server) -> Exception | None:
        """Return why a server could not be reached a moment ago."""
        until, error = self._troubled.get(server.id, (0.0, None))
        return error if time.monotonic() < until else None

    def took(self, server: Server, error: Exception | None) -> None:
        """Take that a server was reached, or was not."""
        if error is None:
            self._troubled.pop(server.id, None)
        else:
            self._troubled[server.id] = time.monotonic() + REST, error

    async def close(self) -> None:
        """End all of it."""
        if self._timer is not None:
            self._timer.cancel()
        for session, _ in self._sessions.values():
            self._end(session)
        self._sessions.clear()
        await asyncio.gather(*self._ending, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()

    def _link(self, server: Server, headers: Mapping[str, str]) -> Any:
        entry = server.entry
        if entry.transport == "stdio":
            return load("tianji.mcp.links.stdio").Stdio(entry.command, entry.args, entry.env)

        async def sent() -> Mapping[str, str]:
            # what a client brings for a server goes before what the entry says
            return _merged(server.headers, await self._tokens.headers(server), headers)

        how: Callable[[Any, str | None, Callable[[], Awaitable[Mapping[str, str]]]], Any]
        if entry.transport == "sse":
            how = load("tianji.mcp.links.sse").Sse
        else:
            how = load("tianji.mcp.links.streamable").Streamable
        return how(self._client(judged=self._is_judged(server)), entry.url, sent)

    def _client(self, *, judged: bool) -> Any:
        """Return what asks over HTTP. No cookie is kept: callers share it."""
        if judged not in self._clients:
            client = load("tianji.egress.client").open_client(
                _TIMEOUTS, check=AddressPolicy().check if judged else None
            )
            client.cookies.jar.set_policy(load("http.cookiejar").DefaultCookiePolicy(allowed_domains=[]))
            self._clients[judged] = client
        return self._clients[judged]

    def _is_judged(self, server: Server) -> bool:
        """Whether a server has to lie at a public address: the database's have, unless the operator names the host."""
        host = load("urllib.parse").urlsplit(server.entry.url or "").hostname or ""
        return server.entry.stored and host.lower() not in self._hosts

    def _errand(self, server: Server) -> Errand:
        trusted = [] if server.login is None or self._is_judged(server) else [server.login.url]
        return Errands(trusted)

    def _watch(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK, self._look)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for key, (session, used) in list(self._sessions.items()):
            idle = now - used > IDLE and not session.under_way and key[1]
            if session.broken or idle:
                del self._sessions[key]
                self._end(session)
        if self._sessions:
            self._watch()

    def _end(self, session: Session) -> None:
        task = asyncio.get_running_loop().create_task(session.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Return headers together; of one name, in whatever letters, the last counts."""
    found: dict[str, tuple[str, str]] = {}
    for part in parts:
        for name, value in part.items():
            found[name.lower()] = name, value
    return dict(found.values())
