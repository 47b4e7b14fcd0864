"""Rests: conformance table D, row by row where it concerns routing, on simulated time."""

from collections.abc import Iterator

import pytest

from tianji._core.routing.health import Health, HealthTable
from tianji.errors import TianjiError
from tianji.routing.cooldown import Cooldowns, Rule
from tianji.routing.failure import Failure, Kind

from .simulation import Answer, Make, World, failed

FIRST = {"a1": {"weight": 1}, "a2": {"weight": 0}}  # a1 is chosen while it may be


def judge(gateway: World, name: str, answer: Answer, **options: object) -> None:
    """Let one attempt at a deployment fail, without a request around it."""
    gateway.router.cooldowns.failed(gateway.table.health(name), failed(answer, options), gateway.now)


def outcomes(gateway: World, name: str, text: str) -> bool:
    """Let a deployment succeed for each `o` and fail for each `f`; whether it rests then."""
    for letter in text:
        if letter == "o":
            gateway.table.health(name).note(gateway.now, failed=False)
        else:
            judge(gateway, name, 500)
    return name in gateway.cooled()


def test_d1_a_limited_deployment_rests_and_the_other_serves(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"num_retries": 1}, params=FIRST).script(a1=429)
    results = [gateway.ask() for _ in range(3)]
    assert [result.calls for result in results] == [["a1", "a2"], ["a2"], ["a2"]]
    assert [result.status for result in results] == [200, 200, 200]
    assert gateway.cooled() == {"a1"}


def test_d2_all_are_limited(world: Make) -> None:  # and K1
    gateway = world("a:[a1,a2]", params=FIRST).script(a1=(429, {"ra": 2}), a2=(429, {"ra": 3}))
    results = [gateway.ask() for _ in range(3)]
    assert [result.calls for result in results] == [["a1"], ["a2"], []]
    error = results[2].error
    assert (error.status, error.wire_type, error.headers) == (
        429,
        "all_deployments_in_cooldown",
        ((b"retry-after", b"2"),),
    )
    assert "a1" not in error.message
    gateway.now += 2
    assert gateway.script(a1=200).ask().calls == ["a1"]


@pytest.mark.parametrize("answer", [429, 401, "gone", 402, 500, "N"])  # D3, D9, D11, D7
def test_a_lone_deployment_never_rests(world: Make, answer: Answer) -> None:
    gateway = world("a:[a1]").script(a1=answer)
    statuses = {gateway.ask().status for _ in range(20)}
    assert gateway.cooled() == set()
    assert len(statuses) == 1


def test_d4_one_failure_is_none(world: Make) -> None:
    gateway = world("a:[a1,a2]", params=FIRST).script(a1=500)
    assert (gateway.ask().calls, gateway.cooled()) == (["a1"], set())


@pytest.mark.parametrize(
    ("text", "rests"),
    [
        ("ffff", False),
        ("fffff", True),  # D5
        ("ooofff", False),  # D6
        ("oooffff", True),
        ("oofff", True),
        ("offfff", True),
        ("ffoffoff", True),
        ("o" * 100 + "ffff", False),
        ("o" * 100 + "fffff", True),  # in a row
        ("o" * 100 + "of" * 5, False),
        ("o" * 100 + "of" * 20, True),  # much worse than the other
    ],
)
def test_failures_are_compared_with_successes(world: Make, text: str, rests: bool) -> None:
    assert outcomes(world("a:[a1,a2]"), "a1", text) is rests


def test_the_comparison_begins_anew_after_a_minute(world: Make) -> None:
    gateway = world("a:[a1,a2]")
    assert not outcomes(gateway, "a1", "off")
    gateway.now += 61
    assert not outcomes(gateway, "a1", "off")


def test_where_both_fail_alike_neither_is_an_outlier(world: Make) -> None:
    gateway = world("a:[a1,a2]")
    for _ in range(40):
        for name in ("a1", "a2"):
            assert not outcomes(gateway, name, "oof")


def test_statistics_never_take_the_last_one(world: Make) -> None:
    gateway = world("a:[a1,a2,a3]")
    assert outcomes(gateway, "a1", "f" * 9)
    assert outcomes(gateway, "a2", "f" * 9)
    assert not outcomes(gateway, "a3", "f" * 50)
    gateway.now += 6
    assert outcomes(gateway, "a3", "f")


def test_two_that_go_at_once_do_not_both_go() -> None:
    """The other deployment is taken out by another worker between the look and the deed."""
    table = HealthTable()
    one, two = table.health("one"), table.health("two")

    class Racing:
        """The siblings, of which the only one is cooled once it was looked at."""

        looks = 0

        def __iter__(self) -> Iterator[Health]:
            self.looks += 1
            if self.looks == 2:
                two.cool(1e6)
            return iter([two])

        def __len__(self) -> int:
            return 1

    siblings = Racing()
    cooldowns = Cooldowns(rules={"one": Rule(siblings=siblings)})
    failure = Failure(error=TianjiError("no"), kind=Kind.INTERNAL, status=500)
    for _ in range(5):
        siblings.looks = 0
        cooldowns.failed(one, failure, 10.0)
    assert siblings.looks == 2
    assert two.cooled_for(10.0) > 0
    assert one.cooled_for(10.0) == 0


def test_d8_each_of_two_refuses_us(world: Make) -> None:
    gateway = world("a:[a1,a2]", params=FIRST).script(a1=401, a2=401)
    assert [gateway.ask().status for _ in range(3)] == [401, 401, 429]


def test_d10_a_single_one_with_a_fallback_rests(world: Make) -> None:
    gateway = world("a:[a1] b:[b1]", router={"fallbacks": [{"a": ["b"]}]}).script(a1=401)
    results = [gateway.ask() for _ in range(2)]
    assert [result.calls for result in results] == [["a1", "b1"], ["b1"]]
    assert [result.status for result in results] == [200, 200]


@pytest.mark.parametrize("answer", [400, 403, 409, 413, 422, 404, "ctx", "cp"])  # D12
def test_what_says_nothing_of_a_deployment_does_not_count(world: Make, answer: Answer) -> None:
    gateway = world("a:[a1,a2]")
    for _ in range(10):
        judge(gateway, "a1", answer)
    assert gateway.cooled() == set()
    assert gateway.table.health("a1").outcomes(gateway.now) == (0, 0)


@pytest.mark.parametrize("answer", ["credit", "gone", "quota", 402, 401, 429])
def test_what_says_it_all_counts_at_once(world: Make, answer: Answer) -> None:
    gateway = world("a:[a1,a2]")
    judge(gateway, "a1", answer)
    assert gateway.cooled() == {"a1"}


def test_a_model_that_lacks_says_nothing_of_a_pattern(world: Make) -> None:
    gateway = world("openai/*:[w1,w2]")
    judge(gateway, "w1", "gone")
    assert gateway.cooled() == set()
    judge(gateway, "w1", 401)  # D33
    assert gateway.cooled() == {"w1"}


def test_d13_counted_failures_by_id(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"allowed_fails": 1}).script(a1=500)
    assert gateway.ask("a1").calls == ["a1"]
    assert gateway.cooled() == set()
    assert gateway.ask("a1").calls == ["a1"]
    assert gateway.cooled() == {"a1"}
    assert gateway.ask("a1").calls == ["a1"], "one that is named is used all the same"


@pytest.mark.parametrize(
    ("router", "answer", "count"),
    [
        ({"allowed_fails": 1}, 500, None),  # D14
        ({"allowed_fails": 0, "fallbacks": [{"a": ["b"]}]}, 500, 1),  # D15
        ({"allowed_fails_policy": {"InternalServerErrorAllowedFails": 1}}, 500, 2),  # D18
        ({"allowed_fails_policy": {"RateLimitErrorAllowedFails": 0}}, 429, 1),  # D19
        ({"allowed_fails_policy": {"RateLimitErrorAllowedFails": 0}}, 500, None),
        ({"allowed_fails_policy": {"BadRequestErrorAllowedFails": 2}}, 400, 3),
        ({"allowed_fails_policy": {"TimeoutErrorAllowedFails": 1}}, "Z", 2),
    ],
)
def test_counted_failures_of_a_single_one(
    world: Make, router: dict[str, object], answer: Answer, count: int | None
) -> None:
    gateway = world("a:[a1] b:[b1]", router=router)
    for number in range(1, 10):
        judge(gateway, "a1", answer)
        assert ("a1" in gateway.cooled()) is (count is not None and number >= count)


def test_d16_the_count_ends_with_the_rest(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"allowed_fails": 1, "cooldown_time": 1})
    judge(gateway, "a1", 500)
    gateway.now += 1.2
    judge(gateway, "a1", 500)
    assert gateway.cooled() == set()


def test_d17_no_success_ends_the_count(world: Make) -> None:
    assert outcomes(world("a:[a1,a2]", router={"allowed_fails": 1}), "a1", "fof")


def test_d20_three_that_are_written_are_counted(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"allowed_fails": 3})
    assert [outcomes(gateway, "a1", "of") for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize("place", ["params", "infos"])
def test_a_deployment_may_have_a_rule_of_its_own(world: Make, place: str) -> None:
    own = {"a1": {"allowed_fails": 0, "cooldown_time": 20}}
    gateway = world("a:[a1,a2]", router={"allowed_fails": 5}, **{place: own})
    judge(gateway, "a1", 500)
    judge(gateway, "a2", 500)
    assert gateway.table.health("a1").cooled_for(gateway.now) == 20
    assert gateway.cooled() == {"a1"}


@pytest.mark.parametrize(
    ("params", "router", "answer", "options", "seconds"),
    [
        ({"cooldown_time": 0}, {}, 401, {}, 0),  # D21
        ({"cooldown_time": 20}, {"cooldown_time": 1}, 401, {}, 20),  # D22
        ({}, {}, 401, {}, 5),
        ({}, {"cooldown_time": 0.5}, 401, {}, 0.5),
        ({}, {"disable_cooldowns": True}, 401, {}, 0),  # D23
        ({}, {}, 429, {"ra": 120}, 120),  # D25
        ({}, {}, 429, {"ra": "Thu, 01 Jan 1970 00:00:20 GMT"}, 20),  # D26
        ({}, {}, 429, {"ra": 86_400}, 600),  # D27
        ({}, {"cooldown_cap_seconds": 30}, 429, {"ra": 86_400}, 30),
        ({}, {}, 503, {"ra": 120}, 0),  # D28
        ({"cooldown_time": 7}, {}, 429, {"ra": 120}, 7),
    ],
)
def test_how_long(
    world: Make,
    params: dict[str, object],
    router: dict[str, object],
    answer: Answer,
    options: dict[str, object],
    seconds: float,
) -> None:
    gateway = world("a:[a1,a2]", router=router, params={"a1": params})
    judge(gateway, "a1", answer, **options)
    assert gateway.table.health("a1").cooled_for(gateway.now) == pytest.approx(seconds)


def test_d24_a_longer_rest_takes_the_place_of_a_shorter(world: Make) -> None:
    gateway = world("a:[a1,a2]")
    judge(gateway, "a1", 429, ra=1)
    judge(gateway, "a1", 429, ra=30)
    gateway.now += 1.2
    assert gateway.cooled() == {"a1"}


def test_d29_failed_connections_count(world: Make) -> None:
    gateway = world("a:[a1,a2]")
    for number in range(1, 6):
        judge(gateway, "a1", "N")
        assert ("a1" in gateway.cooled()) is (number == 5)


def test_d30_d31_whose_timeout_it_was(world: Make) -> None:
    gateway = world("a:[a1,a2]", router={"allowed_fails": 0})
    judge(gateway, "a1", "Z", by_caller=True)
    assert gateway.cooled() == set()
    judge(gateway, "a1", "Z")
    assert gateway.cooled() == {"a1"}


def test_a_lone_one_of_which_all_fails_stays(world: Make) -> None:
    gateway = world("a:[a1]")
    assert not outcomes(gateway, "a1", "f" * 1500)


def test_a_single_one_of_which_a_thousand_failed_gives_way_to_its_fallback(world: Make) -> None:
    gateway = world("a:[a1] b:[b1]", router={"fallbacks": [{"a": ["b"]}]})
    assert not outcomes(gateway, "a1", "f" * 999)
    assert outcomes(gateway, "a1", "f")


def test_d34_a_reload_and_another_worker_know_the_same(world: Make) -> None:  # J19
    first = world("a:[a1,a2]")
    judge(first, "a1", 429, ra=30)
    second = world("a:[a1,a2]", table=first.table)
    assert second.cooled() == {"a1"}
    assert {second.ask().calls[0] for _ in range(20)} == {"a2"}


def test_members_of_a_routing_group_are_no_single_ones(world: Make) -> None:
    router = {
        "routing_groups": [
            {
                "group_name": "g",
                "models": ["p", "q"],
                "routing_strategy": "priority",
                "model_priorities": {"p": 1, "q": 2},
            }
        ]
    }
    gateway = world("p:[p1] q:[q1]", router=router).script(p1=429)
    assert gateway.ask("g").calls == ["p1", "q1"]  # A29: the second tier
    assert gateway.cooled() == {"p1"}
    assert gateway.ask("g").calls == ["q1"]
    assert gateway.script(p1=200).ask("p").status == 429, "it rests under its own name too"
