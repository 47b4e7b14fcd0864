"""JSON objects that are alike but for some values."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.blanks import Blank, Given, Hole, Own

WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)))
VALUES = st.one_of(st.none(), st.booleans(), WHOLE, TEXTS, st.lists(TEXTS, max_size=4).map(tuple))


def filled(value: Any, places: int = 0) -> bytes:
    return Blank({"a": Given("x", places)}).filled(0, {"x": value})


@given(VALUES, VALUES, TEXTS)
def test_it_reads_as_what_was_filled_in(own: Any, other: Any, name: str) -> None:
    form = {name: Own("here"), "in": {"b": Given("there"), "c": Own("here")}, "always": [None, {}, "ü"]}
    text = Blank(form).filled(SimpleNamespace(here=own), {"there": other})
    told = [list(one) if isinstance(one, tuple) else one for one in (own, other)]
    expected = {name: told[0], "in": {"b": told[1], "c": told[0]}, "always": [None, {}, "ü"]}
    assert msgspec.json.decode(text) == msgspec.json.decode(msgspec.json.encode(expected))


@given(TEXTS)
def test_texts_are_written_as_everywhere_else(text: str) -> None:
    assert filled(text) == b'{"a":%b}' % msgspec.json.encode(text)


@given(st.integers(-(2**53), 2**53), st.integers(1, 18))
def test_a_decimal_is_what_the_division_gives(value: int, places: int) -> None:
    text = filled(value, places)
    assert msgspec.json.decode(text)["a"] == value / 10**places
    assert b"." in text


def test_a_decimal_has_no_more_digits_than_say_anything() -> None:
    assert [filled(value, 3) for value in (0, 5, 1500, -20)] == [
        b'{"a":0.0}', b'{"a":0.005}', b'{"a":1.5}', b'{"a":-0.02}',
    ]  # fmt: skip


def test_json_is_put_in_as_it_is_and_without_holes_it_is_always_the_same() -> None:
    assert filled(b'{"b": 1}') == b'{"a":{"b": 1}}'
    assert Blank({"a": {"b": True}}).filled(0, {}) == b'{"a":{"b":true}}'
    assert Blank({}).filled(0, {}) == b"{}"


def test_one_that_was_large_is_followed_by_a_small_one() -> None:
    blank = Blank({"a": Given("x")})
    for size in (3 << 20, 1, 2 << 20, 0):
        assert blank.filled(0, {"x": "n" * size}) == b'{"a":"%b"}' % (b"n" * size)


@pytest.mark.parametrize(
    ("value", "error"),
    [(1.5, TypeError), ([], TypeError), ((1,), TypeError), (2**64, OverflowError), ("\ud800", UnicodeEncodeError)],
)
def test_what_no_hole_takes(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        filled(value)
    with pytest.raises(AttributeError):
        Blank({"a": Own("nothing")}).filled(0, {})
    with pytest.raises(KeyError):
        Blank({"a": Given("nothing")}).filled(0, {})


def test_what_is_no_hole() -> None:
    with pytest.raises(ValueError, match="from 0 to 18 digits"):
        Own("a", 19)
    with pytest.raises(TypeError):
        Hole("a")
