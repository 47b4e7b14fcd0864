"""The seven kinds of request."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.routing.auto.kinds import LOOKED_AT, kind_of
from tianji.routing.auto.lessons import KINDS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write a Python function that reverses a list", "code_generation"),
        ("please implement an API endpoint for uploads", "code_generation"),
        ("Build me a C++ parser", "code_generation"),
        ("explain what this function does", "code_understanding"),
        ("Why does it fail with this traceback?", "code_understanding"),
        ("review my pull request", "code_understanding"),
        ("Design a system for chat", "technical_design"),
        ("should I use Postgres or a queue?", "technical_design"),
        ("Solve this equation: x + 1 = 2", "analytical_reasoning"),
        ("Suppose all cats are green", "analytical_reasoning"),
        ("Draft an email to my landlord", "writing"),
        ("Write an essay about rivers", "writing"),
        ("make it more concise", "writing"),
        ("Who was the first emperor of China?", "factual_lookup"),
        ("define entropy", "factual_lookup"),
        ("how many legs has a spider", "factual_lookup"),
        ("and then he asked who was there", "general"),
        ("hello", "general"),
        ("", "general"),
        ("x" * LOOKED_AT + " write a python function", "general"),
        ("write " + "and " * 40 + "python", "general"),  # too far away to belong to it
    ],
)
def test_a_text_has_a_kind(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@given(st.text())
def test_every_text_has_one(text: str) -> None:
    assert kind_of(text) in KINDS


def test_no_text_takes_long() -> None:
    for word in ("write ", "explain ", "design ", "solve ", "how does "):
        begin = time.process_time()
        kind_of(word * 1000)
        assert time.process_time() - begin < 0.05
