"""Forms as JSON and back: what a field says is the same text behind the gateway."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest, PayloadTooLarge
from tianji.gateway.translation.forms import Form, as_json, fields, form_of, take_json
from tianji.protocol.multipart import Part, Piece

NAMES = st.text("abc[]", min_size=1, max_size=4).filter(lambda name: not name.removesuffix("[]").endswith("[]"))


def field(name: str, text: str) -> Part:
    return Part(name, None, None, 0, len(text), text)


def file(name: str) -> Part:
    return Part(name, "f.png", b"image/png", 0, 5, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ('{"a": 1}', {"a": 1}),
        ("null", "null"),
        ("1", "1"),
        ("[1]", "[1]"),
        ("{not json", "{not json"),
        ("", ""),
    ],
)
def test_what_a_field_says_as_json(text: str, value: object) -> None:
    assert json.loads(as_json([field("a", text)])) == {"a": value}


def test_fields_of_one_name_are_an_array_and_files_are_told_of() -> None:
    parts = [field("a[]", "x"), field("b", "1"), field("b", "2"), file("image[]"), file("mask")]
    shown = {"filename": "f.png", "bytes": 5}
    assert json.loads(as_json(parts)) == {"a": ["x"], "b": ["1", "2"], "image": [shown], "mask": shown}


@given(
    st.lists(st.tuples(NAMES, st.text(max_size=10) | st.sampled_from(["true", "{}", '{"a":"b"}', '"x"'])), max_size=8)
)
def test_a_field_is_written_as_it_was_read(pairs: list[tuple[str, str]]) -> None:
    try:
        [text.encode() for _, text in pairs]
    except UnicodeEncodeError:
        return
    members = msgspec.json.decode(as_json([field(*pair) for pair in pairs]), type=dict[str, msgspec.Raw])
    written = list(fields(Form(()), members))

    def texts(found: list[tuple[str, object]]) -> dict[str, list[object]]:
        by_name: dict[str, list[object]] = {}
        for name, text in found:
            by_name.setdefault(name.removesuffix("[]"), []).append(text)
        return by_name

    assert texts([(piece.name, piece.content) for piece in written]) == texts(pairs)


def test_a_file_goes_as_long_as_its_member_is_there() -> None:
    form = Form(
        (("image", Piece("image[]", b"one", 3, "a.png", b"image/png")), ("mask", Piece("mask", b"two", 3, "b")))
    )
    _, parts, length = form_of(form, b'{"model":"m","image":[{}],"n":2,"none":null}')
    body = b"".join(part for part in parts if isinstance(part, bytes))
    assert len(body) == length
    assert b'name="image[]"; filename="a.png"\r\ncontent-type: image/png\r\n\r\none\r\n' in body
    assert b'name="n"\r\n\r\n2\r\n' in body
    assert b"two" not in body
    assert b"none" not in body
    assert form.content("mask") == b"two"
    assert form.content("absent") is None


def test_json_is_held_in_memory_within_its_limit() -> None:
    spool = SimpleNamespace(read=lambda _at, size: b"x" * size)
    large = SimpleNamespace(size=2, spool=spool, body=b"", header=lambda _: b"application/json; charset=utf-8")
    take_json(large, 2)
    assert (large.body, large.spool) == (b"xx", None)
    with pytest.raises(PayloadTooLarge):
        take_json(large, 1)
    with pytest.raises(InvalidRequest, match="neither"):
        take_json(SimpleNamespace(size=0, header=lambda _: b"text/plain"), 1)
