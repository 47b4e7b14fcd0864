"""Who is chosen: conformance table B, through the running gateway. Shares are figures of tests/unit/core."""

from collections import Counter
from contextlib import ExitStack

import pytest
from tests.contract.harness import Mock

from .stage import Stage, within_a_minute
from .table import FIRST, Row, ask, row, said, used

PAIR = "a:[a1,a2]"
COSTS = {"a1": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}
CHEAP = {"input_cost_per_token": 1e-7, "output_cost_per_token": 1e-7}
QUICKEST = {"routing_strategy": "latency-based-routing"}
USAGE = {"routing_strategy": "usage-based-routing-v2"}
NAMES = [
    "simple-shuffle", "least-busy", "usage-based-routing", "usage-based-routing-v2", "latency-based-routing",
    "cost-based-routing", "provider-budget-routing", "lowest-latency", "usage-based", "lowest-tpm-rpm", "lowest-cost",
    "priority", "region-based",
]  # fmt: skip
FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}

ROWS: dict[str, Row] = {
    "B3": row(*[ask("a2")] * 20, groups=PAIR, params={"a1": {"weight": 0}, "a2": {"weight": 1}}),
    "B6": row(*[ask("a1")] * 20, groups=PAIR, params={"a1": {"weight": 1}, "a2": {"rpm": 900}}),
    "B12": row(
        ask("a1|a2"),
        ask("a1|a2"),
        *[ask("a2")] * 4,
        groups=PAIR,
        router=QUICKEST,
        script={"a1": {"first_byte_ms": 100}},
    ),
    "B16": row(*[ask("a1")] * 5, groups="a:[a1]", router=QUICKEST, script={"a1": used(3, completion=0)}),
    "B17": row(
        ask("a1", model="a1"), ask("a2", model="a2"), *[ask("a2")] * 3,
        groups=PAIR, router=USAGE, script={"a1": used(500), "a2": used(100)},
    ),
    "B18": row(
        *[ask("a1|a2")] * 4,
        ask("", 429, kind="throttling_error"),
        groups=PAIR,
        router=USAGE,
        params={name: {"rpm": 2} for name in ("a1", "a2")},
    ),
    "B20": row(
        ask("a1"),
        ask("", 429, body={"messages": [{"role": "user", "content": "word " * 20}]}, kind="throttling_error"),
        groups="a:[a1]", router=USAGE, params={"a1": {"tpm": 100}}, script={"a1": used(90)},
    ),
    "B21": row(
        *[ask("a2")] * 3,
        groups=PAIR,
        router={"routing_strategy": "cost-based-routing"},
        infos={**COSTS, "a2": CHEAP},
    ),
    "B22": row(
        *[ask("a1")] * 3,
        groups=PAIR,
        router={"routing_strategy": "cost-based-routing"},
        infos={"a1": FREE, "a2": CHEAP},
    ),
    "B24": row(
        ask("a2"),
        ask("a1"),
        groups=PAIR,
        router={"routing_strategy": "cost-based-routing"},
        infos={**COSTS, "a2": CHEAP},
        params={"a2": {"rpm": 1}},
    ),
    "B27": row(
        *[ask("a1|a2")] * 30,
        groups="a:[a1,a2,a3]",
        params={"a1": {"order": 1}, "a2": {"order": 1}, "a3": {"order": 2}},
    ),
    "B28": row(
        ask("a1", 401), ask("a2"), groups=PAIR, params={"a1": {"order": 1}}, script={"a1": 401}
    ),
    **{f"B25 {name}": row(ask("a1"), groups="a:[a1]", router={"routing_strategy": name}) for name in NAMES},
    "B28 of the model": row(*[ask("a1")] * 5, groups=PAIR, infos={"a1": {"order": 1}, "a2": {"order": 2}}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    assert stage.play() > 0


# the row, requests, from how many to how many the first deployment has of them, and who has any
SHARES: dict[str, tuple[Row, int, int, int, set[str]]] = {
    "B1": (
        row(groups="a:[a1,a2,a3]", params={"a1": {"weight": 9}, "a2": {"weight": 1}}),
        200,
        155,
        199,
        {"a1", "a2"},
    ),
    "B2": (row(groups=PAIR, params={name: {"weight": 0} for name in FIRST}), 60, 11, 49, {"a1", "a2"}),
    "B4": (
        row(
            groups=PAIR,
            params={"a1": {"rpm": 900, "max_parallel_requests": 0}, "a2": {"rpm": 100, "max_parallel_requests": 0}},
        ),
        200,
        155,
        199,
        {"a1", "a2"},
    ),
    "B5": (row(groups=PAIR, params={"a1": {"tpm": 300_000}, "a2": {"tpm": 100_000}}), 100, 54, 96, {"a1", "a2"}),
    "B9": (row(groups=PAIR, router={"routing_strategy": "least-busy"}), 60, 11, 49, {"a1", "a2"}),
    "B23": (row(groups=PAIR, router={"routing_strategy": "cost-based-routing"}), 60, 11, 49, {"a1", "a2"}),
}


@pytest.mark.parametrize(("row", "count", "least", "most", "names"), SHARES.values(), ids=SHARES.keys())
def test_shares(stage: Stage, count: int, least: int, most: int, names: set[str]) -> None:
    """The bounds are five standard deviations away from what is expected."""
    assert {stage.send(ask()).status_code for _ in range(count)} == {200}
    shares = Counter(stage.called())
    assert shares.keys() == names
    assert least <= shares["a1"] <= most


@pytest.mark.parametrize("row", [row(groups=PAIR, router={"routing_strategy": "least-busy"})], ids=["B8"])
def test_who_has_an_open_call_is_left_alone(stage: Stage) -> None:
    stage.script({"a1": {"stall_at": 3}, "a2": {"stall_at": 3}})  # which a plain answer does not come to
    with stage.stream(ask()) as held:
        lines = held.iter_lines()
        next(lines)
        assert {stage.send(ask()).status_code for _ in range(5)} == {200}
    holder, *others = stage.called()
    assert {holder, *others} == {"a1", "a2"}
    assert holder not in others


@pytest.mark.parametrize("row", [row(groups="a:[a1,a2,a3]", router=USAGE)], ids=["a burst"])
def test_a_burst_does_not_land_on_one_deployment(stage: Stage, mock: Mock) -> None:
    """What a request may use counts before its answer comes."""
    within_a_minute()
    stage.script({name: {"stall_at": 3} for name in ("a1", "a2", "a3")})
    with ExitStack() as held:
        statuses = [held.enter_context(stage.stream(ask())).status_code for _ in range(6)]
        assert mock.connections()["in_progress"] == 6
    assert statuses == [200] * 6
    assert Counter(stage.called()) == {"a1": 2, "a2": 2, "a3": 2}


SLOW = row(groups=PAIR, router=QUICKEST, params={"a1": {"timeout": 0.1}})


@pytest.mark.parametrize("row", [SLOW], ids=["B13"])
def test_a_timeout_keeps_away(stage: Stage) -> None:
    stage.script({"a1": ["Z", 200]})
    statuses = [stage.send(ask()).status_code for _ in range(8)]
    assert sorted(statuses[:2]) == [200, 408], "each is tried once"
    assert statuses[2:] == [200] * 6
    assert stage.called()[2:] == ["a2"] * 6


BUFFERED = row(groups="a:[a1,a2,a3]", router={**QUICKEST, "routing_strategy_args": {"lowest_latency_buffer": 9}})


@pytest.mark.parametrize("row", [BUFFERED], ids=["B14"])
def test_who_is_nearly_as_quick_serves_too(stage: Stage) -> None:
    """Up to ten times the best one's 30 ms is nearly; a second is not."""
    stage.script({name: {"first_byte_ms": wait, **used(3)} for name, wait in (("a1", 30), ("a2", 40), ("a3", 1000))})
    assert {stage.send(ask()).status_code for _ in range(3)} == {200}
    assert set(stage.called()) == {"a1", "a2", "a3"}, "each is tried once"
    assert {stage.send(ask()).status_code for _ in range(30)} == {200}
    assert set(stage.called()[3:]) == {"a1", "a2"}


@pytest.mark.parametrize("row", [row(groups=PAIR, router=QUICKEST)], ids=["B15"])
def test_streams_go_where_their_first_token_comes_soonest(stage: Stage) -> None:
    """Though the whole of them takes longer there."""
    stage.script({
        "a1": {**said("He", "llo"), "stall_at": 2, "stall_ms": 300},
        "a2": {**said("He", "llo"), "first_byte_ms": 150},
    })  # fmt: skip
    for _ in range(5):
        assert stage.send(ask(body={"stream": True})).text.endswith("data: [DONE]\n\n")
    first, second, *others = stage.called()
    assert {first, second} == {"a1", "a2"}
    assert others == ["a1"] * 3


LIMITED = row(groups="a:[a1]", router=USAGE, params={"a1": {"rpm": 1}})


@pytest.mark.parametrize("row", [LIMITED], ids=["J20"])
def test_a_changed_strategy_is_a_change_of_configuration_only(stage: Stage) -> None:
    """The limits that another strategy kept are gone with it."""
    within_a_minute()
    assert [stage.send(ask()).status_code for _ in range(2)] == [200, 429]
    stage.again(router={"routing_strategy": "simple-shuffle"})
    assert [stage.send(ask()).status_code for _ in range(3)] == [200] * 3
