"""What was said stays as it is, unless it holds what nobody is to be told as it is."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.callbacks.test_event import ANSWER, payload, told
from tests.unit.ledger.conftest import entry

from tianji.callbacks.backlog import Pages
from tianji.callbacks.event import answer_text
from tianji.callbacks.said import NOT_SAID, document, opened, said_in, value
from tianji.ledger import reading
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.journal import MAGIC, Journal

DATA = "A" * 100


def test_what_was_said_is_told_as_it_stood() -> None:
    text = b'[{"role": "user",  "content": "\\u00e9 \xc3\xa9"}]'
    assert document(text) == text
    assert text in told(1, payload=Payload(text)).wire


@pytest.mark.parametrize(
    ("text", "then"),
    [
        (b'{\n  "a": "b\\n"\r\n}', b'{"a":"b\\n"}'),
        (f'"data:image/png;base64,{DATA}"'.encode(), b'"data:image/png;base64,[100 characters of base64]"'),
        (f'{{"b64_json": "{DATA}"}}'.encode(), b'{"b64_json":"[100 characters of base64]"}'),
        (f'{{"format":"wav","data":"{DATA}"}}'.encode(), b'{"format":"wav","data":"[100 characters of base64]"}'),
        (b'{"data": [{"embedding": [0.1]}]}', b'{"data": [{"embedding": [0.1]}]}'),
    ],
)
def test_a_line_end_and_a_file_are_not(text: bytes, then: bytes) -> None:
    assert document(text) == then


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"[" * 9999 + b"]" * 9999, b"{} {}"]
)
def test_what_is_no_json_is_not_told(text: bytes) -> None:
    """Not even text that is no Unicode: one entry of which nobody can be told must not hold up all others."""
    event = told(1, payload=Payload(text, text, text))
    assert (event.messages, event.response, event.model_parameters) == (None, None, {})
    assert msgspec.json.decode(event.wire)["messages"] is None


def test_a_number_without_bounds_is_told_to_who_does_not_look() -> None:
    event = told(1, payload=Payload(b"[1e999]"))
    assert b"[1e999]" in event.wire
    assert event.messages is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_whatever_is_json_is_told_without_loss(anything: Any) -> None:
    text = msgspec.json.encode(anything)
    told_as = document(msgspec.json.format(text, indent=2))
    assert ";base64," in str(anything) or value(told_as) == msgspec.json.decode(text)
    assert b"\n" not in bytes(told_as)


def stream(*events: dict[str, Any], end: bytes = b"data: [DONE]\n\n") -> bytes:
    return b"".join(b"data: %b\n\n" % msgspec.json.encode(event) for event in events) + end


def chunk(delta: dict[str, Any], **choice: Any) -> dict[str, Any]:
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
CHAT = stream(
    chunk({"role": "assistant", "content": "hel"}), chunk({"content": "lo"}), chunk({"tool_calls": [CALL]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}), chunk({}, finish_reason="tool_calls"),
)  # fmt: skip
MESSAGE = stream(
    {"type": "message_start", "message": {"id": "msg", "role": "assistant", "content": [], "usage": {}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}, end=b"",
)  # fmt: skip
SAID = {"id": "resp", "output": [{"type": "message", "content": [{"type": "output_text", "text": "hello"}]}]}
RESPONSE = stream(
    {"type": "response.created", "response": {}}, {"type": "response.completed", "response": SAID}, end=b""
)
COMPLETION = stream({"id": "x", "object": "text_completion", "model": "m", "choices": [{"index": 0, "text": "hello"}]})


def piece(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}]}


PIECES = (
    piece({"text": "well", "thought": True}), piece({"text": "hel"}), piece({"text": "lo"}),
    piece({"functionCall": {"name": "f", "args": {"a": 1}}}, finishReason="STOP") | {"usageMetadata": {"x": 1}},
)  # fmt: skip
GEMINI = stream(*PIECES, end=b"").replace(b"\n", b"\r\n")
ARRAY = msgspec.json.encode(PIECES)
FORMS = {
    "chat": CHAT, "messages": MESSAGE, "responses": RESPONSE, "text": COMPLETION, "gemini": GEMINI, "array": ARRAY,
}  # fmt: skip


@pytest.mark.parametrize("events", FORMS.values(), ids=FORMS)
def test_a_stream_is_told_as_the_answer_that_it_comes_to(events: bytes) -> None:
    """In each form, and as the worker has written it down: once, as it came, without its messages apart."""
    event = told(1, stream=True, payload=Payload(b"", events, msgspec.json.encode({"input": "hi", "n": 1})))
    assert (event.messages, event.text, event.model_parameters) == ("hi", "hello", {"n": 1})
    if events is CHAT:
        (call,) = event.response["choices"][0]["message"]["tool_calls"]
        assert call["function"] == {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize("member", ["messages", "input", "prompt", "contents"])
@pytest.mark.parametrize("events", FORMS.values(), ids=FORMS)
def test_a_stream_is_kept_as_the_answer_that_it_comes_to(events: bytes, member: str) -> None:
    """The database has no events, whatever callbacks had the worker write down."""
    kept = opened(Payload(b"", events, msgspec.json.encode({member: ["hi"]})))
    assert msgspec.json.decode(kept.messages) == ["hi"]
    assert answer_text(msgspec.json.decode(kept.response)) == "hello"
    assert opened(kept) == kept


def test_pieces_of_google_become_one_answer() -> None:
    """Texts are joined, thoughts apart from what is said aloud; what comes last is what holds."""
    answer = msgspec.json.decode(opened(Payload(b"", GEMINI, b"{}")).response)
    (candidate,) = answer["candidates"]
    assert candidate["content"]["parts"] == [
        {"text": "well", "thought": True}, {"text": "hello"}, {"functionCall": {"name": "f", "args": {"a": 1}}},
    ]  # fmt: skip
    assert (candidate["finishReason"], answer["usageMetadata"]) == ("STOP", {"x": 1})
    blocked = stream({"promptFeedback": {"blockReason": "SAFETY"}}, end=b"")
    assert opened(Payload(b"", blocked, b"{}")).response == b'{"promptFeedback":{"blockReason":"SAFETY"}}'


@pytest.mark.parametrize("events", [CHAT, MESSAGE, RESPONSE, GEMINI, ARRAY])
def test_a_stream_that_broke_off_anywhere_holds_up_nobody(events: bytes) -> None:
    for end in range(len(b"data:"), len(events), 1 + len(events) // 200):
        event = told(1, stream=True, payload=Payload(b"", events[:end] + b"\xff", b"{}"))
        assert msgspec.json.decode(event.wire)["id"] == event.id
    assert told(1, payload=Payload(b"", CHAT[: CHAT.index(b"tool_calls")], b"{}")).text == "hello"


def test_a_parameter_that_many_requests_have_is_judged_once_and_told_alike() -> None:
    tools = [{"type": "mcp", "authorization": "canary", "about": "x"}]
    first, second = (said_in(payload(tools=tools, api_key="canary")).parameters for _ in range(2))
    assert first == second
    assert first["tools"] is second["tools"]
    assert value(first["tools"]) == [{"type": "mcp", "about": "x"}]
    assert "api_key" not in first
    assert said_in(Payload(request=b'{"metadata": 5}')).messages == NOT_SAID


def test_destinations_share_what_was_made_of_an_event() -> None:
    event = told(1, payload=payload())
    assert event.shown(bare=False).wire is event.wire
    assert event.shown(bare=True).wire is event.shown(bare=True).wire
    assert event.response is event.response
    hidden = frozenset({"answered"})
    assert event.shown(bare=False, hidden=hidden) is event.shown(bare=False, hidden=hidden)
    assert event.shown(bare=False, hidden=hidden).response is None
    assert event.response == ANSWER


async def test_who_goes_on_in_the_middle_of_a_page_has_it_read_for_him(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several destinations stop at different places: what one had read the others are told out of memory."""
    read: list[int] = []
    once = reading.page

    def counted(file: Path, position: int, most: int) -> list[tuple[Entry, int]]:
        read.append(position)
        return once(file, position, most)

    def write() -> Path:
        journal = Journal(tmp_path)
        for number in range(5):
            journal.append(entry(number))
        journal.close()
        return next(tmp_path.iterdir())

    monkeypatch.setattr(reading, "page", counted)
    file, pages = await asyncio.to_thread(write), Pages(tmp_path)
    whole = await pages.read(file, 0)
    assert len(whole) == 5
    for at, (_, end) in enumerate(whole[:-1]):
        assert await pages.read(file, end) == whole[at + 1 :]
    assert await pages.read(file, len(MAGIC)) == whole
    assert read == [0]
