"""The parent process: it binds, forks, watches and drains, and its workers serve.

It waits in one place and has no threads, so that it may fork at any time, and it loads nothing that only a worker
needs, since it would hold that as long as they live. Workers accept connections on the
parent's word, which it gives when all of them can serve: whatever fails before that has taken no connection.

Signals to the parent: SIGTERM and SIGINT drain (a second one stops at once), SIGHUP reloads, SIGUSR2 restarts: a new
process of the same command line inherits the listening sockets, and when it serves, this one retires: its workers
accept no more, finish what they have and leave. No listening socket is ever closed by its last owner, so that no
connection is refused or lost in a queue.
"""

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tianji.edge.control import Control
from tianji.edge.options import ServeOptions
from tianji.edge.processes import drain, watch
from tianji.edge.processes.companion import Companion, Task
from tianji.edge.processes.crew import Crew, Job, describe
from tianji.edge.processes.listeners import Listeners, url
from tianji.edge.processes.pid_file import PidFile
from tianji.edge.processes.signals import Signals
from tianji.edge.processes.succession import Successor
from tianji.lazy import load

HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGCHLD)
SOON = 0.01  # seconds between two looks at something that is about to happen
RESTARTS = frozenset({"native"})  # edges whose workers can accept from the sockets of several predecessors
WORKERS_DIE = 4  # exit code

log = logging.getLogger(__name__)


class Server:
    """The parent process."""

    def __init__(
        self, edge: str, factory: Callable[[Control], Any], options: ServeOptions, aside: Task | None = None
    ) -> None:
        """Bind. `edge`: what the workers serve with, native or granian. `factory` makes their application.

        `aside`: what a process beside them does.

        Raises OSError when the address cannot be had, ConfigurationError for TLS and the pid file.
        """
        self._edge = edge
        self._factory = factory
        self._options = options
        self._aside = aside
        self._control = Control(options.workers)
        if options.surprised:
            self._control.expect_no_socket()
        self._watch = watch.Watch(options.watched)
        self._tls = load("tianji.edge.processes.tls").server_context(options) if options.certificate else None
        self._listeners = Listeners(options)
        self._pid_file = PidFile(options.pid_file)
        self._successor: Successor | None = None
        self._successor_reloads = False
        self._retired = False
        self._ending = False
        self._step: Callable[[], None] = self._start
        self._pause = SOON  # seconds until the next step at the latest
        self._deadline = 0.0  # of the step, if it has one
        self._patience = drain.LEAVE_IDLE  # seconds that who is to leave may take

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
                self._companion = None if self._aside is None else Companion(self._aside, self._control, signals)
                self._crew = Crew(self._options.workers, self._enlist, signals)
                while self._crew:
                    for number in signals.wait(self._pause):
                        self._heed(number)
                    self._crew.reap()
                    if self._crew.failed and not self._ending:
                        self._begin_draining()
                    self._step()
                if self._companion is not None:
                    self._companion.end(self._patience)
        finally:
            self._pid_file.release()
        if self._crew.failed:
            raise SystemExit(WORKERS_DIE)

    def _enlist(self, number: int) -> Job:
        return partial(self._work, number, self._control.for_worker(number))

    def _work(self, number: int, control: Control) -> None:
        """Be a worker. Called in its process."""
        load(f"tianji.edge.{self._edge}").work(
            self._factory, control, self._options, self._listeners.only_for(number), self._tls
        )

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
        if self._companion is not None:
            self._companion.look(self._listeners.close)
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
        if self._edge not in RESTARTS:
            log.error("a hot restart needs --edge native; nothing happens")
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
        self._patience = patience
        self._deadline = time.monotonic() + patience
        self._step, self._pause = self._wait_stopped, drain.INTERVAL
