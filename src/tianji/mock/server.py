"""Start and stop a mock."""

import asyncio
import socket
import ssl

from tianji.mock.connection import Connection
from tianji.mock.faults import Rule
from tianji.mock.state import Settings, State

DEFAULT_SETTINGS = Settings()


class MockServer:
    """A mock that listens. `state` is its memory: rules, recorder, counts, `wait`."""

    def __init__(self, server: asyncio.Server, state: State, scheme: str) -> None:
        self._server = server
        self.state = state
        self.host, self.port = server.sockets[0].getsockname()[:2]
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"{scheme}://{shown}:{self.port}"

    def control(self, *rules: Rule) -> None:
        """Add rules, as POST /mock/control does."""
        self.state.rules.add(list(rules))

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        self._server.close()
        for connection in list(self.state.alive):
            connection.drop()
        await self._server.wait_closed()


async def start(
    host: str = "127.0.0.1",
    port: int = 0,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    tls: ssl.SSLContext | None = None,
) -> MockServer:
    """Listen in the running loop; port 0 takes a free one. Raises OSError where the address cannot be had."""
    loop = asyncio.get_running_loop()
    state = State(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer)
        sock.bind((host, port))
        server = await loop.create_server(lambda: Connection(state, loop), sock=sock, backlog=4096, ssl=tls)
    except OSError:
        sock.close()
        raise
    return MockServer(server, state, "http" if tls is None else "https")
