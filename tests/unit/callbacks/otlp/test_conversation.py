"""What was said, in whatever form."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.callbacks.otlp.conversation import Call, Message, answered, asked

PICTURE = "data:image/png;base64," + "A" * 100


def test_a_chat() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}]
    said = asked([
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
    ])  # fmt: skip
    assert said == [
        Message("system", ("be kind",)),
        Message("user", ("look",), images=("http://x/y.png",)),
        Message("assistant", calls=(Call("c1", "f", '{"a":1}'),)),
        Message("tool", ("42",), answers="c1"),
    ]
    (told,) = answered({"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]})
    assert told == Message("assistant", ("hi",), finish="stop")
    assert answered({"choices": [{"text": "hi"}]}) == [Message("assistant", ("hi",))]


def test_messages_of_anthropic() -> None:
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "42"}]}
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100}}
    said = asked([
        {"role": "assistant", "content": [{"type": "text", "text": "well"}, use]},
        {"role": "user", "content": [result]},
        {"role": "user", "content": [picture]},
    ])  # fmt: skip
    assert said[0] == Message("assistant", ("well",), calls=(Call("t", "f", '{"a":1}'),))
    assert said[1] == Message("tool", ("42",), answers="t")
    assert said[2].images == (PICTURE,)
    told = answered({"content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"})
    assert told == [Message("assistant", ("hi",), finish="end_turn")]


def test_items_of_responses() -> None:
    said = asked([
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "42"},
        {"type": "reasoning", "summary": []},
    ])  # fmt: skip
    assert said == [
        Message("user", ("hi",)), Message("assistant", calls=(Call("c", "f", "{}"),)),
        Message("tool", ("42",), answers="c"),
    ]  # fmt: skip
    output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]
    assert answered({"output": output}) == [Message("assistant", ("hello",))]


def test_contents_of_google() -> None:
    called = {"functionCall": {"name": "f", "args": {"a": 1}}}
    answers = {"functionResponse": {"name": "f", "response": {"b": 2}}}
    picture = {"inlineData": {"mimeType": "image/png", "data": "A" * 100}}
    said = asked([
        {"role": "user", "parts": [{"text": "hi"}, picture, {"fileData": {"fileUri": "gs://x"}}]},
        {"role": "model", "parts": [{"text": "hm", "thought": True}, called]},
        {"role": "user", "parts": [answers]},
        {"parts": [{"text": "on"}]},
    ])  # fmt: skip
    assert said == [
        Message("user", ("hi",), images=(PICTURE, "gs://x")), Message("assistant", calls=(Call("f", "f", '{"a":1}'),)),
        Message("tool", ('{"b":2}',), answers="f"), Message("user", ("on",)),
    ]  # fmt: skip
    candidate = {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP"}
    assert answered({"candidates": [candidate]}) == [Message("assistant", ("hello",), finish="STOP")]


def test_prompts_and_embeddings() -> None:
    assert asked("hi") == asked(["hi"]) == [Message("user", ("hi",))]
    assert answered({"text": "redacted"}) == [Message("assistant", ("redacted",))]
    assert answered({"data": [{"embedding": [0.1]}]}) == []


GOOGLE = ("parts", "candidates", "functionCall", "functionResponse", "inlineData", "fileData")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "tool_calls", "choices", "message", "output", "input", *GOOGLE]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_was_said_is_read_or_left_out(document: Any) -> None:
    assert all(isinstance(message, Message) for message in [*asked(document), *answered(document)])


@pytest.mark.parametrize(
    "document", [None, 1, {}, [[1]], [{"content": {"a": 1}}], {"choices": [None, 1]}, [{"parts": [1]}]]
)
def test_what_is_not_understood(document: Any) -> None:
    assert all(message.text == "" for message in [*asked(document), *answered(document)])
