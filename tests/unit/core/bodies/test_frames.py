"""Bodies of one shape: what is a hole and what is not, what is remembered and for how long."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.frames import AnswerForm, Form, Frames, RequestForm, Sighting
from tianji._core.bodies.templates import Template

CHAT = RequestForm(b"messages", b"content")
MESSAGES = RequestForm(b"messages", b"content", (b"system",))
GOOGLE = RequestForm(b"contents", b"parts", (b"systemInstruction", b"system_instruction"), True)
ANSWER = AnswerForm(b"text", b"content")
FORMS = (CHAT, MESSAGES, GOOGLE, ANSWER)
OUTPUT = (Template((b"<", 0, b">")),)


def holes(form: Form, body: bytes) -> list[bytes] | None:
    sighting = Frames().look(form, body, ())
    return None if sighting is None else sighting.parts()[1]


def asked(content: object, role: str = "user") -> bytes:
    return json.dumps({"messages": [{"role": role, "content": content}]}, ensure_ascii=False).encode()


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_what_people_and_models_say_is_a_hole(role: str) -> None:
    assert holes(CHAT, asked("a text", role)) == [b"a text"]
    parts = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"text": "u"}}, {"text": "two"}, "x"]
    assert holes(CHAT, asked(parts, role)) == [b"one", b"two"]


@pytest.mark.parametrize(
    "message",
    [
        b'{"role":"tool","content":"x"}',
        b'{"role":"function","content":[{"text":"x"}]}',
        b'{"content":"x"}',
        b'{"role":"user","role":"user","content":"x"}',
        b'{"role":"user","rol\\u0065":"tool","content":"x"}',
        b'{"role":"user","cont\\u0065nt":"x"}',
        b'{"role":null,"content":"x"}',
        b'{"role":"user","content":null,"name":"x"}',
        b'{"role":"user","content":{"text":"x"}}',
        b'["user","x"]',
    ],
)
def test_everything_else_belongs_to_the_shape(message: bytes) -> None:
    assert holes(CHAT, b'{"messages":[%b],"content":"y","text":"z"}' % message) is None
    assert holes(CHAT, b'{"messages":[%b,{"role":"user","content":"y"}]}' % message) == [b"y"]


def test_what_stands_beside_the_messages() -> None:
    assert holes(MESSAGES, b'{"system":"a","messages":[]}') == [b"a"]
    assert holes(MESSAGES, b'{"system":[{"type":"text","text":"a"}],"text":"b"}') == [b"a"]
    assert holes(CHAT, b'{"system":"a"}') is None
    google = b'{"contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"b"}]}],'
    assert holes(GOOGLE, google + b'"systemInstruction":{"parts":[{"text":"c"}]}}') == [b"a", b"b", b"c"]
    assert holes(GOOGLE, google + b'"systemInstruction":{"role":"tool","parts":[{"text":"c"}]}}') == [b"a", b"b"]


@pytest.mark.parametrize(
    ("inner", "hole"),
    [
        (r" \n\t\r\f a b \n ", b"a b"),
        (r"a\\n", rb"a\\n"),
        (r"a\\\n", rb"a\\"),
        (r"\"a\"", rb"\"a\""),
        (r"\u0020\u00e9a\u00e9\u0020", b"a"),
        ("\u3000\u2028 é\u0085\u00a0\u2009\u205f\u1680", "é".encode()),
        ("\u3001\u2030", "\u3001\u2030".encode()),
        (r"a\ud83d\ude00b", rb"a\ud83d\ude00b"),
        (r"a\\ud83d b", rb"a\\ud83d b"),
        ("x" * 40 + r"\ud83d\ude00" + "y" * 40, b"x" * 40 + rb"\ud83d\ude00" + b"y" * 40),
    ],
)
def test_white_space_at_the_edges_belongs_to_the_shape(inner: str, hole: bytes) -> None:
    body = '{"messages":[{"role":"user","content":"%s"}]}' % inner  # noqa: UP031 - braces
    assert holes(CHAT, body.encode()) == [hole]
    stripped = json.loads(f'"{inner}"').strip()
    assert json.loads(b'"%b"' % hole).strip() in stripped


@pytest.mark.parametrize("inner", [r"a\ud83d b", r"a\ude00b", r"a\ud83d\ud83d\ude00b", "x" * 40 + r"\uD83D" + "y" * 40])
def test_half_a_pair_is_read(inner: str) -> None:
    assert holes(CHAT, b'{"messages":[{"role":"user","content":"%b"}]}' % inner.encode()) is None


def test_answers_have_holes_for_texts_ids_and_counts() -> None:
    body = (
        b'{"id":"chatcmpl-9Lm","x":"y","n":12,"zero":0,"part":1.5,"e":1e5,"big":12345678901234567,"minus":-3,"list":[4],'
        b'"blocks":[{"id":"toolu_a1","text":" a ","data":"text","content":[1]}],"ids":"no_1"}'
    )
    sighting = Frames().look(ANSWER, body, ())
    assert sighting is not None
    assert sighting.parts()[1] == [b"9Lm", b"12", b"a1", b"a"]
    assert sighting.numbers() == {1: 12}


@pytest.mark.parametrize("name", ["msg_", "a-b", "call_a__thought__b", "\\u0061", "é", ""])
def test_ids_of_other_letters_belong_to_the_shape(name: str) -> None:
    found = holes(
        ANSWER,
        b'{"id":"%b","text":"t"}' % name.encode(),
    )
    assert found in ([b"t"], [name.rpartition("-")[2].encode(), b"t"] if name == "a-b" else None)


def test_numbers_that_say_when_or_where_are_no_counts() -> None:
    sighting = Frames().look(
        ANSWER,
        b'{"created":17,"created_at":18,"sequence_number":3,"output_index":2,"contentBlockIndex":1,"index":4,'
        b'"item_id":"msg_6a","obfuscation":"aB3","p":"","n":5}',
        (),
    )
    assert sighting is not None
    assert sighting.parts()[1] == [b"17", b"18", b"3", b"6a", b"aB3", b"", b"5"]
    assert (sighting.dates(), sighting.names(), sighting.numbers()) == ({0, 1, 2}, {3, 4, 5}, {6: 5})


@pytest.mark.parametrize("padding", ["a b", 'a\\"', "\\u0061", "é"])
def test_padding_of_other_letters_belongs_to_the_shape(padding: str) -> None:
    assert holes(ANSWER, b'{"p":"%b","n":5}' % padding.encode()) == [b"5"]


def test_too_many_counts_are_read() -> None:
    many = {f"n{number}": 7 for number in range(97)}
    assert holes(ANSWER, json.dumps(many).encode()) is None
    many.popitem()
    assert holes(ANSWER, json.dumps(many).encode()) == [b"7"] * 96


@given(st.binary(max_size=40) | st.sampled_from([b"a\\x", b"\xff", b"a\nb", b"\\u12", b"\xed\xa0\x80", b"\\"]))
def test_an_answer_that_nobody_checked_has_the_shape_of_another_only_if_it_is_json(said: bytes) -> None:
    frames = Frames()
    for text in (b"one", b"another"):
        sighting = frames.look(ANSWER, b'{"text":"%b","n":1}' % text, ())
        assert sighting is not None
    frames.keep(sighting, "value", OUTPUT)
    found = frames.look(ANSWER, b'{"text":"%b","n":12}' % said, ())
    if found is not None and found.frame is not None:
        assert json.loads(found.body)["n"] == 12


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ u0dtext', max_size=80).map(str.encode))
def test_nothing_breaks_a_scan(body: bytes) -> None:
    for form in FORMS:
        for text in (
            body,
            b'{"messages":[{"role":"user","content":"' + body,
            b'{"id":"' + body,
            b'{"contents":[{"parts":[' + body,
        ):
            sighting = Frames().look(form, text, ())
            if sighting is not None:
                around, inside = sighting.parts()
                assert b"".join(piece for pair in zip(around, [*inside, b""], strict=True) for piece in pair) == text


def look(frames: Frames, body: bytes, key: tuple[object, ...] = ()) -> Sighting:
    sighting = frames.look(CHAT, body, key)
    assert sighting is not None
    return sighting


def test_a_shape_is_known_from_the_second_time_on_and_found_once_it_was_kept() -> None:
    frames = Frames()
    first = look(frames, asked("a"))
    assert not first.again
    second = look(frames, asked("b"))
    assert second.again
    assert second.frame is None
    frame = frames.keep(second, "value", OUTPUT)
    third = look(frames, asked('c\n"d"'))
    assert third.frame is frame
    assert third.frame.value == "value"
    assert third.fill(third.frame.outputs[0], 0) == b'<c\\n\\"d\\">'
    assert look(frames, asked("c "), ()).frame is None
    assert look(frames, asked("c", "system")).frame is None
    assert look(frames, asked("c"), ("another",)).frame is None


def test_two_shapes_that_come_by_turns_are_both_known() -> None:
    for _ in range(600):  # digests are of another seed each time: in one of these they share a place
        frames = Frames()
        look(frames, asked("a"))
        look(frames, asked("a", "system"))
        assert look(frames, asked("b")).again


def test_a_shape_that_replaces_its_like_takes_no_more_room() -> None:
    frames = Frames()
    for _ in range(3):
        frames.keep(look(frames, asked("a")), 1, OUTPUT)
    assert len(frames) == 1
    assert frames.held < len(asked("a")) + 2


def test_memory_is_bounded_and_what_is_used_stays() -> None:
    frames = Frames()
    kept = asked("a")
    frames.keep(look(frames, kept), 1, OUTPUT)
    for number in range(200):
        assert look(frames, kept).frame is not None
        frames.keep(look(frames, asked("a"), (number,)), 1, OUTPUT)
    assert len(frames) == 64
    for number in range(30):
        frames.keep(look(frames, asked([{"text": "a"}, "x" * 90_000]), (number,)), 1, OUTPUT)
    assert frames.held <= 1 << 20
    assert frames.look(CHAT, asked([{"text": "a"}, "x" * 99_000]), ()) is None


def test_numbers_are_summed_up() -> None:
    sighting = Frames().look(ANSWER, b'{"a":5,"b":70,"text":"t"}', ())
    assert sighting is not None
    output = Template((b"x", ((0, 1), (1, 2)), ((3, 1),), 2, ((1, -1), (0, 5), (3, 5)), b"y"))
    assert sighting.fill(output, 1700000000) == b"x1451700000000t8499999955y"
    assert sighting.fill(Template((((-1, 3), (0, 2)),)), 0) == b"13"
    assert sighting.fill(Template((((0, -14), (1, 1)),)), 0) is None
    assert sighting.fill(Template((((3, 1),),)), 0) is None
    assert sighting.fill(Template(()), 0) == b""
    for beyond in ((3,), (((4, 1),),)):
        with pytest.raises(IndexError):
            sighting.fill(Template(beyond), 0)
    for below in ((-1,), (((-2, 1),),)):
        with pytest.raises(IndexError):
            Template(below)


@given(st.integers(1, 10**15 - 1), st.integers(1, 10**15 - 1), st.integers(-4, 5), st.integers(-4, 5))
def test_sums_are_exact(a: int, b: int, times_a: int, times_b: int) -> None:
    sighting = Frames().look(ANSWER, b'{"a":%d,"b":%d}' % (a, b), ())
    assert sighting is not None
    total = times_a * a + times_b * b
    assert sighting.fill(Template((((0, times_a), (1, times_b)),)), 0) == (b"%d" % total if total > 0 else None)


@pytest.mark.parametrize("size", [1, 16_000, 17_000])
def test_a_request_has_its_length(size: int) -> None:
    sighting = look(Frames(), asked("a" * size))
    request: Any = sighting.request(Template((b"<", 0, b">")), b"POST / HTTP/1.1\r\ncontent-length: ")
    text = request if isinstance(request, bytes) else b"".join(request)
    assert text == b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n<%b>" % (size + 2, b"a" * size)
    assert isinstance(request, list) == (size > 16 * 1024)
