"""Workers that die, and those that are to die."""

import logging
import os
import signal

import pytest

from tianji.edge.processes.crew import EARLY, EARLY_DEATHS, Crew, describe
from tianji.edge.processes.signals import Signals


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signals():
    with Signals(signal.SIGTERM, signal.SIGCHLD) as kept:
        yield kept


@pytest.fixture
def crew(signals):
    made = []

    def make(size, enlist, clock=None):
        made.append(Crew(size, enlist, signals, clock=clock or Clock()))
        return made[-1]

    yield make
    for each in made:
        each.let_go()
        each.send(signal.SIGKILL)
        each.reap()
        while each:
            signals.wait(10)
            each.reap()


def idle() -> None:
    signal.pause()


def fail() -> None:
    raise RuntimeError("no luck")


def until(signals, crew, condition) -> None:
    """Reap at each death until `condition()`."""
    while not condition():
        assert signals.wait(20), "nobody dies"
        crew.reap()


def test_each_worker_gets_its_own_job(crew, signals):
    reader, writer = os.pipe()

    def enlist(number):
        return lambda: os.write(writer, b"%d" % number)

    crew(3, enlist).let_go()
    seen = b""
    while len(seen) < 3:
        seen += os.read(reader, 3)
    assert sorted(seen) == sorted(b"012")
    os.close(reader)
    os.close(writer)


def test_who_dies_late_is_replaced_for_ever(crew, signals, caplog):
    clock = Clock()
    enlisted = []

    def enlist(number):
        enlisted.append(number)
        return idle

    made = crew(2, enlist, clock)
    for lives in range(EARLY_DEATHS + 3):
        clock.now += EARLY
        made.send(signal.SIGKILL)
        until(signals, made, lambda lives=lives: len(enlisted) >= 2 * (lives + 2))
    assert not made.failed
    assert len(made) == 2
    assert "died of SIGKILL; another one takes its place" in caplog.text


def test_who_dies_early_again_and_again_is_given_up(crew, signals, caplog):
    enlisted = []

    def enlist(number):
        enlisted.append(number)
        return idle if number else fail

    made = crew(2, enlist)
    with caplog.at_level(logging.CRITICAL):
        until(signals, made, lambda: made.failed)
    assert enlisted.count(0) == EARLY_DEATHS
    assert len(made) == 1
    assert f"worker 1 left with exit code 1, for the {EARLY_DEATHS}th time" in caplog.text


def test_a_long_life_forgives_early_deaths(crew, signals):
    clock = Clock()
    enlisted = []

    def enlist(number):
        enlisted.append(number)
        return idle

    made = crew(1, enlist, clock)
    for life in range(2 * EARLY_DEATHS):
        clock.now += EARLY if life % (EARLY_DEATHS - 1) == 0 else 0
        made.send(signal.SIGKILL)
        until(signals, made, lambda life=life: len(enlisted) == life + 2)
    assert not made.failed


def test_who_stands_still_is_not_dead(crew, signals):
    """The kernel sends SIGCHLD for that, too (sigaction(2), SA_NOCLDSTOP)."""
    enlisted = []

    def enlist(number):
        enlisted.append(number)
        return idle

    made = crew(1, enlist)
    for number in (signal.SIGSTOP, signal.SIGCONT) * 3:
        made.send(number)
        assert signals.wait(20) == [signal.SIGCHLD], "the parent hears of it"
        made.reap()
    assert enlisted == [0]


def test_whom_the_parent_lets_go_nobody_replaces(crew, signals):
    made = crew(2, lambda number: idle)
    made.let_go()
    made.send(signal.SIGKILL)
    until(signals, made, lambda: not made)


def test_a_new_worker_ignores_what_its_parent_hears(crew, signals):
    reader, writer = os.pipe()

    def tell():
        heard = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os.write(writer, b"yes" if (heard, blocked) == ((signal.SIG_IGN, signal.SIG_DFL), set()) else b"no")

    crew(1, lambda number: tell).let_go()
    assert os.read(reader, 3) == b"yes"
    os.close(reader)
    os.close(writer)
    os.kill(os.getpid(), signal.SIGTERM)
    seen = []
    while signal.SIGTERM not in seen:
        seen += signals.wait(10)


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "left with exit code 0"), (3, "left with exit code 3"), (-9, "died of SIGKILL"), (-40, "died of signal 40")],
)
def test_how_a_process_ended_is_told(code, text):
    assert describe(code) == text
