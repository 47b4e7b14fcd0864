"""Masks by position, and what a content looks like to vendors."""

import pytest

from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.vendor import Call, Reply
from tianji.guardrails.verdict import Span, Unavailable, masked

CHAT = Content(
    Direction.REQUEST,
    (
        Text("be kind", "system", Kind.INSTRUCTIONS),
        Text("hello", message=1),
        Text("hi", "assistant", message=2),
        Text("see", message=3),
        Text("this", message=3),
        Text("42", "tool", Kind.TOOL_RESULT, 4),
    ),
)


def test_spans_count_code_points_and_cover_what_overlaps_once() -> None:
    texts = ("é 🙂 a@b.cc, 123", "same")
    spans = (Span(0, 4, 10, "<EMAIL>"), Span(0, 6, 12, "<X>"), Span(0, 12, 15, "<N>"), Span(1, 0, 4, ""))

    assert masked(texts, spans) == {0: "é 🙂 <EMAIL><N>", 1: ""}


@pytest.mark.parametrize(
    "span", [Span(1, 0, 1, "x"), Span(0, -1, 1, "x"), Span(0, 2, 1, "x"), Span(0, 0, 4, "x"), Span(-1, 0, 0, "")]
)
def test_a_span_outside_its_text_is_no_answer(span: Span) -> None:
    with pytest.raises(Unavailable):
        masked(("abc",), (span,))


def test_the_parts_of_a_message_are_one_message() -> None:
    assert [message["content"] for message in CHAT.messages()] == ["be kind", "hello", "hi", "see\nthis", "42"]
    assert CHAT.last_turn() == "see this"
    assert Content(Direction.RESPONSE, (Text("a", "assistant"), Text("b", "assistant", message=1))).last_turn() == "b"
    assert Content(Direction.REQUEST, ()).last_turn() == ""


def test_an_answer_comes_with_what_was_asked() -> None:
    answer = Content(Direction.RESPONSE, (Text("sure", "assistant"),), asked=CHAT.texts[1:2])

    assert answer.messages() == [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "sure"}]


@pytest.mark.parametrize(
    ("reply", "permanent"),
    [
        (Reply(500, b"{}"), False),
        (Reply(401, b"{}"), True),
        (Reply(403, b"{}"), True),
        (Reply(200, b"<html>"), False),
        (Reply(200, b"[]"), False),
        (Reply(200, b"[" * 100_000), False),
    ],
)
def test_a_reply_that_says_nothing_is_no_answer(reply: Reply, permanent: bool) -> None:
    with pytest.raises(Unavailable) as raised:
        reply.document()

    assert raised.value.permanent is permanent


def test_a_call_does_not_show_what_it_carries() -> None:
    assert "k3y" not in repr(Call("https://x/k3y", b"k3y", {"authorization": "k3y"}))
