"""After how long a request is sent a second time."""

import pytest

from tianji._core.routing.needs import Needs
from tianji.routing.hedging import Hedge, hedge_of

from .simulation import Make, World


def serve(gateway: World, seconds: float, *, streamed: bool = False) -> None:
    needs = Needs(streamed=streamed)
    gateway.selections.groups["a"].choose(needs, gateway.now)
    needs.succeeded(gateway.now, 60.0 if streamed else seconds, seconds if streamed else -1, 10)


def hedge(gateway: World, index: int = 0) -> Hedge | None:
    return hedge_of(gateway.loaded.config.model_list[index], gateway.loaded.config.router_settings)


def test_a_percentile_is_of_the_deployments_own_answers(world: Make) -> None:
    gateway = world("a:[a1]", router={"hedge_after": "p95"})
    rule = hedge(gateway)
    assert rule == Hedge(percentile=0.95)
    health = gateway.table.health("a1")
    for number in range(1, 21):
        assert rule.delay(health, gateway.now, streamed=False) is None
        serve(gateway, number / 10)
    assert rule.delay(health, gateway.now, streamed=False) == pytest.approx(1.9)
    assert rule.delay(health, gateway.now, streamed=True) is None
    for _ in range(20):
        serve(gateway, 0.000_01, streamed=True)
    assert rule.delay(health, gateway.now, streamed=True) == 0.01


def test_a_deployment_says_it_for_itself(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"hedge_after": 3}, params={"a1": {"hedge_after": "p50"}})
    assert hedge(gateway) == Hedge(percentile=0.5)
    second = hedge(gateway, 1)
    assert second == Hedge(seconds=3)
    assert second.delay(gateway.table.health("a2"), gateway.now, streamed=True) == 3


def test_nobody_asked(world: Make) -> None:
    gateway = world("a:[a1]")
    assert hedge(gateway) is None
    for _ in range(30):
        serve(gateway, 1.0)
    assert gateway.table.health("a1").answers_within(0.5, False, gateway.now) is None, "and nothing is remembered"
