"""A worker process, whatever it serves with: its loop, its application, its ear for the parent."""

import asyncio
import gc
import logging
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from tianji._core.edges.edge import Edge
from tianji._core.sharing import heap
from tianji.edge.application import Application, Factory
from tianji.edge.control import Control
from tianji.edge.processes.drain import LEAVE_IDLE
from tianji.edge.processes.slack import Slack
from tianji.errors import TianjiError

GC_THRESHOLDS = (50_000, 100, 20)  # what lives longer is mostly conversations: 10,000 take 200 ms to look at
SOON = 0.01  # seconds between two looks for the parent's word to begin
POLL = 0.25  # seconds between two looks at the control block
PARENTS_BUSINESS = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)

E = TypeVar("E", bound=Edge)
Build = Callable[[Application, asyncio.AbstractEventLoop, Control], E]

log = logging.getLogger(__name__)


class Worker(ABC, Generic[E]):
    """One worker, which leaves when its parent says so or is gone.

    SIGTERM means nothing until the parent is done, and the other signals mean nothing at all: a service manager may
    send them to every process at once, and requests still run then.
    """

    def __init__(self, build: Build[E], factory: Factory, loop: asyncio.AbstractEventLoop, control: Control) -> None:
        """Make the application and put it behind an edge: `build` says which."""
        self._generation = control.generation  # first: a reload that is asked for meanwhile is not lost
        self._parent = os.getppid()
        self._reloading: asyncio.Task[None] | None = None
        self._leaving = False
        heap.settle()
        self._application = factory(control)
        self.control = control
        self.loop = loop
        self.edge = build(self._application, loop, control)
        self._limits = self._application.edge_settings.limits
        self.stopped = asyncio.Event()
        self._slack = Slack()

    @abstractmethod
    def serve(self) -> None:
        """Say that this worker is ready, and accept connections. Called while the loop does not run."""

    @abstractmethod
    def leave(self) -> None:
        """Accept no more connections; set `stopped` when those that are open have come to their end.

        Called once, on the loop.
        """

    async def may_accept(self) -> bool:
        """Wait until the parent lets workers accept connections; False when this one is to leave before that."""
        while not self.control.serving:
            if self._leaving:
                return False
            await asyncio.sleep(SOON)
        return True

    def run(self) -> None:
        """Serve until `leave` was called and has taken effect."""
        self.loop.run_until_complete(self._application.startup())
        for ignored in PARENTS_BUSINESS:
            signal.signal(ignored, signal.SIG_IGN)
        self.loop.add_signal_handler(signal.SIGTERM, self._look_for_the_end)
        # A request leaves no cycles behind; what is there now stays, so the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        heap.trim()  # of what the configuration was read with
        self.loop.call_soon(self._poll)
        self.serve()
        self.loop.run_until_complete(self.stopped.wait())
        self.loop.run_until_complete(self._application.close())

    def _poll(self) -> None:
        if os.getppid() != self._parent:
            log.error("the parent process is gone; the worker stops")
            self._leave_once()
            last = threading.Timer(LEAVE_IDLE, os._exit, (1,))  # nobody else ends it when a client does not read
            last.daemon = True
            last.start()
            return
        self._look_for_the_end()
        if self.control.generation != self._generation and self._reloading is None:
            self._generation = self.control.generation
            self._reloading = self.loop.create_task(self._reload())
        self._follow_limits()
        self._slack.look(self.edge.open)
        self.loop.call_later(POLL, self._poll)

    def _follow_limits(self) -> None:
        """Have the edge go by the limits in force, whether a file or the database has changed them."""
        limits = self._application.edge_settings.limits
        if limits != self._limits:
            self._limits = limits
            self.edge.limit(limits)

    def _look_for_the_end(self) -> None:
        if self.control.stopping or self.control.retiring:
            self._leave_once()

    def _leave_once(self) -> None:
        if not self._leaving:
            self._leaving = True
            self.leave()

    async def _reload(self) -> None:
        try:
            await self._application.reload()
        except (TianjiError, OSError, ValueError) as error:
            log.error("the new configuration was refused and the old one goes on: %s", error)
        else:
            table = self._application.route_table
            self.edge.replace_routes(table.exact, table.match)
            log.info("the new configuration is in force")
        finally:
            self._reloading = None
