"""When the manager of secrets is asked again, what becomes of a change, and of a failure."""

from collections.abc import Collection

import pytest

from tianji._core.sharing.shm import SharedCounters
from tianji.config.secrets import Answers, SecretFailure, Secrets
from tianji.gateway.upkeep.renewal import REST, Renewal

INTERVAL = 1000.0
AWAY = SecretFailure("the manager is away")


class Scripted:
    label, interval = "the manager", INTERVAL

    def __init__(self) -> None:
        self.answer: str | SecretFailure | None = "canary-one"
        self.asked = 0

    def fetch(self, names: Collection[str]) -> Answers:
        self.asked += 1
        return dict.fromkeys(names, self.answer)


class Worker:
    """A worker's renewal, with what it was made to do."""

    def __init__(self, source: Scripted | None) -> None:
        self.now = 0.0
        self.source = source
        self.reloads = 0
        self._counters = SharedCounters()
        self.secrets = self.read()
        self.renewal = Renewal(lambda: self.secrets, self._ask_reload, self._counters, lambda: self.now)

    def read(self) -> Secrets:
        secrets = Secrets({}, self.source)
        secrets.fetch(["KEY"])
        return secrets

    @property
    def outcomes(self) -> dict[str, int]:
        return {series.split('"')[1]: count for series, count in self._counters.items() if "outcome" in series}

    def _ask_reload(self) -> None:
        self.reloads += 1

    async def pass_time(self, seconds: float) -> None:
        """Look, and wait for what that began."""
        self.now += seconds
        self.renewal.look()
        asking = self.renewal._asking
        if asking is not None:
            await asking


async def test_it_is_asked_when_the_interval_has_passed_and_a_change_reloads() -> None:
    source = Scripted()
    worker = Worker(source)
    await worker.pass_time(0)
    await worker.pass_time(INTERVAL - 1)
    assert (source.asked, worker.outcomes) == (1, {})
    await worker.pass_time(1)
    assert (source.asked, worker.outcomes, worker.reloads) == (2, {"same": 1}, 0)
    source.answer = "canary-two"
    await worker.pass_time(INTERVAL - 1)
    assert worker.reloads == 0
    await worker.pass_time(1)
    assert (worker.outcomes, worker.reloads) == ({"same": 1, "changed": 1}, 1)
    worker.secrets = worker.read()  # as a reload does
    await worker.pass_time(1)
    await worker.pass_time(INTERVAL - 1)
    assert worker.reloads == 1, "the interval begins with the reload"
    await worker.pass_time(1)
    assert worker.outcomes == {"same": 2, "changed": 1}


async def test_a_failure_is_said_keeps_the_old_value_and_is_tried_again_soon(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Scripted()
    worker = Worker(source)
    await worker.pass_time(0)
    source.answer = AWAY
    await worker.pass_time(INTERVAL)
    assert (worker.outcomes, worker.reloads) == ({"failed": 1}, 0)
    assert "the old one goes on where there is one: the manager is away" in caplog.text
    assert worker.secrets.find("KEY").value == "canary-one"
    await worker.pass_time(REST - 1)
    assert worker.outcomes == {"failed": 1}
    source.answer = "canary-two"
    await worker.pass_time(1)
    assert (worker.outcomes, worker.reloads) == ({"failed": 1, "changed": 1}, 1)
    assert "canary" not in caplog.text


async def test_a_start_without_the_manager_is_tried_again_soon(caplog: pytest.LogCaptureFixture) -> None:
    source = Scripted()
    source.answer = AWAY
    worker = Worker(source)
    await worker.pass_time(0)
    assert "the manager is away" in caplog.text
    source.answer = "canary-one"
    await worker.pass_time(REST)
    assert worker.reloads == 1


async def test_a_key_that_was_refused_is_asked_for_at_once_but_not_all_the_time() -> None:
    source = Scripted()
    worker = Worker(source)
    await worker.pass_time(0)
    worker.renewal.doubt(["of somebody else"])
    await worker.pass_time(1)
    assert source.asked == 1
    source.answer = "canary-two"
    worker.renewal.doubt(["x", "canary-one"])
    await worker.pass_time(1)
    assert (source.asked, worker.reloads) == (2, 1)
    worker.secrets = worker.read()
    await worker.pass_time(1)
    worker.renewal.doubt(["canary-two"])
    await worker.pass_time(REST - 3)
    assert worker.outcomes == {"changed": 1}
    worker.now += 1
    worker.renewal.doubt(["canary-two"])
    await worker.pass_time(0)
    assert worker.outcomes == {"changed": 1, "same": 1}


async def test_without_a_manager_nothing_is_done() -> None:
    worker = Worker(None)
    await worker.pass_time(0)
    worker.renewal.doubt(["canary-one"])
    await worker.pass_time(1e9)
    assert worker.outcomes == {}
    worker.renewal.stop()
