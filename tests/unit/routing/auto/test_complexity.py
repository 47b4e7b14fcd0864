"""Tiers: every dimension by LiteLLM's figures, the sum, the boundaries, and what a configuration changes."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.routing.dice import Dice
from tianji.config.schema.auto_router import Boundaries, ComplexityConfig, Dimension, KeywordRule, TokenThresholds
from tianji.routing.auto.complexity import TIERS, WEIGHTS, ComplexityRouter, Scale

from .conftest import content, said

KEYWORDS: dict[str, Any] = {
    "code_keywords": ("loop", "c++"),
    "reasoning_keywords": ("prove", "step by step"),
    "technical_keywords": ("cache", "kernel", "mutex", "shard"),
    "simple_keywords": ("hello", "what is"),
}
GROUPS = {"SIMPLE": ("s",), "MEDIUM": ("m",), "COMPLEX": ("c",), "REASONING": ("r",)}
FILLER = "word " * 20  # 100 characters, 25 tokens: neither short nor long


def scale(**changes: Any) -> Scale:
    return Scale(ComplexityConfig(**{**KEYWORDS, **changes}))


def test_the_weights() -> None:
    assert tuple(WEIGHTS) == get_args(Dimension)
    assert list(WEIGHTS.values()) == [0.10, 0.30, 0.25, 0.25, 0.05, 0.03, 0.02]


@pytest.mark.parametrize(
    ("dimension", "text", "value"),
    [
        ("tokenCount", "x" * 59, -1),  # 14 tokens
        ("tokenCount", "x" * 60, 0),  # 15
        ("tokenCount", "x" * 1603, 0),  # 400
        ("tokenCount", "x" * 1604, 1),  # 401
        ("codePresence", "a loophole", 0),
        ("codePresence", "a loop, a LOOP", 0.5),
        ("codePresence", "a loop in C++", 1),
        ("reasoningMarkers", "improve it", 0),
        ("reasoningMarkers", "Prove it", 0.7),
        ("reasoningMarkers", "prove it, step by step", 1),
        ("technicalTerms", "a cache", 0),
        ("technicalTerms", "a cache and a kernel", 0.5),
        ("technicalTerms", "a cache, a kernel and a mutex", 0.5),
        ("technicalTerms", "cache kernel mutex shard", 1),
        ("simpleIndicators", "a word", 0),
        ("simpleIndicators", "somewhat is", 0),
        ("simpleIndicators", "what isn't", -1),  # the last word of a phrase may have an ending
        ("simpleIndicators", "hello, what is it", -1),
        ("multiStepPatterns", "then first", 0),
        ("multiStepPatterns", "First this, then that", 0.5),
        ("multiStepPatterns", "do step 2", 0.5),
        ("multiStepPatterns", "please:\n  1. go\n  2. come", 0.5),
        ("multiStepPatterns", "version 1.5 of it", 0),
        ("questionComplexity", "???", 0),
        ("questionComplexity", "a? b? c? d?", 0.5),
    ],
)
def test_a_dimension(dimension: Dimension, text: str, value: float) -> None:
    assert scale().dimensions(said(text))[dimension] == value


@pytest.mark.parametrize(
    ("text", "score", "tier"),
    [
        ("hello", -0.15, "SIMPLE"),  # short and simple
        (FILLER, 0.0, "SIMPLE"),
        (FILLER + "loop", 0.15, "MEDIUM"),  # exactly the boundary
        (FILLER + "loop c++ hello", 0.25, "MEDIUM"),
        (FILLER + "loop prove", 0.325, "MEDIUM"),
        (FILLER + "loop c++ cache kernel", 0.425, "COMPLEX"),
        (FILLER + "loop c++ cache kernel mutex shard prove", 0.725, "REASONING"),
        (FILLER + "loop c++ cache kernel prove", 0.6, "REASONING"),  # exactly the boundary
        (FILLER + "prove step by step", 0.25, "REASONING"),  # two markers decide
        ("prove step by step", 0.15, "REASONING"),  # at the least score
        ("hello loop c++", 0.15, "MEDIUM"),  # though in floats the sum is a hair below
        ("hello prove step by step", 0.10, "SIMPLE"),  # below it they do not
    ],
)
def test_the_score_and_its_tier(text: str, score: float, tier: str) -> None:
    verdict = scale().judge(said(text))
    assert (verdict.score, verdict.tier) == (pytest.approx(score), tier)


def test_the_words_of_this_release() -> None:
    """Each tier has a text that any list of words should put there."""
    judge = Scale(ComplexityConfig()).judge
    assert judge(said("hi")).tier == "SIMPLE"
    assert judge(said("What is the capital of France?")).tier == "SIMPLE"
    assert (
        judge(said("Write a Python function that removes all doubles from a list, with a test please.")).tier
        == "MEDIUM"
    )
    hard = "Refactor this Python function: the database cache has a race condition and the latency grows. "
    assert judge(said(hard + "Keep the schema as it is.")).tier == "COMPLEX"
    proof = "Think through this step by step and prove that the algorithm ends for every input that is finite."
    assert judge(said(proof)).tier == "REASONING"


def test_only_the_words_of_the_user_count() -> None:
    system = {"role": "system", "content": FILLER + "loop c++ cache kernel mutex shard prove step by step"}
    assert scale().judge(content(messages=[system, {"role": "user", "content": "hello"}])).score == pytest.approx(-0.15)


def test_what_a_configuration_changes() -> None:
    assert scale(token_thresholds=TokenThresholds(simple=1, complex=3)).dimensions(said("x" * 16))["tokenCount"] == 1
    assert scale(dimension_weights={"codePresence": 1.0}).judge(said(FILLER + "loop")).score == pytest.approx(0.5)
    assert scale(tier_boundaries=Boundaries(simple_medium=-1)).judge(said("hello")).tier == "MEDIUM"
    more = scale(custom_technical_keywords=("istio",))
    assert more.dimensions(said("istio and a cache"))["technicalTerms"] == 0.5
    rules = (KeywordRule(keywords=("hello",), tier="COMPLEX"), KeywordRule(keywords=("k8s",), tier="REASONING"))
    ruled = scale(keyword_tier_rules=rules)
    assert ruled.judge(said("hello")).tier == "COMPLEX"
    assert ruled.judge(said("hello k8s")).tier == "REASONING"  # the highest that matches
    assert ruled.judge(said("good day")).cause == "complexity_scorer"


def test_the_group_of_the_tier_and_the_headers() -> None:
    router = ComplexityRouter(scale(), GROUPS, "d", Dice(1))
    decision = router.decide(said(FILLER + "prove step by step"))
    assert decision.group == "r"
    assert decision.headers == (
        (b"x-tianji-auto-router", b"complexity: REASONING 0.25"),
        (b"x-litellm-complexity-router-tier", b"REASONING"),
        (b"x-litellm-complexity-router-cause", b"reasoning_markers"),
        (b"x-litellm-complexity-router-score", b"0.25"),
    )
    others = {"hello": "s", FILLER + "loop": "m", FILLER + "loop c++ cache kernel": "c"}
    assert {text: router.decide(said(text)).group for text in others} == others


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_without_text_the_default_decides(text: str) -> None:
    decision = ComplexityRouter(scale(), GROUPS, "d", Dice(1)).decide(said(text))
    assert (decision.group, decision.headers) == ("d", ((b"x-tianji-auto-router", b"default: no text"),))


def test_a_tier_without_a_group_goes_to_the_default() -> None:
    router = ComplexityRouter(scale(), {"SIMPLE": ()}, "d", Dice(1))
    assert [router.decide(said(text)).group for text in ("hello", FILLER + "loop")] == ["d", "d"]


def test_of_several_groups_one_is_drawn() -> None:
    router = ComplexityRouter(scale(), {"SIMPLE": ("a", "b", "c")}, "d", Dice(7))
    drawn = [router.decide(said("hello")).group for _ in range(600)]
    assert set(drawn) == {"a", "b", "c"}
    assert all(140 < drawn.count(group) < 260 for group in "abc")


@given(st.text(max_size=400))
def test_any_text_has_a_tier(text: str) -> None:
    verdict = Scale(ComplexityConfig()).judge(said(text))
    assert verdict.tier in TIERS
    assert -0.15 <= verdict.score <= 0.925
