"""Values stand elsewhere, and every other byte is as it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.leaves import measured, members_in, replaced

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
STYLES = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        (b' {"a" : 1 , "b":2}\n', {"a": b'"x"'}, b' {"a" : "x" , "b":2}\n'),
        (b'{"a": {"b": [1, {"c": "d"}]}}', {"a": {"b": {1: {"c": b"null"}}}}, b'{"a": {"b": [1, {"c": null}]}}'),
        (b"[1, 2, 3]", {0: None}, b"[2, 3]"),
        (b"[1, 2, 3]", {1: None}, b"[1, 3]"),
        (b"[1, 2, 3]", {2: None}, b"[1, 2]"),
        (b"[1, 2, 3]", {0: None, 1: None}, b"[3]"),
        (b"[ 1, 2 ]", {0: None, 1: None}, b"[ ]"),
        (b"[1, 2, 3]", {0: None, 1: b"9"}, b"[9, 3]"),
        (b'{"a":[1],"b":2}', {"a": None, "b": b"3"}, b'{"b":3}'),
        (b'{"a":[1,[2]],"b":2}', {"a": {1: {0: b"3"}}, "b": None}, b'{"a":[1,[3]]}'),
        (rb'{"\u0061\"":1,"\ud83d\ude00":2,"\ud800":3}', {'a"': b"4", "😀": b"5", "\ufffd": b"6"},
         rb'{"\u0061\"":4,"\ud83d\ude00":5,"\ud800":6}'),
        (b'{"a":1}', {}, b'{"a":1}'),
    ],
)  # fmt: skip
def test_places(text: bytes, changes: dict[Any, Any], expected: bytes) -> None:
    assert replaced(text, changes) == expected


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (b'{"a":1}', {"b": b"2"}),
        (b"[1]", {1: b"2"}),
        (b"[1]", {"0": b"2"}),
        (b'"a"', {0: b"2"}),
        (b"", {0: b"2"}),
        (b'{"a":1}', {"a": {"b": b"2"}}),
        (b'{"a":1,"a":2}', {"a": b"2"}),
    ],
)
def test_a_place_that_is_not_there(text: bytes, changes: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="does not have"):
        replaced(text, changes)


@given(JSON, STYLES)
def test_members_are_counted_as_they_are_decoded(value: object, style: dict[str, Any]) -> None:
    text = json.dumps(value, **style).encode("utf-8", "replace")

    members, depth = measured(text)

    assert members == members_in(value)
    assert depth == _depth(value)


@given(JSON, STYLES, st.data())
def test_any_place_can_be_another(value: object, style: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, **style).encode("utf-8", "surrogatepass")
    places = list(_places(value))
    if not places:
        return
    path = data.draw(st.sampled_from(places))
    changes: dict[Any, Any] = {}
    at = changes
    for key in path[:-1]:
        at = at.setdefault(key, {})
    at[path[-1]] = b'"*"'
    holder: Any = json.loads(json.dumps(value))
    node = holder
    for key in path[:-1]:
        node = node[key]

    node[path[-1]] = "*"
    assert json.loads(replaced(text, changes)) == holder

    del node[path[-1]]
    at[path[-1]] = None
    assert json.loads(replaced(text, changes)) == holder


@given(st.binary())
def test_no_text_is_measured_wrongly_enough_to_crash(text: bytes) -> None:
    assert measured(text) >= (0, 0)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inner for place in [(*path, key), *_places(one, (*path, key))]]
