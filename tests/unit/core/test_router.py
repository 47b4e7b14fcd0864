"""Groups draw deployments by weight."""

from collections import Counter

import pytest

from tianji._core.http1 import Timeouts
from tianji._core.origin import Origin
from tianji._core.router import Deployment, Group, Plan, seed_dice
from tianji._core.shm import SharedCounters
from tianji._core.stats import DeploymentStats
from tianji.gateway.plans import shaping_arguments
from tianji.providers import build

STATS = DeploymentStats(SharedCounters(256), "m", "openai")


def deployment(name: str, weight: float, operations: tuple[str, ...] = ("chat",)) -> Deployment:
    shaping = build({"model": "openai/x", "api_key": "k"}, {}, drop_params=False).shaping
    plan = Plan(
        origin=Origin("127.0.0.1", 1),
        path="/x",
        head=b"",
        model=b'"x"',
        asks_usage=False,
        timeouts=Timeouts(),
        stream_timeouts=Timeouts(),
        canned=None,
        **shaping_arguments(shaping),
    )
    made = Deployment(
        id=name,
        group="m",
        provider="openai",
        model="x",
        api_base="http://127.0.0.1:1",
        plans=dict.fromkeys(operations, plan),
        secrets=(),
        unready=None,
        answer_headers=[],
        stats=STATS,
    )
    made.weight = weight
    return made


@pytest.mark.parametrize(
    ("weights", "shares"),
    [((9, 1, 0), (0.9, 0.1, 0.0)), ((0, 1), (0.0, 1.0)), ((0, 0), (0.5, 0.5)), ((1, 1, 1), (1 / 3, 1 / 3, 1 / 3))],
)
def test_traffic_is_shared_by_weight(weights, shares) -> None:
    seed_dice(7)
    group = Group("m", [deployment(str(i), weight) for i, weight in enumerate(weights)])
    drawn = Counter(group.choose("chat").id for _ in range(20_000))
    for i, share in enumerate(shares):
        assert abs(drawn[str(i)] / 20_000 - share) < 0.02


def test_the_same_seed_draws_the_same() -> None:
    group = Group("m", [deployment("a", 1), deployment("b", 1)])
    seed_dice(42)
    first = [group.choose("chat").id for _ in range(50)]
    seed_dice(42)
    assert [group.choose("chat").id for _ in range(50)] == first
    assert set(first) == {"a", "b"}


def test_tried_deployments_and_those_without_the_operation_are_left_out() -> None:
    chat, both = deployment("chat", 1), deployment("both", 1, ("chat", "embeddings"))
    group = Group("m", [chat, both])
    assert group.choose("embeddings") is both
    assert group.choose("chat", [both]) is chat
    assert group.choose("chat", [chat, both]) is None
    assert group.choose("moderations") is None
