"""Retries: conformance table E, row by row where it concerns routing, on simulated time."""

import gc
import multiprocessing
import os
import signal
import weakref
from typing import Any

import pytest

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji.errors import TianjiError
from tianji.routing.attempts import Attempts
from tianji.routing.failure import Failure, Kind
from tianji.routing.retry import BUDGET_LEAST, MOST_RETRIES, RetryBudget, wait

from . import simulation
from .simulation import Make


def test_e1_one_deployment_is_tried_again_after_growing_waits(world: Make) -> None:
    gateway = world("a:[a1]", router={"num_retries": 2}).script(a1=[500, 500, 200])
    result = gateway.ask()
    assert (result.calls, result.status, result.retries) == (["a1"] * 3, 200, 2)
    assert 1.5 <= sum(result.waits) <= 3.0


def test_e2_nobody_waits_after_the_last_attempt(world: Make) -> None:
    result = world("a:[a1]", router={"num_retries": 2}).script(a1=500).ask()
    assert (result.calls, result.status, len(result.waits)) == (["a1"] * 3, 500, 2)
    assert 1.5 <= sum(result.waits) <= 3.0


def test_e3_another_deployment_is_tried_at_once(world: Make) -> None:
    for seed in range(1, 9):
        gateway = world("a:[a1,a2]", router={"num_retries": 1}, seed=seed).script(a1=500)
        result = gateway.ask()
        assert (result.calls[-1], result.status, result.waits) == ("a2", 200, [])
        assert result.retries == len(result.calls) - 1


def test_e4_all_are_tried_before_any_is_tried_again(world: Make) -> None:
    result = world("a:[a1,a2]", router={"num_retries": 3}).script(a1=500, a2=500).ask()
    assert result.status == 500
    assert sorted(result.calls[:2]) == sorted(result.calls[2:]) == ["a1", "a2"]
    assert len(result.waits) == 1, "the second round begins after a back-off"


def test_with_others_there_nobody_waits_as_long_as_one_asks(world: Make) -> None:
    answer = (503, {"ra": 30})
    result = world("a:[a1,a2]", router={"num_retries": 2}).script(a1=answer, a2=answer).ask()
    assert (len(result.calls), len(result.waits)) == (3, 1)
    assert result.waits[0] <= 1.75


def test_attempts_point_in_no_circle(world: Make) -> None:
    """They are freed when the request ends, and not by the collector, which rarely comes."""
    made = list[weakref.ref[Attempts]]()

    class Noted(Attempts):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(weakref.ref(self))

    gateway = world("a:[a1,a2] b:[b1]", router={"num_retries": 3, "fallbacks": [{"a": ["b"]}]})
    gateway.script(a1=500, a2=500, b1=200)
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(simulation, "Attempts", Noted)
            assert gateway.ask().calls[-1] == "b1"
        assert [one() for one in made] == [None]
    finally:
        gc.enable()


def test_e5_refused_credentials_rest_and_another_serves(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"num_retries": 2}, params={"a1": {"weight": 1}, "a2": {"weight": 0}})
    result = gateway.script(a1=401).ask()
    assert (result.calls, result.status, gateway.cooled()) == (["a1", "a2"], 200, {"a1"})


@pytest.mark.parametrize("status", [401, 400, 402, 404, 413, 422])  # E6, E7, E8
def test_what_would_only_fail_again_is_not_tried_again(world: Make, status: int) -> None:
    result = world("a:[a1]", router={"num_retries": 2}).script(a1=status).ask()
    assert (result.calls, result.status) == (["a1"], status)


def test_e9_a_short_wait_that_is_asked_for_is_waited(world: Make) -> None:
    result = world("a:[a1]", router={"num_retries": 1}).script(a1=[(429, {"ra": 2}), 200]).ask()
    assert (result.calls, result.status) == (["a1", "a1"], 200)
    assert 2 <= result.waits[0] <= 2.75


def test_e10_a_long_one_is_not(world: Make) -> None:
    result = world("a:[a1]", router={"num_retries": 1}).script(a1=[(429, {"ra": 120}), 200]).ask()
    assert (result.calls, result.status) == (["a1", "a1"], 200)
    assert 0.5 <= result.waits[0] <= 1.25


@pytest.mark.parametrize(
    ("router", "params", "asked", "calls"),
    [
        ({"num_retries": 2}, {}, 0, 1),  # E11
        ({"num_retries": 0}, {}, 1, 2),  # E12
        ({"num_retries": 0}, {"num_retries": 4}, None, 5),  # E13
        ({"num_retries": 0}, {"max_retries": 3}, None, 1),  # E24
        ({"num_retries": 1, "model_group_retry_policy": {"a": {"num_retries": 5}}}, {}, None, 6),  # E21
        ({"num_retries": 1, "model_group_retry_policy": {"a": {"num_retries": 5}}}, {}, 2, 3),
        ({"num_retries": 0}, {}, 1000, 1 + MOST_RETRIES),
    ],
)
def test_who_says_how_often(
    world: Make, router: dict[str, object], params: dict[str, object], asked: int | None, calls: int
) -> None:
    result = world("a:[a1]", router=router, params={"a1": params}).script(a1=500).ask(num_retries=asked)
    assert (len(result.calls), result.retries, result.status) == (calls, calls - 1, 500)


@pytest.mark.parametrize(
    ("policy", "answer", "asked", "retries", "calls"),
    [
        ({"RateLimitErrorRetries": 2}, 429, 1, 0, 2),  # E15
        ({"RateLimitErrorRetries": 2}, 429, 0, 3, 1),  # E16
        ({"RateLimitErrorRetries": 2}, 429, None, 0, 3),
        ({"AuthenticationErrorRetries": 0}, 401, None, 3, 1),  # E17
        ({"RateLimitErrorRetries": 2}, 500, None, 1, 2),  # E18
        ({"DefaultRetries": 2}, 404, None, 0, 3),  # E22
        ({"DefaultRetries": 2, "NotFoundErrorRetries": 1}, 404, None, 0, 2),
        ({"BadRequestErrorRetries": 1}, "ctx", None, 0, 2),
        ({"BadRequestErrorRetries": 1, "ContentPolicyViolationErrorRetries": 3}, "cp", None, 0, 4),
    ],
)
def test_policies(
    world: Make, policy: dict[str, int], answer: int | str, asked: int | None, retries: int, calls: int
) -> None:
    gateway = world("a:[a1]", router={"num_retries": retries, "retry_policy": policy}).script(a1=answer)
    assert len(gateway.ask(num_retries=asked).calls) == calls


def test_e14_a_policy_repeats_what_would_not_be(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"retry_policy": {"BadRequestErrorRetries": 2}}).script(a1=400, a2=400)
    result = gateway.ask()
    assert (sorted(result.calls[:2]), len(result.calls), result.status) == (["a1", "a2"], 3, 400)


def test_e19_a_groups_policy_takes_the_place_of_the_routers(world: Make) -> None:
    router = {
        "num_retries": 3,
        "retry_policy": {"InternalServerErrorRetries": 7},
        "model_group_retry_policy": {"a": {"InternalServerErrorRetries": 1}, "c": {"TimeoutErrorRetries": 9}},
    }
    gateway = world("a:[a1] b:[b1] c:[c1]", router=router).script(a1=500, b1=500, c1=500)
    assert [len(gateway.ask(name).calls) for name in "abc"] == [2, 8, 4]


def test_e20_a_policy_of_the_group_holds_under_its_alias(world: Make) -> None:
    router = {
        "num_retries": 1,
        "model_group_alias": {"al": "t"},
        "model_group_retry_policy": {"t": {"InternalServerErrorRetries": 0}},
    }
    assert world("t:[t1]", router=router).script(t1=500).ask("al").calls == ["t1"]


def test_e23_what_was_cut_off_is_tried_again(world: Make) -> None:
    for answer in ("X", "N", "Z"):
        result = world("a:[a1]", router={"num_retries": 1}).script(a1=[answer, 200]).ask()
        assert (result.calls, result.status) == (["a1", "a1"], 200)


def test_e25_a_whole_request_has_so_many_retries(world: Make) -> None:
    router = {"num_retries": 3, "fallbacks": [{"a": ["b"]}]}
    gateway = world("a:[a1] b:[b1]", router=router, settings={"num_retries_per_request": 1}).script(a1=500, b1=500)
    result = gateway.ask()
    assert (result.calls, result.status) == (["a1", "a1", "b1"], 500)


def test_e26_forbidden_is_tried_elsewhere(world: Make) -> None:
    result = world("a:[a1,a2]", router={"num_retries": 3}).script(a1=403, a2=403).ask()
    assert (len(result.calls), result.status) == (4, 403)


def test_e27_nothing_begins_after_the_deadline(world: Make) -> None:
    gateway = world("a:[a1]", router={"num_retries": 20}).script(a1=(500, {"takes": 0.1}))
    began = gateway.now
    result = gateway.ask(deadline=began + 5)
    assert result.status == 500
    assert 2 <= len(result.calls) < 20
    assert gateway.now < began + 5.2


def test_a_wait_beyond_the_deadline_is_not_waited(world: Make) -> None:
    gateway = world("a:[a1] b:[b1]", router={"num_retries": 3, "fallbacks": [{"a": ["b"]}]})
    result = gateway.script(a1=(429, {"ra": 30})).ask(deadline=gateway.now + 20)
    assert (result.calls, result.waits) == (["a1", "b1"], [])


def test_waits_are_bounded_and_no_shorter_than_the_floor() -> None:
    failure = Failure(error=TianjiError("no"), kind=Kind.INTERNAL, status=500)
    dice = Dice(3)
    for retry, least in ((0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0), (2000, 8.0)):
        for _ in range(50):
            assert least <= wait(failure, retry, 0.0, dice, alone=True) <= least + 0.75
    assert 3 <= wait(failure, 0, 3.0, dice, alone=False) <= 3.75


def test_the_budget_is_a_fifth_of_what_is_under_way_and_at_least_three() -> None:
    budget = RetryBudget("a", HealthTable())
    assert [budget.take(1) for _ in range(5)] == [True] * BUDGET_LEAST + [False] * 2
    assert [budget.take(30) for _ in range(5)] == [True] * 3 + [False] * 2
    budget.give_back()
    assert budget.used == 5


def test_the_budget_is_one_for_all_workers() -> None:
    table = HealthTable()
    mine = RetryBudget("a", table)
    fork = multiprocessing.get_context("fork")

    def work() -> None:
        budget = RetryBudget("a", table)
        assert budget.take(1)
        assert budget.take(1)
        assert RetryBudget("b", table).take(1)
        os.kill(os.getpid(), signal.SIGKILL)

    child = fork.Process(target=work)
    child.start()
    child.join()
    assert [mine.take(1) for _ in range(2)] == [True, False]
    assert table.sweep() == 3, "what a killed worker held"
    assert mine.take(1)


def test_a_retry_beyond_the_budget_waits_once_and_then_gives_up(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"num_retries": 2}).script(a1=500, a2=500)
    budget = gateway.router.budget("a")
    for _ in range(BUDGET_LEAST):
        assert budget.take(1)
    result = gateway.ask()
    assert (len(result.calls), len(result.waits), result.status) == (1, 1, 500)
    assert budget.used == BUDGET_LEAST
    budget.give_back()
    assert len(gateway.ask().calls) == 3
    assert budget.used == BUDGET_LEAST - 1


def test_a_retry_that_ends_without_a_deployment_gives_the_real_error(world: Make) -> None:  # D32
    gateway = world("a:[a1,a2]", router={"num_retries": 2}).script(a1=429, a2=429)
    result = gateway.ask()
    assert (sorted(result.calls), result.status, gateway.cooled()) == (["a1", "a2"], 429, {"a1", "a2"})
    assert "openai" in result.error.message, "the upstream's error, not ours"


def test_a_named_deployment_is_tried_again_only_where_a_policy_says_so(world: Make) -> None:  # A11
    assert world("a:[a1,a2]", router={"num_retries": 2}).script(a2=500).ask("a2").calls == ["a2"]
    router = {"num_retries": 2, "retry_policy": {"InternalServerErrorRetries": 1}}
    assert world("a:[a1,a2]", router=router).script(a2=500).ask("a2").calls == ["a2", "a2"]
