"""Stars in model names: LiteLLM's order and captures, checked against regular expressions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.routing.patterns import Patterns, substitute

SHEET = ["openai/*", "*", "gemini-*", "anthropic/*", "team-*-chat"]


@pytest.mark.parametrize(
    ("name", "pattern", "captures"),
    [
        ("team-red-chat", "team-*-chat", ("red",)),
        ("anthropic/claude-3", "anthropic/*", ("claude-3",)),
        ("openai/gpt-4o", "openai/*", ("gpt-4o",)),
        ("gemini-pro", "gemini-*", ("pro",)),
        ("anything", "*", ("anything",)),
        ("OpenAI/x", "*", ("OpenAI/x",)),
    ],
)
def test_most_specific_pattern_wins(name: str, pattern: str, captures: tuple[str, ...]) -> None:
    found = Patterns(SHEET).match(name)
    assert found is not None
    assert (found.pattern, found.captures) == (pattern, captures)


def test_the_whole_name_must_fit() -> None:  # A21
    assert Patterns(["gpt-*-mini"]).match("gpt-4-mini-x") is None
    found = Patterns(["gpt-*-x", "gpt-*"]).match("gpt-4-xyz")
    assert found is not None
    assert found.pattern == "gpt-*"


def test_nothing_fits() -> None:
    assert Patterns(["a-*"]).match("b-1") is None
    assert Patterns([]).match("b-1") is None


@given(st.text("ab*", min_size=1, max_size=6).filter(lambda p: "*" in p), st.text("ab", max_size=8))
def test_captures_are_those_of_a_greedy_expression(pattern: str, name: str) -> None:
    expression = re.escape(pattern).replace(r"\*", "(.*)")
    found = Patterns([pattern]).match(name)
    expected = re.fullmatch(expression, name)
    assert (found.captures if found else None) == (expected.groups() if expected else None)


@pytest.mark.parametrize(
    ("template", "captures", "name", "model"),
    [
        ("openai/wild-*", ("zzz",), "my-zzz", "openai/wild-zzz"),
        ("openai/*", ("foo",), "foo", "openai/foo"),
        ("*", ("foo",), "foo", "foo"),
        ("openai/gpt-4o", ("foo",), "foo", "openai/gpt-4o"),
        ("openai/*", ("a", "b"), "x-a-b", "x-a-b"),
        ("openai/*-*", ("a",), "x-a", "openai/a-*"),
    ],
)
def test_substitution(template: str, captures: tuple[str, ...], name: str, model: str) -> None:
    assert substitute(template, captures, name) == model
