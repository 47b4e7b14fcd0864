"""Whole answers as streams, streams as whole answers: each way back leads to where it began."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.caching.memory import counted_usage
from tianji.cache.codec import Codec

TEXT = st.text(max_size=20)
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def calls(count: int) -> list[dict[str, Any]]:
    named = {"name": "f", "arguments": '{"a": "b"}'}
    return [{"id": f"call_{at}", "type": "function", "function": named} for at in range(count)]


def through(form: str, answer: dict[str, Any], *, shows_usage: bool = True) -> dict[str, Any]:
    codec = Codec(form)
    events = codec.events(json.dumps(answer).encode(), shows_usage)
    assert events is not None
    whole = codec.whole(events, None)
    assert whole is not None
    found: dict[str, Any] = json.loads(whole)
    return found


MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXT},
    optional={"tool_calls": st.integers(1, 3).map(calls), "refusal": TEXT, "reasoning_content": TEXT},
)


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.sampled_from(["stop", "length", "tool_calls"]))
def test_chat(messages: list[dict[str, Any]], reason: str) -> None:
    choices = [{"index": at, "message": message, "finish_reason": reason} for at, message in enumerate(messages)]
    frame = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "m", "system_fingerprint": "fp"}
    answer = {**frame, "choices": choices, "usage": USAGE}
    assert through("chat", answer) == answer


def test_chat_keeps_what_is_known_of_tokens() -> None:
    said = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}], "refusal": None}
    message = {"role": "assistant", "content": "a"}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": said}
    answer = {"id": "1", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice], "usage": USAGE}
    assert through("chat", answer) == answer


@pytest.mark.parametrize("form", ["chat", "completions"])
def test_usage_is_hidden_from_a_stream_and_known_to_the_whole(form: str) -> None:
    said = {"message": {"role": "assistant", "content": "a"}} if form == "chat" else {"text": "a"}
    choice = {"index": 0, "finish_reason": "stop", **said}
    body = json.dumps({"id": "1", "created": 7, "model": "m", "choices": [choice], "usage": USAGE}).encode()
    events = Codec(form).events(body, False)
    assert events is not None
    assert b"prompt_tokens" not in events
    assert events.endswith(b"data: [DONE]\n\n")
    whole = Codec(form).whole(events, counted_usage(3, 4, 2, 1))
    assert whole is not None
    found = json.loads(whole)["usage"]
    assert {name: found[name] for name in USAGE} == USAGE
    assert found["prompt_tokens_details"]["cached_tokens"] == 2
    assert found["completion_tokens_details"]["reasoning_tokens"] == 1


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_completions(texts: list[str]) -> None:
    known = {"tokens": ["a", "b"], "token_logprobs": [-1.0, -2.0], "top_logprobs": None, "text_offset": [0, 1]}
    choices = [
        {"index": at, "text": text, "finish_reason": "stop", "logprobs": known if at else None}
        for at, text in enumerate(texts)
    ]
    answer = {"id": "1", "object": "text_completion", "created": 7, "model": "m", "choices": choices, "usage": USAGE}
    assert through("completions", answer) == answer


BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda text: {"type": "text", "text": text, "citations": [{"type": "char_location", "n": 1}]}, TEXT),
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "sig"}, TEXT),
    st.builds(lambda text: {"type": "tool_use", "id": "t", "name": "f", "input": {"a": text}}, TEXT),
    st.just({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
    st.just({"type": "redacted_thinking", "data": "x"}),
)


@given(st.lists(BLOCKS, min_size=1, max_size=4))
def test_messages(blocks: list[dict[str, Any]]) -> None:
    answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4},
    }  # fmt: skip
    assert through("messages", answer) == answer


def message_item(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [{"type": "url_citation", "url": "u"}]}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def reasoning_item(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": text}]}


CALL = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}
SEARCH = {"type": "web_search_call", "id": "ws", "status": "completed"}
ITEMS = st.builds(message_item, TEXT) | st.builds(reasoning_item, TEXT) | st.just(CALL) | st.just(SEARCH)


@given(st.lists(ITEMS, min_size=1, max_size=4), st.sampled_from(["completed", "incomplete"]))
def test_responses(items: list[dict[str, Any]], status: str) -> None:
    answer = {"id": "resp_1", "object": "response", "status": status, "model": "m", "output": items, "usage": {}}
    assert through("responses", answer) == answer
    events = Codec("responses").events(json.dumps(answer).encode(), False)
    assert events is not None
    told = [json.loads(line[6:]) for line in events.splitlines() if line.startswith(b"data: ")]
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [event["item"] for event in told if event["type"] == "response.output_item.done"] == items
    searching = [event["type"].rpartition(".")[2] for event in told if "_search_call." in event["type"]]
    assert searching == ["in_progress", "searching", "completed"] * items.count(SEARCH)


@pytest.mark.parametrize("form", ["chat", "completions", "messages", "responses"])
@pytest.mark.parametrize("broken", [b"", b"data: {\n\n", b"data: [DONE]\n\n", b"data: {}\n\n", b"\xff", b"[]", b"{}"])
def test_what_cannot_be_read_is_nothing(form: str, broken: bytes) -> None:
    assert Codec(form).whole(broken, None) is None
    assert Codec(form).events(broken, True) is None
