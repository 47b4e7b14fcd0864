"""The process beside the workers: when it begins, what follows its death, how it ends."""

import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from tianji.edge.control import Control
from tianji.edge.processes.companion import EARLY, FAREWELL, LONGEST_REST, REST, Companion, Task
from tianji.edge.processes.signals import Signals


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals(signal.SIGTERM, signal.SIGCHLD) as kept:
        yield kept


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Companion]


@pytest.fixture
def make(signals: Signals, clock: Clock) -> Iterator[Make]:
    made: list[Companion] = []

    def companion(
        work: Callable[[Control], None], due: Callable[[], bool] = lambda: True, patience: float = 30.0
    ) -> Companion:
        made.append(Companion(Task("the other one", due, work, patience), Control(1), signals, clock=clock))
        return made[-1]

    yield companion
    for each in made:
        if each.process is not None:
            os.kill(each.process, signal.SIGKILL)
            os.waitpid(each.process, 0)


def idle(_: Control) -> None:
    while True:
        signal.pause()


def nothing() -> None:
    """Release nothing."""


def dies(companion: Companion, signals: Signals, number: signal.Signals = signal.SIGKILL) -> None:
    """Kill it, and let it be noticed."""
    process = companion.process
    assert process is not None
    os.kill(process, number)
    while companion.process == process:
        assert signals.wait(20), "it does not die"
        companion.look(nothing)


def test_it_begins_when_there_is_something_to_do(make: Make) -> None:
    due = False
    companion = make(idle, lambda: due)
    companion.look(nothing)
    assert companion.process is None
    due = True
    companion.look(nothing)
    first = companion.process
    companion.look(nothing)
    assert companion.process == first is not None


def test_another_one_takes_its_place_after_a_rest(
    make: Make, signals: Signals, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    companion = make(idle)
    rests = []
    for _ in range(8):
        companion.look(nothing)
        dies(companion, signals)
        began = clock.now
        while companion.process is None:
            clock.now += 0.5
            companion.look(nothing)
        rests.append(clock.now - began)
    assert rests == [min(REST * 2**count, LONGEST_REST) for count in range(1, 9)]
    assert "the other one" in caplog.text
    assert "SIGKILL" in caplog.text
    clock.now += EARLY
    dies(companion, signals)
    clock.now += REST
    companion.look(nothing)
    assert companion.process is not None


def test_it_finishes_when_it_is_told_to(make: Make) -> None:
    reader, writer = os.pipe()

    def told(_: Control) -> None:
        os.write(writer, b"begun")
        signal.sigwait([FAREWELL])
        os.write(writer, b"finished")
        sys.stdout.flush()

    companion = make(told)
    companion.look(lambda: os.close(reader))
    assert os.read(reader, 5) == b"begun"
    companion.end(30.0)
    assert companion.process is None
    assert os.read(reader, 8) == b"finished"
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("impatient", [True, False])
def test_who_does_not_finish_is_ended(make: Make, clock: Clock, *, impatient: bool) -> None:
    """When its time is up, or when whoever waits is told to hurry."""
    reader, writer = os.pipe()

    def deaf(_: Control) -> None:
        os.write(writer, b"begun")
        while True:
            signal.pause()

    companion = make(deaf, patience=0.0 if impatient else 30.0)
    companion.look(nothing)
    assert os.read(reader, 5) == b"begun"
    if not impatient:
        os.kill(os.getpid(), signal.SIGTERM)
    companion.end(30.0)
    assert companion.process is None
    assert clock.now == 0.0
    os.close(reader)
    os.close(writer)


def test_without_a_process_there_is_nothing_to_end(make: Make) -> None:
    make(idle, lambda: False).end(30.0)
