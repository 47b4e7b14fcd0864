"""The server process tree of our own: a parent that binds, forks, watches and drains, and workers that serve.

The parent waits in one place and has no threads, so that it may fork at any time. Workers accept connections on the
parent's word, which it gives when all of them can serve: whatever fails before that has taken no connection.

Signals to the parent: SIGTERM and SIGINT drain (a second one stops at once), SIGHUP reloads, SIGUSR2 restarts: a new
process of the same command line inherits the listening sockets, and when it serves, this one retires: its workers
accept no more, finish what they have and leave. No listening socket is ever closed by its last owner, so that no
connection is refused or lost in a queue.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import uvloop

from tianji._core.server import NativeEdge
from tianji.edge.application import Factory, ServeOptions
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.edge.processes import drain, watch, worker
from tianji.edge.processes.crew import Crew, Job, describe
from tianji.edge.processes.listeners import BACKLOG, Listeners, url
from tianji.edge.processes.pid_file import PidFile
from tianji.edge.processes.signals import Signals
from tianji.edge.processes.succession import Successor
from tianji.edge.processes.tls import server_context

HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)
SOON = 0.01  # seconds between two looks at something that is about to happen
WORKERS_DIE = 4  # exit code

log = logging.getLogger(__name__)


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
        while not self.control.serving:
            if self._end is not None:
                return
            await asyncio.sleep(SOON)
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


class Server:
    """The parent process."""

    def __init__(self, factory: Factory, options: ServeOptions) -> None:
        """Bind. Raises OSError when the address cannot be had, ConfigurationError for TLS and the pid file."""
        self._factory = factory
        self._options = options
        self._control = Control(options.workers)
        self._watch = watch.Watch(options.watched)
        self._tls = server_context(options)
        self._listeners = Listeners(options)
        self._pid_file = PidFile(options.pid_file)
        self._successor: Successor | None = None
        self._successor_reloads = False
        self._retired = False
        self._ending = False
        self._step: Callable[[], None] = self._start
        self._pause = SOON  # seconds until the next step at the latest
        self._deadline = 0.0  # of the step, if it has one

    def run(self, announce: Callable[[str], None]) -> None:
        """Serve until told to stop. `announce` is called with the address once every worker is ready.

        Raises SystemExit with WORKERS_DIE when a worker dies of its start again and again.
        """
        self._announce = announce
        try:
            with Signals(*HEEDED) as signals:
                # what is there now is shared by all processes, as long as no collector writes to it
                gc.collect()
                gc.freeze()
                self._crew = Crew(self._options.workers, self._enlist, signals)
                while self._crew:
                    for number in signals.wait(self._pause):
                        self._heed(number)
                    self._crew.reap()
                    if self._crew.failed and not self._ending:
                        self._begin_draining()
                    self._step()
        finally:
            self._pid_file.release()
        if self._crew.failed:
            raise SystemExit(WORKERS_DIE)

    def _enlist(self, number: int) -> Job:
        return partial(self._work, number, self._control.for_worker(number))

    def _work(self, number: int, control: Control) -> None:
        """Be a worker. Called in its process."""
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        Worker(self._factory, loop, control, self._listeners.only_for(number), self._tls).run()

    # ---- steps: one of these is taken again and again

    def _start(self) -> None:
        if self._control.ready < self._options.workers:
            return
        self._pid_file.claim()
        self._control.serve()
        self._listeners.listen()
        self._options.inheritance.announce()
        try:
            self._announce(url(self._options, self._listeners.port))
        except OSError as error:  # a restart, long after whoever read the first announcement went away
            log.warning("nobody reads that this process serves: %s", error)
        self._step, self._pause = self._serve, watch.INTERVAL

    def _serve(self) -> None:
        if self._watch.changed():
            self._control.ask_reload()
        if self._successor is not None:
            self._look_after(self._successor)

    def _retire(self) -> None:
        if time.monotonic() >= self._deadline:
            self._stop(drain.LEAVE_BUSY)

    def _wait_drained(self, draining: drain.Drain) -> None:
        patience = draining.patience()
        if patience is not None:
            self._stop(patience)

    def _wait_stopped(self) -> None:
        if time.monotonic() >= self._deadline:
            self._crew.send(signal.SIGKILL)

    # ---- what leads from one to another

    def _heed(self, number: signal.Signals) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            if self._ending:
                self._stop(drain.LEAVE_NOW)
                return
            if self._successor is not None and not self._retired:
                os.kill(self._successor.process, signal.SIGTERM)  # it is not wanted any more
            self._begin_draining()
        elif self._retired and self._successor is not None:
            if number in (signal.SIGHUP, signal.SIGUSR2):
                os.kill(self._successor.process, number)  # whoever sent it knows the old process only
        elif number == signal.SIGHUP:
            self._control.ask_reload()
            self._successor_reloads = True  # it may have read the configuration before
        elif number == signal.SIGUSR2:
            self._begin_restart()

    def _begin_restart(self) -> None:
        if self._step != self._serve or self._successor is not None:
            log.warning("no restart now: this process is starting, stopping or being replaced already")
            return
        if os.getpid() == 1:
            log.error("no restart: this is process 1, and its container would end with it; start another container")
            return
        self._successor_reloads = False
        try:
            self._successor = Successor(self._options.environment, self._listeners.descriptors)
        except OSError as error:
            log.error("no restart, and this process goes on: the new one could not be started: %s", error)
            return
        self._pause = SOON

    def _look_after(self, successor: Successor) -> None:
        if successor.serves:
            log.info("process %d serves in place of this one", successor.process)
            if self._successor_reloads:
                os.kill(successor.process, signal.SIGHUP)
            successor.forget()
            self._begin_retiring()
        elif (code := successor.ended()) is not None:
            log.error(
                "no restart, and this process goes on: the new one (process %d) %s before it served; "
                "its messages above say why",
                *(successor.process, describe(code)),
            )
            successor.forget()
            self._successor, self._pause = None, watch.INTERVAL

    def _begin_retiring(self) -> None:
        self._retired = True
        self._control.retire()
        self._crew.let_go()
        self._crew.send(signal.SIGTERM)
        self._listeners.close()
        self._deadline = time.monotonic() + self._options.grace
        self._step, self._pause = self._retire, drain.INTERVAL

    def _begin_draining(self) -> None:
        self._ending = True
        draining = drain.Drain(self._control, self._options.grace)
        self._step, self._pause = partial(self._wait_drained, draining), drain.INTERVAL

    def _stop(self, patience: float) -> None:
        self._control.stop()
        self._crew.let_go()
        self._crew.send(signal.SIGTERM)
        self._deadline = time.monotonic() + patience
        self._step, self._pause = self._wait_stopped, drain.INTERVAL
