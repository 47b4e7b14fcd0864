"""What a parent process has of its workers' gateways: little, since it keeps it as long as they live."""

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from tianji._core.limits.limiter import LimitTable
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.accounting.vocabularies import Vocabularies
from tianji.edge.control import Control
from tianji.edge.processes.companion import FAREWELL, Task
from tianji.edge.processes.crew import work
from tianji.gateway.compiled.shared import Shared
from tianji.lazy import load

LEDGER: Final = 10.0  # seconds that the process of the ledger may take to end, callbacks included
COUNTERS: Final = 16384  # series, shared by all workers


class Factory:
    """Makes a worker's gateway. Made itself before the workers fork, so that they share its counters and tables."""

    def __init__(
        self, path: Path, *, environ: Mapping[str, str], access_log: str | None, known: Mapping[str, str]
    ) -> None:
        """`known`: what the secret manager has said, for processes that begin while it is away."""
        self._path = path
        self._environ = environ
        self._access_log = access_log
        shift = time.time() - time.monotonic()  # minutes and the periods of budgets are those of the wall clock
        self._shared = Shared(
            SharedCounters(COUNTERS),
            HealthTable(shift=shift),
            LimitTable(shift=shift),
            Revisions(),
            os.urandom(8).hex(),
            known=known,
        )
        self._vocabularies = Vocabularies()

    def __call__(self, control: Control) -> Any:
        """Make the gateway of one worker. Called there, on its loop's thread."""
        return load("tianji.app").Gateway(
            self._path, self._environ, self._access_log, self._shared, self._vocabularies, control
        )

    def ledger(self, folder: Path, *, watches: bool = False) -> Task:
        """Return what the process beside the workers does: it takes what they write in `folder` into the database.

        watches: it is there from the beginning, since somebody is to be alerted.
        """
        return Task("the process of the ledger", lambda: watches or holds(folder), self._keep, LEDGER)

    def _keep(self, control: Control) -> None:
        link, teller = self._begin_telling(control)  # first: what is loaded before would be held twice
        told = load("tianji.limiting.learning").learner(self._shared.limits)
        process = load("tianji.ledger.process")
        process.work(
            self._written(),
            self._shared.revisions,
            lambda: control.generation,
            FAREWELL,
            process.Budgets(told, load("tianji.limiting.resets").reset_due),
            partial(self._hearers, link, teller),
            (teller,),
        )

    def _begin_telling(self, control: Control) -> tuple[socket.socket, int]:
        """Fork the process that tells destinations; return what connects it with this one, and its id."""
        here, there = socket.socketpair()
        teller = os.fork()
        if teller == 0:
            here.close()
            work(lambda: self._tell(there, control))
        there.close()
        return here, teller

    def _tell(self, link: socket.socket, control: Control) -> None:
        if load("tianji.callbacks.waiting").wait(link):
            revisions, counters = self._shared.revisions, self._shared.counters
            load("tianji.callbacks.apart").work(link, self._written(), revisions, counters, lambda: control.generation)

    def _written(self) -> Any:
        """Return the configuration, for processes beside the workers."""
        extends = load("tianji.gateway.additions.extending").Extending
        return load("tianji.ledger.in_force").Written(self._path, self._environ, self._shared.known, extends)

    def _hearers(
        self, link: socket.socket, teller: int, folder: Path, loaded: Any, store: Any, fault: Callable[[], str | None]
    ) -> Any:
        """Return all who hear of entries in the process of the ledger."""
        services = load("tianji.storage.services")
        store.asked = services.of_database(self._shared.counters, services.WRITES)
        pace = load("tianji.callbacks.pace").of(teller)
        line = load("tianji.callbacks.line").Line(folder, loaded, link, lambda: signal.raise_signal(FAREWELL), pace)
        health, limits = self._shared.health, self._shared.limits
        watching = load("tianji.alerts.watching")
        bills = load("tianji.alerts.bills").Bills(loaded, store, self._shared.counters)
        signs = watching.Signs(health, self._shared.counters, fault, bills.taken)
        alerts = watching.Watching(folder, loaded, store, signs, load("tianji.callbacks.post").Post())
        metrics = load("tianji.metrics.reporting").Reporting(
            folder, loaded, store, health, limits, lambda: line.undelivered() | alerts.undelivered()
        )
        return load("tianji.ledger.hearing").Hearers((metrics, bills, alerts), line)


def holds(folder: Path) -> bool:
    """Whether a folder is there and not empty."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
