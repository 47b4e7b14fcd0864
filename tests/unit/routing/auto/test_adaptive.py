"""The router that learns: what it draws, and what it counts for whom."""

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.spans import scan
from tianji._core.edges.attempts import AttemptTable
from tianji._core.sharing.shm import SharedCounters
from tianji.config.schema.auto_router import AdaptiveWeights
from tianji.routing.auto import Content
from tianji.routing.auto.adaptive import MOST, PRIOR, AdaptiveRouter, Answered, Arm
from tianji.routing.auto.lessons import REMEMBERED, Lessons, Score

USUAL = AdaptiveWeights()
GOOD = AdaptiveWeights(quality=1, cost=0)
CHEAP = AdaptiveWeights(quality=0, cost=1)
ARMS = (Arm("smart", 3, ("code_generation",), 10.0), Arm("middle", 2, (), 4.0), Arm("cheap", 1, (), 2.0))


class World:
    """A router, its memory, and a clock."""

    def __init__(self, arms: tuple[Arm, ...] = ARMS, weights: AdaptiveWeights = USUAL, seed: int = 1) -> None:
        self.now = 100.0
        self.counters, self.table = SharedCounters(), AttemptTable()
        self.router = self.another(arms, weights, seed)

    def another(self, arms: tuple[Arm, ...] = ARMS, weights: AdaptiveWeights = USUAL, seed: int = 1) -> AdaptiveRouter:
        """Return the router of another worker."""
        lessons = Lessons("auto", tuple(arm.group for arm in arms), self.counters)
        answered = Answered("auto", self.table, lambda: self.now)
        return AdaptiveRouter(arms, weights, "cheap", lessons, answered, Random(seed))

    def ask(self, *said: str, caller: str = "me", router: AdaptiveRouter | None = None, **more: Any) -> str:
        """Ask in a conversation in which user and model take turns; return who is asked."""
        roles = ("user", "assistant")
        messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
        decision = (router or self.router).decide(content(caller, messages=messages, **more))
        assert decision.taken is not None
        decision.taken()
        return decision.group

    def learnt(self) -> dict[tuple[str, str], Score]:
        return self.router.lessons.untold()


def content(caller: str = "", headers: dict[bytes, bytes] | None = None, **body: Any) -> Content:
    return Content(scan(json.dumps(body).encode()).get, lambda: headers or {}, caller)


def test_at_first_the_configuration_is_believed() -> None:
    router = World().router
    assert router.shapes(ARMS[0], "general") == pytest.approx((7, 3))
    assert router.shapes(ARMS[0], "code_generation") == pytest.approx((9.5, 0.5))  # nobody is good always
    assert router.shapes(ARMS[2], "writing") == pytest.approx((3, 7))


@pytest.mark.parametrize(("weights", "group"), [(GOOD, "smart"), (CHEAP, "cheap")])
def test_weights_say_what_counts(weights: AdaptiveWeights, group: str) -> None:
    world = World(weights=weights)
    found = Counter(world.ask("hello") for _ in range(300))
    assert found.most_common(1)[0][0] == group
    assert (len(found) == 1) == (weights.quality == 0)  # quality is drawn, so others get their chance


def test_who_was_bad_at_a_kind_gets_less_of_it() -> None:
    world = World(weights=GOOD)
    before = Counter(world.ask("Draft an email") for _ in range(300))
    world.router.lessons.add("writing", "smart", 0, 60)
    after = Counter(world.ask("Draft an email") for _ in range(300))
    assert after["smart"] < before["smart"] / 4
    assert Counter(world.ask("Write a python function") for _ in range(300))["smart"] > 150  # of another kind


def test_a_better_tier_may_be_asked_for() -> None:
    world = World(weights=CHEAP)
    assert world.ask("hello", metadata={"min_quality_tier": 2}) == "middle"
    wanted = content(headers={b"x-litellm-min-quality-tier": b"3"}, messages=[], metadata={"min_quality_tier": 1})
    assert world.router.decide(wanted).group == "smart"
    assert world.router.decide(content(headers={b"x-tianji-min-quality-tier": b"best"}, messages=[])).group == "cheap"
    none = world.router.decide(content(messages=[], metadata={"min_quality_tier": "4"}))
    assert (none.group, none.reason, none.taken) == ("cheap", "default: no model is of tier 4", None)


def test_the_answer_names_the_model() -> None:
    decision = World().router.decide(content(messages=[{"role": "user", "content": "define entropy"}]))
    assert decision.reason == "adaptive: factual_lookup"
    assert (b"x-litellm-adaptive-router-model", decision.group.encode()) in decision.headers


def test_feedback_is_for_who_gave_the_answer_whichever_worker_hears_it() -> None:
    world = World(weights=CHEAP)
    other = world.another(weights=GOOD, seed=3)
    assert world.ask("Draft an email") == "cheap"
    assert world.learnt() == {}
    world.ask("Draft an email", "Dear", "forget it", router=other)
    assert world.learnt() == {("writing", "cheap"): Score(0, 1)}
    world.ask("Draft an email", "Dear", "forget it", router=other)  # sent again
    assert world.learnt() == {("writing", "cheap"): Score(0, 1)}


def test_thanks_count_once_a_conversation() -> None:
    world = World(weights=CHEAP)
    said = ["Draft an email", "Dear", "add a greeting", "Hello", "perfect", "fine", "thanks"]
    for length in (1, 3, 5, 7):
        world.ask(*said[:length])
    assert world.learnt() == {("writing", "cheap"): Score(1, 0)}


def test_small_talk_counts_for_what_the_conversation_is_about() -> None:
    world = World(weights=CHEAP)
    for length in (1, 3, 5):
        world.ask(*["Draft an email", "Dear", "ok", "Hello", "forget it"][:length])
    assert world.learnt() == {("writing", "cheap"): Score(0, 1)}


@pytest.mark.parametrize("other", [{"caller": "somebody else"}, {"metadata": {"session_id": "s"}}])
def test_an_answer_that_nobody_remembers_teaches_nothing(other: dict[str, Any]) -> None:
    world = World()
    world.ask("Draft an email")
    world.ask("Draft an email", "Dear", "forget it", **other)
    assert world.learnt() == {}


def test_a_session_is_one_conversation_and_a_day_is_long() -> None:
    world = World(weights=CHEAP)
    session = {"metadata": {"session_id": "s"}}
    world.ask("Draft an email", **session)
    world.now += REMEMBERED - 10
    world.ask("Draft a letter", "Dear", "forget it", **session)  # its beginning was summed up by the client
    assert world.learnt() == {("writing", "cheap"): Score(0, 1)}
    world.now += REMEMBERED + 10
    world.ask("Draft a letter", "Dear", "forget it", "No", "i give up", **session)
    assert world.learnt() == {("writing", "cheap"): Score(0, 1)}


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(ARMS))
def test_what_was_learnt_weighs_so_much_and_no_more(good: int, bad: int, arm: Arm) -> None:
    router = World().router
    router.lessons.add("general", arm.group, good, bad)
    alpha, beta = router.shapes(arm, "general")
    assert min(alpha, beta) > 0
    assert alpha + beta == pytest.approx(PRIOR + min(MOST, good + bad))


def test_prices_that_nobody_knows_are_neither_cheap_nor_dear() -> None:
    for prices in ((None, None), (3.0, 3.0), (None, 3.0)):
        arms = tuple(Arm(name, price=price) for name, price in zip("ab", prices, strict=True))
        world = World(arms, CHEAP)
        assert {world.ask("hello") for _ in range(50)} == {"a"}  # equal, so the first
