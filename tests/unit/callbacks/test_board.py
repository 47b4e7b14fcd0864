"""How destinations stand, where /metrics finds it."""

from tests.unit.callbacks.test_outlet import There

from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks.board import Board
from tianji.callbacks.sink import Sink
from tianji.management.status.series import METRICS


def figures(counters: SharedCounters) -> dict[str, int]:
    return {name: value for name, value in counters.items() if name.startswith("tianji_callback_")}


async def test_what_was_told_and_lost_and_how_far_behind_it_is() -> None:
    counters, there = SharedCounters(), There(lambda ids: 400 if "2" in ids else 200)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    there.outlet.standing.fault = "away"
    Board(counters).show([there.outlet], {"one.journal": 30, "two.journal": 40, "empty.journal": 16})
    name = 'callback="there"'
    assert figures(counters) == {
        f'tianji_callback_events_total{{{name},outcome="told"}}': 2,
        f'tianji_callback_events_total{{{name},outcome="lost"}}': 1,
        f"tianji_callback_failing{{{name}}}": 1,
        f"tianji_callback_last_success_timestamp_seconds{{{name}}}": 5,
        f"tianji_callback_behind_bytes{{{name}}}": 30 - 3 + 40 - 16,
    }
    assert {one.partition("{")[0] for one in figures(counters)} <= {metric.name for metric in METRICS}


def test_those_of_keys_and_requests_have_no_figures() -> None:
    counters = SharedCounters()
    for sink in (Sink("of a key", There().outlet.sink.write, owner=("key", "k")),
                 Sink("of a request", There().outlet.sink.write, lasting=False)):  # fmt: skip
        there = There()
        there.outlet.sink = sink
        Board(counters).show([there.outlet], {})
    assert figures(counters) == {}
