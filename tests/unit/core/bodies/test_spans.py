"""Spans agree with a full parser on what is JSON, and edits leave everything else byte for byte."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji._core.bodies.spans import ObjectSpans, replace_value, scan
from tianji._core.bodies.splice import Splice
from tianji.errors import MalformedJSON

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    SCALARS | TEXT, lambda v: st.lists(v, max_size=4) | st.dictionaries(TEXT, v, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=8)
SPACE = st.text(" \t\r\n", max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, bytes]]]:
    """An object in free layout with the raw bytes of its members."""
    members = []
    for name, value in draw(OBJECTS).items():
        ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, 2]))
        members.append((name, json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()))
    pieces = [
        f"{draw(SPACE)}{json.dumps(name, ensure_ascii=draw(st.booleans()))}{draw(SPACE)}:{draw(SPACE)}".encode()
        + raw
        + draw(SPACE).encode()
        for name, raw in members
    ]
    inside = b",".join(pieces) or draw(SPACE).encode()
    return draw(SPACE).encode() + b"{" + inside + b"}" + draw(SPACE).encode(), members


def is_json_object(text: bytes) -> bool:
    """The verdict of the standard library, made strict, or of orjson where that is not possible."""
    seen_twice = []

    def build(pairs: list[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        seen_twice.append(len(built) != len(pairs))
        return built

    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=build, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not seen_twice[-1]


@given(documents())
def test_members_are_found_as_they_stand(document: tuple[bytes, list[tuple[str, bytes]]]) -> None:
    text, members = document
    spans = scan(text)
    assert spans.names() == [name.encode() for name, _ in members]
    assert len(spans) == len(members)
    for name, raw in members:
        assert spans.get(name.encode()) == raw
        assert name.encode() in spans
    assert spans.get(b"no such member, surely") is None


@given(documents(), st.data())
def test_damage_is_judged_as_a_full_parser_does(
    document: tuple[bytes, list[tuple[str, bytes]]], data: st.DataObject
) -> None:
    text = bytearray(document[0])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(st.sampled_from([b"", *(bytes([c]) for c in b'{}[]",:\\\x00\n 0-.eE+tu'), b"\xff", b"\xe4"]))
        text[at : at + data.draw(st.integers(0, 2))] = piece
    damaged = bytes(text)
    if is_json_object(damaged):
        scan(damaged)
        return
    with pytest.raises(MalformedJSON) as caught:
        scan(damaged)
    assert 0 <= caught.value.position <= len(damaged)


@given(st.binary(max_size=40).map(lambda tail: b'{"a":"' + tail))
def test_random_bytes_never_pass_for_json(text: bytes) -> None:
    try:
        scan(text)
    except MalformedJSON:
        return
    assert is_json_object(text)


def test_every_cut_of_a_document_is_refused_at_its_end() -> None:
    text = '{"a":[1,-2.5e+3,{"b":"\\u00e9\\n天"}],"c":true,"d":null,"e":false,"f":{}}'.encode()
    scan(text)
    for cut in range(len(text)):
        with pytest.raises(MalformedJSON) as caught:
            scan(text[:cut])
        assert caught.value.position <= cut


@pytest.mark.parametrize("offset", range(40))
@pytest.mark.parametrize("bad", [b"\x1f", b"\x00", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\x"])
def test_a_bad_byte_is_found_wherever_it_lies_in_a_block(offset: int, bad: bytes) -> None:
    with pytest.raises(MalformedJSON) as caught:
        scan(b'{"a":"' + b"x" * offset + bad + b"y" * 40 + b'"}')
    assert caught.value.position == 6 + offset


@pytest.mark.parametrize("bad", [b"\x00", b"\x1f", b'"', b"\x80", b"\xff", b"\\x"])
def test_a_bad_byte_is_found_wherever_it_lies_in_a_long_text(bad: bytes) -> None:
    """Long runs of plain bytes are looked at in other steps than short ones."""
    for at in (0, 255, 256, 271, 272, 273, 399, 400, 401, 527, 528, 700, 899):
        text = b'{"a":"' + b"x" * at + bad + b"x" * (900 - at) + b'"}'
        with pytest.raises(MalformedJSON) as caught:
            scan(text)
        assert 6 + at <= caught.value.position <= 8 + at
    whole = scan(b'{"a":"' + b"x" * 5000 + b'","b":1}')
    assert (whole.get(b"a"), whole.integer(b"b")) == (b'"' + b"x" * 5000 + b'"', 1)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        (b"", "the text is empty: expected a JSON object at byte 0 (line 1, column 1)", 0),
        (b" \n", "the text is empty: expected a JSON object at byte 2 (line 2, column 1)", 2),
        (b"\xef\xbb\xbf{}", "expected a JSON object without a byte order mark at byte 0 (line 1, column 1)", 0),
        (b"[]", "expected a JSON object at byte 0 (line 1, column 1)", 0),
        (b'{"a":1,}', "expected a member name in double quotes at byte 7 (line 1, column 8)", 7),
        (b"{a:1}", "expected a member name in double quotes or '}' at byte 1 (line 1, column 2)", 1),
        (b'{"model": "gpt" 1}', "expected ',' or '}' at byte 16 (line 1, column 17)", 16),
        (b'{"a" 1}', "expected ':' at byte 5 (line 1, column 6)", 5),
        (b'{"a":\n NaN}', "expected a value at byte 7 (line 2, column 2)", 7),
        (b'{"a":[1 2]}', "expected ',' or ']' at byte 8 (line 1, column 9)", 8),
        (b'{"a":1}{}', "expected nothing after the JSON object at byte 7 (line 1, column 8)", 7),
        (b'{"a":01}', "expected ',' or '}' at byte 6 (line 1, column 7)", 6),
        (b'{"a":-}', "expected a digit at byte 6 (line 1, column 7)", 6),
        (b'{"a":"x', "the text ends too early: expected '\"' to end the string at byte 7 (line 1, column 8)", 7),
        ('{"天":"机\t"}'.encode(), "a control character in a string must be escaped at byte 11 (line 1, column 8)", 11),
        (b'{"a":"\\u12g4"}', "unknown escape in a string at byte 6 (line 1, column 7)", 6),
        (b'{"a":1,"a":2}', 'member "a" stands twice, at byte 7 (line 1, column 8)', 7),
        (b'{"a\\u0062":1,"ab":2}', 'member "ab" stands twice, at byte 13 (line 1, column 14)', 13),
        (b'{"\\n\xc3\xa9":1,"\\u000a\\u00e9":2}', 'member "\\n\\u00e9" stands twice, at byte 10', 10),
    ],
)
def test_messages_say_what_and_where(text: bytes, message: str, position: int) -> None:
    with pytest.raises(MalformedJSON) as caught:
        scan(text)
    assert caught.value.message.startswith(message)
    assert caught.value.position == position
    assert caught.value.status == 400


def test_twins_are_found_among_many_members_and_in_linear_time() -> None:
    names = [f"name{i}" for i in range(20_000)]
    text = json.dumps(dict.fromkeys(names, 0)).encode()
    assert len(scan(text)) == 20_000
    for name in (names[0], names[70], names[-1]):
        with pytest.raises(MalformedJSON, match=f'member "{name}" stands twice'):
            scan(text[:-1] + f',"{name}":1}}'.encode())


def test_members_are_limited_in_number() -> None:
    text = b"{" + b",".join(b'"%d":0' % i for i in range(98_305)) + b"}"
    with pytest.raises(MalformedJSON, match="more than 98304 members"):
        scan(text)
    assert len(scan(b'{"a":' + text[: text.rindex(b",")] + b"}}")) == 1


def test_depth_is_counted_from_the_outermost_object() -> None:
    def nested(levels: int) -> bytes:
        return (
            b'{"a":' * (levels // 2)
            + b"[" * (levels - levels // 2)
            + b"]" * (levels - levels // 2)
            + b"}" * (levels // 2)
        )

    for limit in (2, 63, 64, 65, 127, 128, 1023, 1024):
        scan(nested(limit), limit)
        with pytest.raises(MalformedJSON, match=f"nested deeper than {limit} levels"):
            scan(nested(limit + 1), limit)
    scan(b'{"a":' + b"[" * 127 + b"]" * 127 + b',"b":{"c":[{}]}}')
    with pytest.raises(MalformedJSON):
        scan(b'{"a":' + b"[" * 128 + b"]" * 128 + b"}")
    for bad in (0, -1, 1025):
        with pytest.raises(ValueError, match="max_depth"):
            scan(b"{}", bad)


def test_brackets_close_what_they_opened_at_every_level() -> None:
    deep = b'{"a":[{"b":[' * 40
    scan(deep + b"]}]}" * 40, 1024)
    for cut in range(1, 40):
        with pytest.raises(MalformedJSON):
            scan(deep + b"]}]}" * (40 - cut) + b"]]]}" + b"]}]}" * (cut - 1), 1024)


def test_typed_reads() -> None:
    spans = scan(
        b'{"s":"t\\u00e9\\ud83d\\ude00","plain":"x","i":-12,"f":1.0,"e":1e3,"t":true,"n":null,"o":{"x":{"y":2}},'
        b'"big":123456789012345678,"huge":1234567890123456789}'
    )
    assert spans.string(b"s") == "té😀"
    assert spans.string(b"plain") == "x"
    assert spans.integer(b"i") == -12
    assert spans.integer(b"big") == 123456789012345678
    assert spans.boolean(b"t") is True
    for read in (spans.string, spans.integer, spans.boolean, spans.nested):
        assert read(b"n") is None
        assert read(b"absent") is None
        with pytest.raises(MalformedJSON, match='member "f" must be'):
            read(b"f")
    for name in (b"e", b"huge"):
        with pytest.raises(MalformedJSON, match="must be an integer of up to 18 digits"):
            spans.integer(name)
    inner = spans.nested(b"o")
    assert inner is not None
    assert inner.source is spans.source
    deeper = inner.nested(b"x")
    assert deeper is not None
    assert deeper.integer(b"y") == 2


def test_a_lone_surrogate_passes_but_is_not_read_as_text() -> None:
    text = b'{"user":"\\ud800","x\\udfff":1}'
    spans = scan(text)
    assert spans.get(b"user") == b'"\\ud800"'
    with pytest.raises(MalformedJSON, match='member "user" holds half a surrogate pair'):
        spans.string(b"user")
    assert spans.names() == [b"user", b"x\xed\xbf\xbf"]
    assert Splice(spans).build() is text


def test_usual_names_are_shared_objects() -> None:
    """Which are what was written all the same, in whatever way."""
    usual = scan(b'{"model":1,"messages":2,"top_p":3,"n":4,"":5,"modes":6}').names()
    assert usual == [b"model", b"messages", b"top_p", b"n", b"", b"modes"]
    again = scan(b'{"modes":1,"n":2,"mod\\u0065l":3,"model1":4,"messages":5}').names()
    assert again == [b"modes", b"n", b"model", b"model1", b"messages"]
    assert usual[1] is again[4]
    assert usual[5] is not again[0]


def test_names_are_compared_unescaped() -> None:
    assert scan(b'{"m\\u006fdel":"x"}').string(b"model") == "x"
    assert scan('{"天":1}'.encode()).integer("天".encode()) == 1
    assert scan(b'{"":5}').integer(b"") == 5


def test_a_nested_object_must_not_repeat_names_either() -> None:
    spans = scan(b'{"a":{"b":1,"b":2}}')
    with pytest.raises(MalformedJSON, match='"b" stands twice, at byte 12'):
        spans.nested(b"a")


def test_objects_are_not_made_by_hand() -> None:
    with pytest.raises(TypeError):
        ObjectSpans()
    with pytest.raises(TypeError):
        scan(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        replace_value(None, 0, b"1")  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        replace_value(scan(b"{}"), 0, b"1")


@given(documents(), st.data())
def test_replace_value_changes_nothing_else(
    document: tuple[bytes, list[tuple[str, bytes]]], data: st.DataObject
) -> None:
    text, members = document
    if not members:
        return
    i = data.draw(st.integers(0, len(members) - 1))
    after = scan(replace_value(scan(text), i, b'{"new":[]}'))
    assert [after.get(name) for name in after.names()] == [
        b'{"new":[]}' if k == i else raw for k, (_, raw) in enumerate(members)
    ]


EDIT = st.tuples(
    st.sampled_from(["set", "default", "remove", "rename"]), st.integers(0, 11), st.integers(0, 11), VALUES
)


def rename(members: dict[str, bytes], old: str, new: str) -> dict[str, bytes]:
    if old == new or old not in members:
        return members
    if new in members:
        return {name: raw for name, raw in members.items() if name != old}
    return {(new if name == old else name): raw for name, raw in members.items()}


@given(documents(), st.lists(EDIT, max_size=6))
@example((b'{"a":1}', [("a", b"1")]), [("remove", 0, 0, None), ("set", 0, 0, 2)])
def test_edits_do_to_the_bytes_what_they_do_to_a_dictionary(
    document: tuple[bytes, list[tuple[str, bytes]]], edits: list[tuple[str, int, int, object]]
) -> None:
    text, members = document
    names = [name for name, _ in members] + ["model", "stream", 'q"\\\n', "天"]
    model, splice = dict(members), Splice(scan(text))
    for verb, first, second, value in edits:
        old, new, raw = names[first % len(names)], names[second % len(names)], json.dumps(value).encode()
        if verb == "set":
            model[old] = raw
            splice.set(old.encode(), raw)
        elif verb == "default":
            model.setdefault(old, raw)
            splice.default(old.encode(), raw)
        elif verb == "remove":
            model.pop(old, None)
            splice.remove(old.encode())
        else:
            model = rename(model, old, new)
            splice.rename(old.encode(), new.encode())
    after = splice.build()
    assert after == b"".join(splice.parts())
    spans = scan(after)
    assert is_json_object(after)
    assert {name.decode(): spans.get(name) for name in spans.names()} == model
    touched = {names[i % len(names)] for _, first, second, _ in edits for i in (first, second)}
    assert [name for name in map(bytes.decode, spans.names()) if name not in touched] == [
        name for name, _ in members if name not in touched
    ]


def test_edits_keep_layout_and_order() -> None:
    text = b'\n{ "a" : 1 ,  "b" :2, "c": [ 3 ]\n} '
    splice = Splice(scan(text))
    splice.set(b"b", b"20")
    splice.set(b"d", b"4")
    splice.rename(b"c", b"z")
    assert splice.build() == b'\n{ "a" : 1 ,  "b" :20, "z": [ 3 ],"d":4\n} '
    assert splice.build() == splice.build()


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ("a", b'{"b":2,"c":3}'),
        ("b", b'{"a":1,"c":3}'),
        ("c", b'{"a":1,"b":2}'),
        ("ab", b'{"c":3}'),
        ("bc", b'{"a":1}'),
        ("ac", b'{"b":2}'),
        ("abc", b"{}"),
        ("x", b'{"a":1,"b":2,"c":3}'),
    ],
)
def test_removing_leaves_no_stray_comma(gone: str, left: bytes) -> None:
    splice = Splice(scan(b'{"a":1,"b":2,"c":3}'))
    for name in gone:
        splice.remove(name.encode())
    assert splice.build() == left


def test_no_edit_gives_the_same_object() -> None:
    text = b'{"a":1}'
    splice = Splice(scan(text))
    assert splice.build() is text
    assert splice.parts()[0] is text
    splice.default(b"a", b"2")
    splice.remove(b"b")
    splice.rename(b"b", b"c")
    splice.rename(b"a", b"a")
    assert splice.build() is text


def test_long_runs_are_views_of_the_text() -> None:
    text = b'{"model":"a","messages":"%b","old":{"k":"%b"},"z":1}' % (b"x" * 50_000, b"y" * 50_000)
    splice = Splice(scan(text))
    splice.set(b"model", b'"b"')
    splice.set(b"z", b"2")
    splice.set(b"new", b"3")
    parts = splice.parts()
    assert b"".join(parts) == splice.build() == text.replace(b'"a"', b'"b"').replace(b"1}", b'2,"new":3}')
    assert sum(len(piece) for piece in parts if isinstance(piece, memoryview) and piece.obj is text) > 100_000
    assert sum(len(piece) for piece in parts if isinstance(piece, bytes)) < 100
    splice.rename(b"messages", b"other")
    assert b"".join(splice.parts()) == splice.build()
    splice.remove(b"old")
    assert b"".join(splice.parts()) == splice.build()


def test_splice_refuses_what_would_break_the_text() -> None:
    splice = Splice(scan(b"{}"))
    with pytest.raises(ValueError, match="never empty"):
        splice.set(b"a", b"")
    with pytest.raises(TypeError):
        splice.set(None, b"1")  # type: ignore[arg-type]
    assert splice.build() == b"{}"
