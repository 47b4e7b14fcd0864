"""Rules: each condition by itself, all of a rule together, and the first rule that fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.config.patterns import compile_pattern
from tianji.config.schema.auto_router import AutoRule
from tianji.errors import ConfigurationError
from tianji.routing.auto import Content, Decision
from tianji.routing.auto.code import code_share
from tianji.routing.auto.decision import Default
from tianji.routing.auto.rules import Rule, RuleRouter, conditions, estimated_tokens

from .conftest import content, said

PYTHON = """
import os
from pathlib import Path

def walk(folder: str) -> list[str]:
    found = []
    for name in os.listdir(folder):
        if name.endswith(".py"):
            found.append(name)
    return found
"""
JAVASCRIPT = """
const total = items.reduce((sum, item) => sum + item.price, 0);
function show(total) {
  console.log(`Total: ${total}`);
}
// and go
show(total);
"""
SQL = "SELECT name, price\nFROM products\nWHERE price > 10\nORDER BY price;"
PROSE = """
Dear committee,
we met on Tuesday and spoke about the summer festival. The band can come if it is paid in advance.
Please let me know whether you agree, and who will bring the chairs.
Kind regards
"""


def fits(found: Content, **rule: Any) -> bool:
    written = AutoRule(model="g", **rule)
    pattern = None if written.regex is None else compile_pattern(written.regex)
    return all(holds(found) for holds in conditions(written, pattern))


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"regex": r"(?i)\btraceback\b"}, "a Traceback (most recent call last)", True),
        ({"regex": r"(?i)\btraceback\b"}, "tracebacks", False),
        ({"regex": "^合同"}, "合同条款", True),
        ({"regex": "^b"}, "a\nb", False),
        ({"min_characters": 3}, "abc", True),
        ({"min_characters": 3}, "ab", False),
        ({"max_characters": 2}, "ab", True),
        ({"max_characters": 2}, "abc", False),
        ({"min_characters": 2, "max_characters": 2}, "ab", True),
        ({"min_tokens": 2}, "x" * 8, True),
        ({"min_tokens": 2}, "x" * 7, False),
        ({"max_tokens": 1}, "x" * 7, True),
        ({"min_tokens": 3}, "天机网关", True),
        ({"min_tokens": 4}, "天机网关", False),
        ({"languages": ("zh",)}, "请把下面的合同翻译成英文", True),
        ({"languages": ("ja", "ko")}, "请把下面的合同翻译成英文", False),
        ({"min_code_share": 0.9}, PYTHON, True),
        ({"max_code_share": 0.1}, PYTHON, False),
        ({"max_code_share": 0.1}, PROSE, True),
    ],
)
def test_each_condition(rule: dict[str, Any], text: str, expected: bool) -> None:
    assert fits(said(text), **rule) is expected


@pytest.mark.parametrize("wanted", [True, False])
def test_tools_and_images(wanted: bool) -> None:
    with_both = content(messages=[{"role": "user", "content": [{"type": "image_url"}]}], tools=[{"type": "function"}])
    assert fits(with_both, has_tools=wanted) is wanted
    assert fits(with_both, has_images=wanted) is wanted
    assert fits(said("hi"), has_tools=wanted) is not wanted
    assert fits(said("hi"), has_images=wanted) is not wanted


def test_all_conditions_of_a_rule_must_hold() -> None:
    both: dict[str, Any] = {"regex": "bug", "min_characters": 10}
    assert fits(said("there is a bug"), **both)
    assert not fits(said("a bug"), **both)
    assert not fits(said("there is a mistake"), **both)


def test_the_first_rule_that_fits_decides() -> None:
    router = RuleRouter(
        [
            Rule("long", "big", (lambda c: len(c.text) > 5, lambda c: "6" in c.text)),
            Rule("any", "small", (lambda c: len(c.text) > 1,)),
        ],
        Default("rest"),
    )
    decided = [router.decide(said(text)) for text in ("123456", "12345x", "123", "1")]
    assert decided == [
        Decision("big", "rule: long"),
        Decision("small", "rule: any"),
        Decision("small", "rule: any"),
        Decision("rest", "default: nothing fits"),
    ]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}b", r"(\w+\s?)*!$"])
def test_no_pattern_runs_away(pattern: str) -> None:
    """Each takes an engine that backtracks longer than the test's time limit."""
    assert not fits(said("a" * 400_000 + "?"), regex=pattern)


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "(?<!a)b", "a{5000}"])
def test_what_is_not_regular_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_pattern(pattern)
    assert caught.value.message


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (PYTHON, 0.95, 1.0),
        (JAVASCRIPT, 0.95, 1.0),
        (SQL, 0.7, 1.0),
        (PROSE, 0.0, 0.0),
        ("", 0.0, 0.0),
        ("\n \n", 0.0, 0.0),
        ("hi", 0.0, 0.0),
        ("What does this do?\n```\nwibble wobble\nwubble\n```\nThank you", 0.3, 0.5),
        ("Why does this fail?\n" + PYTHON, 0.8, 0.99),
    ],
)
def test_code_share(text: str, least: float, most: float) -> None:
    assert least <= code_share(text) <= most


@pytest.mark.parametrize(
    "line", ["import " + "a" * 200 + "?", "(" * 200, "(a" * 100, "a = " * 50, "\t" * 200, "=>" * 100]
)
def test_code_share_of_odd_lines_is_a_share(line: str) -> None:
    assert 0.0 <= code_share("\n".join([line] * 1000)) <= 1.0


@given(st.text(alphabet="abc \n\t`;{}()=<>#:/.'\"", max_size=300))
def test_code_share_is_a_share(text: str) -> None:
    assert 0.0 <= code_share(text) <= 1.0


@given(st.text(max_size=200))
def test_tokens_are_a_quarter_of_the_bytes(text: str) -> None:
    assert estimated_tokens(said(text)) == len(text.encode()) // 4
