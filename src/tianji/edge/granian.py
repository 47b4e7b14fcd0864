"""A worker that serves with Granian, which gives sockets, TLS and HTTP.

How the worker runs is ours: requests go straight from Granian's thread to the compiled edge, without a coroutine or a
task each. That rests on the worker interface of Granian 2.8.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

import uvloop

from tianji._core.edges.asgi import AsgiEdge
from tianji.edge.application import Factory
from tianji.edge.asgi import build_edge
from tianji.edge.control import Control
from tianji.edge.granian_modules import CallbackScheduler, HTTPModes, SSLProtocols, WorkerSignal, native
from tianji.edge.options import ServeOptions
from tianji.edge.processes import worker
from tianji.edge.processes.listeners import BACKLOG

BLOCKING_THREADS = 512  # of Granian's runtime at most; Granian's default
PYTHON_THREADS, PYTHON_IDLE = 1, 30  # threads for Python code and the seconds they stay; no request uses them
BACKPRESSURE = 65536  # requests under way in a worker; beyond, connections wait in the backlog
EARLY = 0.05  # seconds between two looks at requests whose body is late


def work(
    factory: Factory,
    control: Control,
    options: ServeOptions,
    listeners: list[socket.socket],
    _tls: ssl.SSLContext | None,
) -> None:
    """Be a worker until the parent says otherwise. Called in its process. Granian makes its own TLS context."""
    logging.getLogger("_granian").setLevel(logging.WARNING)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    Worker(factory, loop, control, listeners[0], options).run()


def new_scheduler(loop: asyncio.AbstractEventLoop, schedule: Callable[[Any], None]) -> CallbackScheduler:
    """Make what hands Granian's requests to the edge as they are."""
    make: Any = CallbackScheduler
    scheduler: CallbackScheduler = make(loop, schedule, None, None, None)  # the rest describes tasks: there are none
    scheduler._schedule_fn = schedule  # type: ignore[attr-defined]  # as Granian does
    return scheduler


class Worker(worker.Worker[AsgiEdge]):
    """One worker process. `serve` starts Granian's threads."""

    def __init__(
        self,
        factory: Factory,
        loop: asyncio.AbstractEventLoop,
        control: Control,
        listener: socket.socket,
        options: ServeOptions,
    ) -> None:
        super().__init__(build_edge, factory, loop, control)
        self._listener = listener
        self._options = options
        self._stop_signal = WorkerSignal()
        self._scheduler = new_scheduler(loop, self.edge.schedule)

    def serve(self) -> None:
        """Let Granian accept connections as soon as the parent says so."""
        self.control.set_ready()
        if self.loop.run_until_complete(self.may_accept()):
            self._stop_signal.add_cb(lambda: self.loop.call_soon_threadsafe(self.stopped.set))
            self._engine().serve_mtr(self._scheduler, self.loop, self._stop_signal)
            self._look_after_early()
        else:
            self.stopped.set()

    def leave(self) -> None:
        """Let Granian finish; it calls back when the last connection is closed."""
        self._stop_signal.set()

    def _engine(self) -> Any:
        options = self._options
        self._listener.listen(BACKLOG)  # the parent does so, too, but perhaps a moment later
        self._listener.setblocking(False)
        return native.ASGIWorker(
            1,
            (None, native.SocketHolder(self._listener.detach(), False, BACKLOG)),
            None,  # metrics are not Granian's business
            options.runtime_threads,
            BLOCKING_THREADS,
            PYTHON_THREADS,
            PYTHON_IDLE,
            BACKPRESSURE,
            HTTPModes.auto,
            None,  # HTTP/1 and HTTP/2 as Granian sets them
            None,
            True,  # WebSockets
            None,  # no files are served
            *_tls_arguments(options),
            (None, None),
        )

    def _look_after_early(self) -> None:
        self.edge.look_after_early()
        self.loop.call_later(EARLY, self._look_after_early)


def _tls_arguments(options: ServeOptions) -> tuple[object, ...]:
    """On or off, certificate, key, its password, the least version, and of clients: authorities, revoked, demanded."""
    files = [None if file is None else str(file.resolve()) for file in (options.certificate, options.private_key)]
    return options.certificate is not None, *files, None, str(SSLProtocols.tls13), None, [], False
