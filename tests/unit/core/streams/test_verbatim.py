"""Streams that go through: events that are like an earlier one are handed on unread, and only those."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji._core.streams.messages import MessagesStream
from tianji._core.streams.responses import ResponsesStream
from tianji._core.streams.stream import AnswerStream

Event = tuple[str, dict[str, Any]]
FRAMES = (
    "event: {0}\ndata: {1}\n\n",
    "data: {1}\n\n",
    "event:{0}\r\ndata:{1}\r\n\r\n",
    "id: 7\nevent: {0}\ndata: {1}\n\n",
)


def response_text(text: str, number: int, padding: str) -> Event:
    kind = "response.output_text.delta"
    place = {"type": kind, "item_id": "msg_1", "output_index": number % 2, "delta": text}
    return kind, place | {"logprobs": [], "obfuscation": padding, "sequence_number": number}


def message_text(text: str, number: int, padding: str) -> Event:
    kind = "content_block_delta"
    return kind, {"type": kind, "index": number, "delta": {"type": "text_delta", "text": text}, "p": padding}


def call(text: str, number: int, padding: str) -> Event:
    del padding
    kind = "response.function_call_arguments.delta"
    return kind, {"type": kind, "output_index": number, "delta": text}


def arguments(text: str, number: int, padding: str) -> Event:
    del padding
    kind = "content_block_delta"
    return kind, {"type": kind, "index": number, "delta": {"type": "input_json_delta", "partial_json": text}}


def failure(text: str, number: int, padding: str) -> Event:
    del number, padding
    return "error", {"type": "error", "error": {"type": "overloaded_error", "message": text}}


FORMS = {
    ResponsesStream: (response_text, response_text, response_text, call, failure),
    MessagesStream: (message_text, message_text, message_text, arguments, failure),
}
TEXTS = st.sampled_from([" word", " a", '"', "\\", "\n\ndata: [DONE]", "", "天机", '","type":"error"']) | st.text(
    max_size=9
)
MADE = st.tuples(
    st.integers(0, 4),
    TEXTS,
    st.integers(0, 10**6),
    st.text("abcXYZ09", max_size=8),
    st.sampled_from([0, 0, 0, 1, 2, 3]),
)
Made = tuple[int, str, int, str, int]


def framed(made: Made, forms: tuple[Callable[[str, int, str], Event], ...]) -> tuple[str, bytes]:
    form, text, number, padding, frame = made
    kind, members = forms[form](text, number, padding)
    payload = json.dumps(members, ensure_ascii=bool(number % 2), separators=(",", ":"))
    return kind, FRAMES[frame].format(kind, payload).encode()


@pytest.mark.parametrize("stream", FORMS)
@given(st.lists(MADE, max_size=40), st.lists(st.integers(0, 9000), max_size=5))
def test_all_goes_through_as_it_came_until_it_fails(
    stream: Callable[[], AnswerStream], made: list[Made], cuts: list[int]
) -> None:
    events = [framed(one, FORMS[stream]) for one in made]
    said = list(itertools.takewhile(lambda event: event[0] != "error", events))
    body = b"".join(event for _, event in events)
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    found = stream()
    out = b"".join([found.feed(body[a:b]) for a, b in itertools.pairwise(edges)]) + found.close()
    assert out == b"".join(event for _, event in said)
    assert (found.events, found.failed, found.done) == (len(said), len(said) < len(events), False)
    assert found.spoke == bool(said)


@pytest.mark.parametrize("stream", FORMS)
@given(TEXTS, st.integers(0, 300), st.none() | st.binary(min_size=1, max_size=1))
@example(" word", 6, b'"')
def test_what_is_nearly_alike_is_read(
    stream: Callable[[], AnswerStream], text: str, place: int, byte: bytes | None
) -> None:
    """One byte more or less, anywhere in it: an event that is no JSON any more is never handed on."""
    form = FORMS[stream][0]
    like = [framed((0, word, number, "ab", 0), (form,))[1] for number, word in enumerate(("One", " two", " three"))]
    payload = json.dumps(form(text, 7, "abc")[1], separators=(",", ":")).encode()
    place %= len(payload)
    changed = payload[:place] + (byte or b"") + payload[place + (byte is None) :]
    found = stream()
    out = found.feed(b"".join(like))
    assert out == b"".join(like)
    event = b"event: x\ndata: " + changed + b"\n\n"
    rest = found.feed(event)
    try:
        whole = isinstance(json.loads(changed.decode()), dict)
    except ValueError:
        whole = False
    if b"\n" in changed or b"\r" in changed or changed[:1] == b" ":
        return  # another line of the framing
    assert found.failed != whole
    assert rest == (event if whole else b"")
