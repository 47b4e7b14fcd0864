"""How what the gateway leans on fares: how often it was asked, how long that took, how often it failed.

The families are those that `service_callback: [prometheus_system]` adds to LiteLLM's metrics:
`litellm_SERVICE_latency`, `litellm_SERVICE_total_requests_total` and `litellm_SERVICE_failed_requests_total`; a
label that is called like the service has its name as the value. https://docs.litellm.ai/docs/proxy/prometheus
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from tianji._core.sharing.shm import Histogram, SharedCounters
from tianji.errors import StoreUnavailable

POSTGRES: Final = "postgres"  # the database, whichever it is
REDIS: Final = "redis"  # or a Valkey
WRITES: Final = "batch_write_to_db"  # the ledger's
RESETS: Final = "reset_budget_job"
NAMES: Final = (POSTGRES, REDIS, WRITES, RESETS)
LATENCY: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 420.0, 600.0
)  # fmt: skip
"""The upper ends of LiteLLM's buckets of times, seconds."""


class Service:
    """Counts what is asked of one service, in the memory of all workers."""

    def __init__(self, counters: SharedCounters, name: str) -> None:
        self._counters = counters
        self._name = name
        self._label = f'{name}="{name}"'
        self._latency = Histogram(counters, f"litellm_{name}_latency", self._label, LATENCY)
        self._total = counters.slot(f"litellm_{name}_total_requests_total{{{self._label}}}")

    @contextmanager
    def asked(self, what: str, faults: type[BaseException] | tuple[type[BaseException], ...]) -> Iterator[None]:
        """Count what is done meanwhile. faults: what says that the service failed; others are whoever asked's own."""
        began = time.monotonic()
        try:
            yield
        except faults as error:
            labels = f'{self._label},error_class="{type(error).__name__}",function_name="{what}"'
            name = f"litellm_{self._name}_failed_requests_total{{{labels}}}"
            self._counters.add(self._counters.slot(name), 1)
            raise
        finally:
            self._counters.add(self._total, 1)
            self._latency.observe(time.monotonic() - began)


CLOSED, OPEN, HALF_OPEN = STATES = "closed", "open", "half_open"


class Breaker:
    """Tells whether limits are shared in a Valkey or Redis (closed), or each machine goes alone for now (open).

    By the names that LiteLLM has for its circuit breaker. Whoever asks while it is open goes on without an answer, and
    one worker looks whether the store is well; that is no state of its own, so half_open there never is.
    """

    def __init__(self, counters: SharedCounters) -> None:
        name = f"litellm_{REDIS}_circuit_breaker"
        self._counters = counters
        self._failures = f"{name}_failures_total"
        self._states = {state: counters.slot(f'{name}_state{{state="{state}"}}') for state in STATES}
        self._turns = {state: counters.slot(f'{name}_transitions_total{{state="{state}"}}') for state in STATES}

    def turn(self, state: str) -> None:
        """Count that it is another one now."""
        self._counters.add(self._turns[state], 1)
        self.show(state)

    def show(self, state: str | None) -> None:
        """Say what it is. None: limits are not shared."""
        for name, slot in self._states.items():
            self._counters.set(slot, int(name == state))

    def fail(self, kind: str) -> None:
        """Count an answer that did not come, or not in time."""
        self._counters.add(self._counters.slot(f'{self._failures}{{failure_class="{kind}"}}'), 1)


def watched(client: Any, service: Service) -> Any:
    """Return a client of a Valkey or Redis whose commands are counted."""
    ask = client.execute_command

    async def asked(*words: Any, **options: Any) -> Any:
        with service.asked(str(words[0]).partition(" ")[0].lower(), Exception):
            return await ask(*words, **options)

    client.execute_command = asked
    return client


Asked = Callable[[str], AbstractContextManager[None]]
"""Counts what is done by the database meanwhile: `read`, `write`, or `reset` of the budgets that are due."""


def uncounted(_what: str) -> AbstractContextManager[None]:
    """Count nothing."""
    return nullcontext()


def of_database(counters: SharedCounters, writes: str = POSTGRES) -> Asked:
    """Return what counts for a database. writes: the service that writing counts for."""
    names = {"read": POSTGRES, "write": writes, "reset": RESETS}
    services = {what: Service(counters, name) for what, name in names.items()}
    return lambda what: services[what].asked(what, StoreUnavailable)
