"""Several expressions at once find what each finds alone, at the same places of the text."""

import time

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError
from tianji.guardrails.matching.checksums import luhn
from tianji.guardrails.matching.expressions import Expression, Expressions, Found
from tianji.guardrails.matching.widths import longest, widest

SOURCES = (r"a+b", r"\bab\b", r"b{2,3}", r"(?i)É.", r"(?P<x>c)d?", r"(?P<x>d)", r"[ab]c|cab", r"🙂+")
MIXED = st.text(st.sampled_from("aabbccddéÉ🙂 \n\ud800"), max_size=40)
CARD = r"\b\d{4}[ -]?\d{4}\b"


def texts_of(found: list[Found], text: str) -> list[str]:
    return [text[start:end] for start, end, _ in found]


@given(st.lists(st.sampled_from(SOURCES), max_size=6), MIXED)
def test_one_pass_finds_what_each_finds_alone(sources: list[str], text: str) -> None:
    clean = text.encode("utf-8", "replace").decode()
    alone = [
        (match.start(), match.end(), which)
        for which, source in enumerate(sources)
        for match in re2.finditer(source, clean)
    ]

    assert Expressions([Expression("x", source) for source in sources]).find(text) == sorted(alone)


def test_places_count_characters() -> None:
    text = "🙂é 12 é\ud800 34"

    assert texts_of(Expressions([Expression("n", r"\d+"), Expression("m", r"4")]).find(text), text) == ["12", "34", "4"]


def test_what_fails_its_check_hides_nothing_that_begins_within_it() -> None:
    found = Expressions([Expression("card", r"\d[\d ]{3,6}", valid=lambda text: text.startswith("42"))]).find(
        "1 42 00 7"
    )

    assert found == [Found(2, 9, 0)]


def test_a_check_decides() -> None:
    expressions = Expressions([Expression("card", CARD, valid=luhn)])

    assert expressions.find("1234 5678") == []
    assert expressions.find("1234 5674") == [Found(0, 9, 0)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("passport: 123456789", ["123456789"]),
        ("passport number 123456789", ["123456789"]),
        ("123456789 is my passport", []),  # two words between
        ("123456789 (passport)", ["123456789"]),
        ("my number is 123456789", []),
        ("passport 7, then 123456789", []),
    ],
)
def test_a_word_has_to_stand_near(text: str, found: list[str]) -> None:
    expressions = Expressions([Expression("passport", r"\b\d{9}\b", near="(?i:passport)")])

    assert texts_of(expressions.find(text), text) == found


@pytest.mark.parametrize("source", [r"(a)\1", r"a(?=b)", r"a(?<!b)c", "(", "a{2000}", "[z-a]"])
def test_what_cannot_run_in_linear_time_is_refused(source: str) -> None:
    with pytest.raises(ConfigurationError, match="mine: "):
        Expressions([Expression("other", "a"), Expression("mine", source)])


def test_an_expression_that_runs_away_elsewhere_does_not_here() -> None:
    expressions = Expressions([Expression("evil", r"(a+)+b"), Expression("worse", r"(a|aa)+c$")])
    begun = time.process_time()

    assert expressions.find("a" * 20_000) == []
    assert time.process_time() - begun < 5  # 2**20000 steps elsewhere


@pytest.mark.parametrize(
    ("source", "width"),
    [
        ("abc", 5),
        ("(?i)a|b{2,7}", 9),
        (r"\bx(?i)y\b", 4),
        ("(?:ab){3}", 8),
        ("a+", None),
        ("a*b", None),
        ("^ab", None),
        ("x(?:ab$)?", None),
        (r"(?m)a\Z", None),
        ("a{,7}", None),  # literal to RE2
        ("[[:alpha:]]", None),
        (r"\pL", None),
        ("a**", None),
        (r"(?:a{1000}){5}", None),
    ],
)
def test_widths(source: str, width: int | None) -> None:
    assert longest(source) == width


@given(st.sampled_from([r"a{1,5}b?", r"(?:ab|c){2,3}", r"[^a]{3}", r"\bé?c{2}\b", r"a?b?c?"]), MIXED)
def test_no_match_is_wider_than_was_said(source: str, text: str) -> None:
    width = longest(source)

    assert width is not None
    assert all(found.end - found.start <= width for found in Expressions([Expression("x", source)]).find(text))


def test_the_widest_counts_and_one_without_a_bound_has_all_without() -> None:
    assert widest([]) == 0
    assert widest(["abc", "a"]) == 5
    assert widest(["abc", "a+"]) is None
    assert Expressions([]).reach == 0
    assert Expressions([Expression("p", "1", near="passport")]).reach == 1 + 8 + 10 + 30 + 2


EDGES = (r"^a", r"b$", r"(?m)^c", r"\Ad", r"\bab\b", r"\Bb", r"[^a]b", r"\s+a", r"a{,2}c", r"a+b")


@given(st.lists(st.sampled_from(SOURCES + EDGES), min_size=1, max_size=12), st.lists(MIXED, max_size=6))
@example([r"(?P<x>c)d?", r"b{2,3}"], ["aac", "a"])  # the last character of a text that is not the last
def test_many_texts_at_once_are_found_in_as_each_alone(sources: list[str], texts: list[str]) -> None:
    found = Expressions([Expression("x", source) for source in sources]).find_all(texts)

    alone = [Expressions([Expression("x", source)]) for source in sources]
    for text, places in zip(texts, found, strict=True):
        each = [one._replace(which=which) for which, finder in enumerate(alone) for one in finder.find(text)]
        assert places == sorted(each)


def test_expressions_with_too_many_states_for_one_pass_are_looked_for_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(re2.Set, "Match", lambda _self, _text: [])

    assert Expressions([Expression("a", "a+"), Expression("b", "b")]).find("xab") == [Found(1, 2, 0), Found(2, 3, 1)]
