"""Many words at once find what each finds alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError
from tianji.guardrails.matching.expressions import Found
from tianji.guardrails.matching.words import Words, fold, stands_alone

SIGMAS = "\u03c2\u03c3\u03a3"
SIGNS = st.sampled_from(f"aAbBcC \tİi{SIGMAS}ßé🙂\ud800")
WORD = st.text(st.sampled_from(f"aAbBcC İ{SIGMAS}ßé🙂"), min_size=1, max_size=4)


@given(st.lists(WORD, max_size=6), st.text(SIGNS, max_size=60))
def test_one_pass_finds_what_each_finds_alone(words: list[str], text: str) -> None:
    folded = fold(text)
    alone = [
        Found(at, at + len(word), which)
        for which, word in enumerate(words)
        for at in range(len(text))
        if folded.startswith(fold(word), at)
    ]

    assert sorted(Words(words).find(text)) == sorted(alone)


@given(st.text())
def test_folding_keeps_every_place(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


def test_words_differ_neither_by_case_nor_by_white_space() -> None:
    assert Words(["ΣΑΣ", "two words"]).find("σας, Two\nWORDS") == [Found(0, 3, 0), Found(5, 14, 1)]


def test_words_within_words_count() -> None:
    assert sorted(Words(["abc", "b", "bcd", "b"]).find("abcd")) == [
        Found(0, 3, 0),
        Found(1, 2, 1),
        Found(1, 2, 3),
        Found(1, 4, 2),
    ]


@pytest.mark.parametrize("words", [[""], ["a", ""], ["\ud800"]])
def test_what_is_no_word_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        Words(words)


def test_many_words_take_the_smaller_automaton() -> None:
    words = Words([f"word{number:06}" for number in range(10_000)])

    assert words.find("a Word004711!") == [Found(2, 12, 4711)]
    assert words.reach == 12


@pytest.mark.parametrize(
    ("text", "alone"), [("ab", True), (" ab.", True), ("xab", False), ("ab1", False), ("éab", False), ("_ab", False)]
)
def test_standing_alone(text: str, alone: bool) -> None:
    at = text.index("ab")

    assert stands_alone(text, at, at + 2) is alone
