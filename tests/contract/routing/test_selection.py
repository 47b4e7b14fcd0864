"""Who is chosen: conformance table B, through the running gateway. Shares are figures of tests/unit/core."""

from collections import Counter

import pytest

from .stage import Stage
from .table import FIRST, Row, ask, row

PAIR = "a:[a1,a2]"
COSTS = {"a1": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}
CHEAP = {"input_cost_per_token": 1e-7, "output_cost_per_token": 1e-7}
FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}

ROWS: dict[str, Row] = {
    "B3": row(*[ask("a2")] * 20, groups=PAIR, params={"a1": {"weight": 0}, "a2": {"weight": 1}}),
    "B6": row(*[ask("a1")] * 20, groups=PAIR, params={"a1": {"weight": 1}, "a2": {"rpm": 900}}),
    "B12": row(
        ask("a1|a2"),
        ask("a1|a2"),
        *[ask("a2")] * 4,
        groups=PAIR,
        router={"routing_strategy": "latency-based-routing"},
        script={"a1": {"first_byte_ms": 100}},
    ),
    "B18": row(
        *[ask("a1|a2")] * 4,
        ask("", 429, kind="throttling_error"),
        groups=PAIR,
        router={"routing_strategy": "usage-based-routing-v2"},
        params={name: {"rpm": 2} for name in ("a1", "a2")},
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
    "B28 of the model": row(*[ask("a1")] * 5, groups=PAIR, infos={"a1": {"order": 1}, "a2": {"order": 2}}),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_the_table(stage: Stage) -> None:
    stage.play()


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
