"""The memory benchmark: its load against the real mock, its readings against this very process."""

import os
from collections import Counter

import pytest
from bench.memory import load
from bench.memory.readings import forget_peak, peak, read, slope

from tianji.mock import Faults, MockServer, Rule, start

MIB = 1024 * 1024


@pytest.fixture
async def mock():
    server = await start()
    rules = (("failing", Faults(status=400)), ("nobody", Faults(status=404)), ("breaking", Faults(cut_at=500)))
    server.control(*(Rule(faults, model=model) for model, faults in rules))
    yield server
    await server.close()


def asks(mock: MockServer) -> list[load.Ask]:
    return [ask for ask in load.mix(f"{mock.host}:{mock.port}", "none") if ask.name != "broken stream"]


def test_half_of_the_mix_is_small_and_plain() -> None:
    counts = Counter(ask.name for ask in load.mix("h", "k"))
    assert counts.total() == 20
    assert counts["plain"] == 10
    assert len(counts) == 9


async def test_every_request_of_the_mix_is_made_and_judged(mock: MockServer) -> None:
    tally = await load.mixed(mock.host, mock.port, asks(mock), 400)
    assert (tally.answered, tally.failures, tally.first_failure) == (400, 0, "")
    assert sum(tally.kinds.values()) == 400
    assert tally.left == tally.kinds["abandoned stream"] + tally.kinds["abandoned upload"]
    await mock.state.wait(in_progress=0)


async def test_another_status_and_a_lost_connection_are_failures(mock: MockServer) -> None:
    wire = load.wire("failing", 200, "h", "none")
    cut = load.wire("breaking", 200, "h", "none")
    tally = await load.mixed(mock.host, mock.port, [load.Ask("a", wire), load.Ask("b", cut)], 4)
    assert tally.failures == 4
    assert "status 400 where 200 was due" in tally.first_failure


async def test_what_is_held_is_answered_after_the_look(mock: MockServer) -> None:
    looks: list[int] = []
    ask = load.Ask("held", load.wire("mock-first-byte-100", load.LARGE, "h", "none"))
    tally = await load.held(
        mock.host, mock.port, ask, 20, mock.state.wait(requests=20), lambda: looks.append(mock.state.busy)
    )
    assert looks == [20]
    assert (tally.answered, tally.failures) == (20, 0)


def test_a_body_is_as_long_as_it_is_said_to_be() -> None:
    head, _, body = load.wire("demo", 150_000, "h", "k").partition(b"\r\n\r\n")
    assert len(body) == 150_000
    assert b"content-length: 150000" in head


def test_readings_see_what_this_process_takes() -> None:
    before = read(os.getpid())
    forget_peak(os.getpid())
    block = bytearray(b"x") * (64 * MIB)
    after = read(os.getpid())
    assert len(block) / MIB == 64
    assert after.rss - before.rss > 56
    assert after.uss - before.uss > 56
    assert before.uss <= before.pss <= before.rss
    del block
    assert peak(os.getpid()) > before.rss + 56


@pytest.mark.parametrize(
    ("points", "expected"), [([], 0.0), ([(1.0, 5.0)], 0.0), ([(0.0, 1.0), (2.0, 5.0), (4.0, 9.0)], 2.0)]
)
def test_the_slope_of_a_line(points: list[tuple[float, float]], expected: float) -> None:
    assert slope(points) == pytest.approx(expected)
