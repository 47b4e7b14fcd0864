"""A quality router: keywords first, then the quality that the tier of a text asks for, or the nearest there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.config.schema.auto_router import ComplexityConfig
from tianji.routing.auto.complexity import Scale
from tianji.routing.auto.quality import Candidate, QualityRouter

from .conftest import said

SCALE = Scale(ComplexityConfig())
SIMPLE, REASONING = "hello", "prove it step by step, explain your reasoning and derive the theorem of the algorithm"


def router(*candidates: Candidate, qualities: dict[str, int] | None = None) -> QualityRouter:
    return QualityRouter(SCALE, candidates, qualities or {}, "default")


@pytest.mark.parametrize(
    ("qualities", "text", "group"),
    [
        ((1, 4), SIMPLE, "of 1"),
        ((1, 4), REASONING, "of 4"),
        ((2, 3), SIMPLE, "of 2"),  # the next higher one
        ((1, 3), REASONING, "of 3"),  # the next lower one
        ((1, 2), REASONING, "of 2"),
        ((), REASONING, "default"),
    ],
)
def test_the_nearest_quality(qualities: tuple[int, ...], text: str, group: str) -> None:
    chosen = router(*(Candidate(f"of {quality}", quality) for quality in qualities)).decide(said(text))
    assert chosen.group == group


def test_a_higher_quality_comes_before_a_nearer_lower_one() -> None:
    found = router(Candidate("low", 2), Candidate("high", 9), qualities={"SIMPLE": 3}).decide(said(SIMPLE))
    assert found.group == "high"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Candidate("b", 1, order=1, price=2.0), Candidate("a", 1, order=2, price=1.0)),
        (Candidate("b", 1, order=9), Candidate("a", 1)),
        (Candidate("b", 1, price=1.0), Candidate("a", 1, price=2.0)),
        (Candidate("b", 1, price=1.0), Candidate("a", 1)),
        (Candidate("a", 1), Candidate("b", 1)),
    ],
)
def test_who_comes_first_among_equals(one: Candidate, other: Candidate) -> None:
    assert router(other, one).decide(said(SIMPLE)).group == one.group


def test_keywords_come_first_and_the_best_of_them() -> None:
    both = router(Candidate("low", 1, ("soup",), order=0), Candidate("high", 3, ("soup",)), Candidate("other", 4))
    found = both.decide(said("Onion SOUP"))
    assert (found.group, found.reason) == ("high", "keyword: soup")
    assert dict(found.headers) == {
        b"x-tianji-auto-router": b"keyword: soup",
        b"x-litellm-quality-router-model": b"high",
        b"x-litellm-quality-router-tier": b"3",
        b"x-litellm-quality-router-via": b"keyword",
        b"x-litellm-quality-router-keyword": b"soup",
    }


def test_headers_of_a_tier_are_ascii() -> None:
    headers = dict(router(Candidate("gro\u00df\n", 1)).decide(said(SIMPLE)).headers)
    assert headers[b"x-litellm-quality-router-model"] == rb"gro\xdf\x0a"
    assert headers[b"x-litellm-quality-router-complexity"] == b"SIMPLE"


@given(st.lists(st.builds(Candidate, st.sampled_from("abc"), st.integers(-2, 9))), st.text())
def test_something_is_always_chosen(candidates: list[Candidate], text: str) -> None:
    assert router(*candidates).decide(said(text)).group in {"default", *(one.group for one in candidates)}
