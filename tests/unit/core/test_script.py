"""Lines of streams: one that is what stood there the last time is known without a look for its holes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.bodies.frames import AnswerForm, Frame, Frames
from tianji._core.bodies.templates import Template
from tianji._core.streams.script import Script

FORM = AnswerForm(b"text", b"delta")
ROOM = 64
Line = tuple[str, str, bytes]


def script(frames: Frames) -> Script:
    return Script(FORM, ("a kind",), frames.seed)


def learnt(frames: Frames, *lines: Line) -> Frame:
    """Remember lines; what is remembered of the last of them."""
    found = script(frames)
    assert all(found.add(*line) for line in lines)
    found.keep(frames, ["known"] * len(lines), [(Template((b"told",)), None)] * len(lines))
    return looked_at(frames, *lines)


def looked_at(frames: Frames, *lines: Line) -> Frame:
    found = script(frames)
    frame = None
    for line in lines:
        assert found.add(*line)
        frame = found.look(frames)
    assert frame is not None
    return frame


def holes(of: Script) -> tuple[Any, ...]:
    return of.parts(), of.numbers(), of.names(), of.dates()


def check(learnt_from: bytes, payload: bytes, name: str = "added") -> bool:
    """Return whether a payload is known by what was remembered of another, in both ways alike."""
    frames = Frames(ROOM)
    frame = learnt(frames, ("e", "added", learnt_from))
    followed, looked = script(frames), script(frames)
    known = followed.follow(frame, "e", name, payload)
    assert known == (looked.add("e", name, payload) and looked.look(frames) is frame)
    if known:
        assert followed.frame is frame
        assert holes(followed) == holes(looked)
        assert followed.lines(1) == [("e", name, payload)]
    else:
        assert (followed.frame, followed.count, followed.parts()) == (None, 0, ([b""], []))
        assert followed.add("e", name, payload) == bool(looked.count)
        assert holes(followed) == holes(looked)
    return known


PIECES = st.sampled_from(
    ["a", "Z", "7", "0", "-", "_", " ", "\\n", "\\u0020", "\\u0041", "\\\\", '\\"', "\\ud83d", "\\ude00", '"', "\\",
     "é", "\u2028", "\t", ".", "e", "msg_", "resp-", "}", ",", "\x7f"]
)  # fmt: skip
INNER = st.lists(PIECES, max_size=6).map("".join)
NUMBER = st.sampled_from(["0", "1", "12", "-3", "1.5", "2e3", "00", "123456789012345", "1234567890123456", "null", ""])


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Draw an event, sound or not."""
    return (
        f'{{"type":"x","text":"{draw(INNER)}","sequence_number":{draw(NUMBER)},"item_id":"{draw(INNER)}",'
        f'"p":"{draw(INNER)}","n":{draw(NUMBER)},"index":{draw(NUMBER)}}}'
    ).encode()


@given(payloads(), payloads())
def test_what_is_followed_is_what_is_found(one: bytes, other: bytes) -> None:
    frames = Frames(ROOM)
    if script(frames).add("e", "added", one):
        assert check(one, one)
        check(one, other)


def event(text: str = "one", number: int = 3, name: str = "msg_1a", padding: str = "ab", count: int = 5) -> bytes:
    said = {"text": text, "sequence_number": number, "item_id": name, "p": padding, "tokens": count, "index": 2}
    return json.dumps(said, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "payload",
    [event("another, and longer"), event(number=44), event(name="msg_77"), event(padding=""), event(count=123)],
)
def test_events_of_one_shape_are_followed(payload: bytes) -> None:
    assert check(event(), payload)


@pytest.mark.parametrize(
    "payload",
    [
        event(""),
        event(" one"),
        event("one "),
        event(number=0),
        event(name="msg_a_1"),
        event(name="rs_1a"),
        event(padding="a b"),
        event(count=10**15),
        event() + b" ",
        event()[:-1],
        b"",
    ],
)
def test_others_are_not(payload: bytes) -> None:
    assert not check(event(), payload)


def test_the_name_of_an_event_belongs_to_its_shape() -> None:
    assert not check(event(), event(), name="done")


def test_holes_are_counted_through_all_lines() -> None:
    frames = Frames(ROOM)
    first, second = ("e", "added", event("one")), ("e", "added", event("two"))
    frame = learnt(frames, first, second)
    found = script(frames)
    assert found.follow(looked_at(frames, first), *first)
    assert found.follow(frame, "e", "added", event("three", count=9))
    assert found.frame is frame
    assert found.numbers() == {4: 5, 9: 9}
    assert found.fill(Template((b"", 0, b" ", 5, b" ", ((4, 1), (9, 2)))), 0) == b"one three 23"


def test_too_many_counts_are_not_followed() -> None:
    frames = Frames(ROOM)
    lines = [
        ("e", "added", json.dumps({f"n{number}": 7 for number in range(count)}).encode()) for count in (60, 37, 36)
    ]
    frame = learnt(frames, lines[1])
    assert script(frames).follow(frame, *lines[1])
    full = script(frames)
    assert full.add(*lines[0])
    assert not full.add(*lines[1])
    assert not full.follow(frame, *lines[1])
    assert full.add(*lines[2])


def test_what_was_forgotten_is_not_followed() -> None:
    frames = Frames(1)
    frame = learnt(frames, ("e", "added", event()))
    learnt(frames, ("e", "other", event()))
    assert not script(frames).follow(frame, "e", "added", event())
    assert not script(frames).follow(None, "e", "added", event())
