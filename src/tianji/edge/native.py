"""A worker that serves with our own HTTP/1.1 server."""

import asyncio
import socket
import ssl
from typing import Any

import uvloop

from tianji._core.edges.server import NativeEdge
from tianji.edge.application import Factory
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.edge.options import ServeOptions
from tianji.edge.processes import worker
from tianji.edge.processes.listeners import BACKLOG


def work(
    factory: Factory,
    control: Control,
    _options: ServeOptions,
    listeners: list[socket.socket],
    tls: ssl.SSLContext | None,
) -> None:
    """Be a worker until the parent says otherwise. Called in its process."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    Worker(factory, loop, control, listeners, tls).run()


class Worker(worker.Worker[NativeEdge]):
    """One worker process, which accepts connections from `listeners`."""

    def __init__(
        self,
        factory: Factory,
        loop: asyncio.AbstractEventLoop,
        control: Control,
        listeners: list[socket.socket],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(build_edge, factory, loop, control)
        self._listeners = listeners
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._end: asyncio.Task[None] | None = None

    def serve(self) -> None:
        """Accept connections as soon as the parent says so."""
        self.control.set_ready()
        self._beginning = self.loop.create_task(self._begin())
        self.loop.run_until_complete(self._beginning)

    def leave(self) -> None:
        """Accept no more; go when the last connection is closed."""
        self._end = self.loop.create_task(self._finish())

    async def _begin(self) -> None:
        if not await self.may_accept():
            return
        protocol: Any = self.edge.protocol  # compiled, so it cannot inherit from asyncio's
        for listener in self._listeners:
            server = await self.loop.create_server(protocol, sock=listener, ssl=self._tls, backlog=BACKLOG)
            self._servers.append(server)

    async def _finish(self) -> None:
        await self._beginning
        # uvloop waits for connections only where it was asked before the server was closed. It knows of those in the
        # middle of a TLS handshake, too, which the edge does not.
        ends = [asyncio.ensure_future(server.wait_closed()) for server in self._servers]
        await asyncio.sleep(0)
        for server in self._servers:
            server.close()
        if self.control.stopping:
            self.edge.retire(0)  # whatever comes now would be refused
        else:
            self.edge.retire()
        await asyncio.gather(*ends)
        self.stopped.set()
