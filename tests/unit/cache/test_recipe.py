"""What makes two requests the same."""

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tianji._core.bodies.spans import scan
from tianji._core.caching.recipe import Recipe
from tianji.cache.members import recipe

ALL = Recipe(frozenset(), frozenset())
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
BODIES = st.dictionaries(st.text(min_size=1, max_size=4), VALUES, max_size=4)
SPACE = st.text(" \t\r\n", max_size=3)


def digest(body: Any, made: Recipe = ALL, circle: tuple[str, ...] = ("chat", "m")) -> str:
    return made.digest(scan(body if isinstance(body, bytes) else json.dumps(body).encode()), circle)


@given(BODIES, st.data())
def test_neither_order_nor_spacing_counts(body: dict[str, Any], data: st.DataObject) -> None:
    names = data.draw(st.permutations(list(body)))
    between = data.draw(SPACE)
    members = f"{between},{between}".join(
        f"{between}{json.dumps(name)}{between}:{between}{json.dumps(body[name], separators=(',', ':'))}"
        for name in names
    )
    assert digest(f"{between}{{{members}{between}}}{between}".encode()) == digest(body)


@given(BODIES, BODIES)
def test_whatever_is_said_counts(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert digest(one) != digest(other)


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_so_does_each_word_of_the_circle(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert digest({}, circle=tuple(one)) != digest({}, circle=tuple(other))


def test_spaces_in_texts_count() -> None:
    assert digest({"a": "x y"}) != digest({"a": "xy"})
    assert digest({"a": 'x" y'}) != digest({"a": 'x"y'})
    assert digest(rb'{"a":"\\" }') == digest(rb'{"a": "\\"}')


def test_null_is_nothing() -> None:
    assert digest({"a": 1, "b": None}) == digest({"a": 1})


def test_a_part_stands_for_its_member() -> None:
    whole = scan(b'{"input": ["a", "b"], "model": "m"}')
    assert ALL.digest(whole, (), b"input", b' "a"') == digest(b'{"input":"a","model":"m"}', circle=())


def test_only_what_an_answer_depends_on_counts() -> None:
    usual, every = recipe(every_member=False), recipe(every_member=True)
    body = {"model": "m", "messages": [], "temperature": 1}
    for made in (usual, every):
        assert digest(body, made) == digest({**body, "stream": True, "metadata": {"a": 1}, "cache": {}}, made)
        assert digest(body, made) != digest({**body, "user": "u"}, made)
    assert digest(body, usual) == digest({**body, "of_one_provider": 1}, usual)
    assert digest(body, every) != digest({**body, "of_one_provider": 1}, every)
