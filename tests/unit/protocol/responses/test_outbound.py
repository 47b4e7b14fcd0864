"""The Responses API as an upstream's form. Forms follow https://platform.openai.com/docs/api-reference/responses"""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from tests.unit.dialects.said import Said, chunk, chunks_of, streams

from tianji.dialects.responses import Responses
from tianji.errors import InvalidRequest, StreamFailed, TianjiError, UnsupportedParams, UpstreamProtocolError
from tianji.protocol.chat.answer import Chunk, Delta
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Message, Part, Request, ThinkingBlock
from tianji.protocol.chat.seam import Target
from tianji.protocol.responses.outbound import ResponsesDecoder, outbound

TARGET = Target(provider="openai", model="upstream-model")
HELLO = [{"role": "user", "content": "hello"}]


def write(**members: Any) -> dict[str, Any]:
    request = msgspec.convert({"model": "m", "messages": HELLO} | members, Request)
    found: dict[str, Any] = msgspec.json.decode(outbound(request, TARGET).body)
    return found


def test_the_smallest_request() -> None:
    assert write() == {
        "model": "upstream-model",
        "input": [{"type": "message", "role": "user", "content": "hello"}],
        "store": False,
    }


def test_parameters() -> None:
    found = write(
        messages=[{"role": "system", "content": "be kind"}, {"role": "developer", "content": "be brief"}, *HELLO],
        max_completion_tokens=50,
        temperature=0.5,
        logprobs=True,
        top_logprobs=2,
        reasoning_effort="low",
        verbosity="high",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        user="u" * 70,
        stream=True,
        extra={"truncation": "auto"},
    )
    assert found["instructions"] == "be kind\n\nbe brief"
    assert (found["max_output_tokens"], found["temperature"], found["stream"]) == (50, 0.5, True)
    assert found["reasoning"] == {"effort": "low"}
    assert found["text"] == {
        "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True},
        "verbosity": "high",
    }
    assert found["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    assert (len(found["user"]), found["truncation"], found["store"]) == (64, "auto", False)


def test_something_is_left_of_a_conversation() -> None:
    found = write(messages=[{"role": "system", "content": "be kind"}])
    assert "instructions" not in found
    assert found["input"] == [{"type": "message", "role": "system", "content": "be kind"}]


def test_tools() -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: WORD"}}
    found = write(
        tools=[
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
            {"type": "custom", "custom": {"name": "c", "format": grammar}},
            {"type": "mcp", "provided": {"type": "mcp", "server_label": "s"}},
        ],
        web_search_options={"search_context_size": "low", "user_location": {"approximate": {"city": "Ulm"}}},
        tool_choice={"type": "function", "function": {"name": "f"}},
    )
    function, custom, mcp, search = found["tools"]
    assert (function["name"], function["strict"], function["parameters"]) == ("f", False, {"type": "object"})
    assert custom == {
        "type": "custom",
        "name": "c",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: WORD"},
    }
    assert mcp == {"type": "mcp", "server_label": "s"}
    assert search["user_location"] == {"type": "approximate", "city": "Ulm"}
    assert found["tool_choice"] == {"type": "function", "name": "f"}


def test_a_conversation() -> None:
    signed = ThinkingBlock(type="thinking", thinking="hm", signature="openai:rs_1:c2VhbGVk")
    foreign = ThinkingBlock(type="thinking", thinking="other", signature="c2ln")
    function = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    custom = {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "x"}}
    found = write(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://e.com/a.png", "detail": "low"}},
                    {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"}},
                ],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "thinking_blocks": msgspec.to_builtins([signed, foreign]),
                "tool_calls": [function, custom],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "wet"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "done"}]},
        ]
    )
    asked, *rest = found["input"]
    assert asked["content"] == [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "https://e.com/a.png", "detail": "low"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"},
    ]
    assert rest == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "c2VhbGVk",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "x"},
        {"type": "function_call_output", "call_id": "call_1", "output": "wet"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "done"}]},
    ]
    assert found["include"] == ["reasoning.encrypted_content"]


def test_what_the_form_lacks_is_refused_or_dropped() -> None:
    with pytest.raises(UnsupportedParams) as caught:
        write(stop=["x"])
    assert caught.value.param == "stop"
    request = msgspec.convert({"model": "m", "messages": HELLO, "stop": "x", "n": 2}, Request)
    dropping = Target(provider="openai", model="m", drop_params=True, allowed=frozenset({"stop"}))
    body = msgspec.json.decode(outbound(request, dropping).body)
    assert body["stop"] == "x"
    assert "n" not in body


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (Message(role="user", content=[Part(type="video_url")]), r"messages\.1"),
        (Message(role="wizard", content="x"), r"messages\.1\.role"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_place(message: Message, place: str) -> None:
    said = [Message(role="system", content="Be brief."), message]
    with pytest.raises(InvalidRequest, match=place):
        outbound(Request(model="m", messages=said), TARGET)


def decode(events: Iterable[dict[str, Any]]) -> list[Chunk]:
    decoder = outbound(Request(model="m", messages=[Message(role="user", content="q")]), TARGET).stream()
    found = [chunk for event in events for chunk in decoder.event(event["type"], msgspec.json.encode(event))]
    assert decoder.finished
    assert decoder.done
    return [*found, *decoder.end()]


def written(data: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(frame.split("\n")[1][6:]) for frame in data.decode().split("\n\n")[:-1]]


@given(streams())
def test_what_the_dialect_writes_this_reads(made: tuple[Said, list[Chunk]]) -> None:
    said, chunks = made
    inbound = Responses(b'{"model":"m","input":"q"}', response_id="resp_1")
    encoder = inbound.stream()
    events = written(b"".join([*map(encoder.chunk, chunks), encoder.end()]))
    found = decode(events)
    deltas = [choice.delta for chunk in found for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == said.text
    assert "".join(delta.reasoning_content or "" for delta in deltas) == said.thinking
    calls: dict[int, list[str]] = {}
    for piece in (piece for delta in deltas for piece in delta.tool_calls or ()):
        assert piece.function
        pair = calls.setdefault(piece.index, [piece.id or "", ""])
        pair[1] += piece.function.arguments or ""
    assert sorted(calls) == list(range(len(said.calls)))
    wanted = {(call_id, msgspec.json.encode(given).decode()) for call_id, _, given in said.calls}
    assert {tuple(pair) for pair in calls.values()} == wanted
    assert [choice.finish_reason for choice in found[-2].choices] == [said.finish]
    assert found[-1].usage
    assert found[-1].usage.total_tokens == 17

    whole = outbound(inbound.request, TARGET).answer(inbound.answer(said.whole()))
    assert whole.choices[0].message.content == (said.text or None)
    assert [(c.id, c.function and c.function.name) for c in whole.choices[0].message.tool_calls or ()] == [
        (call_id, name) for call_id, name, _ in said.calls
    ]
    assert whole.choices[0].finish_reason == said.finish
    assert whole.usage == found[-1].usage


def test_log_probabilities_come_through_in_both_directions() -> None:
    tokens = [
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -2.0, "bytes": []}],
        },
        {"token": "t", "logprob": -0.25, "bytes": [116], "top_logprobs": []},
    ]
    inbound = Responses(
        b'{"model":"m","input":"q","include":["message.output_text.logprobs"],"top_logprobs":1}', response_id="resp_1"
    )
    assert (inbound.request.logprobs, inbound.request.top_logprobs) == (True, 1)
    spoken = [chunk(Delta(content=token["token"])) for token in tokens]
    for one, token in zip(spoken, tokens, strict=True):
        one.choices[0].logprobs = {"content": [token], "refusal": None}
    encoder = inbound.stream()
    found = decode(written(b"".join([*map(encoder.chunk, [*spoken, *chunks_of([], "stop")]), encoder.end()])))
    told = collect(found)
    assert told
    assert told.choices[0].logprobs == {"content": tokens, "refusal": None}
    assert [len((c.logprobs or {}).get("content", ())) for one in found for c in one.choices] == [0, 1, 1, 0]
    whole = outbound(inbound.request, TARGET).answer(inbound.answer(told))
    assert whole.choices[0].logprobs == told.choices[0].logprobs
    assert outbound(inbound.request, TARGET).answer(inbound.answer(Said(text="q").whole())).choices[0].logprobs is UNSET


def test_reasoning_comes_back_with_its_ciphertext() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VhbGVk"}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"output": [item]}},
    ]
    (block,) = decode(events)[0].choices[0].delta.thinking_blocks or ()
    found = write(messages=[*HELLO, {"role": "assistant", "thinking_blocks": [msgspec.to_builtins(block)]}, *HELLO])
    assert found["input"][1] == item


def test_arguments_that_come_in_one_piece() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 3, "item": item},
        {"type": "response.output_item.done", "output_index": 3, "item": item | {"arguments": "{}"}},
        {"type": "response.completed", "response": {}},
    ]
    begin, rest, end = decode(events)
    assert [piece.index for piece in begin.choices[0].delta.tool_calls or ()] == [0]
    assert [piece.function and piece.function.arguments for piece in rest.choices[0].delta.tool_calls or ()] == ["{}"]
    assert end.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"},
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}},
    ],
)
def test_a_stream_that_fails(event: dict[str, Any]) -> None:
    decoder = ResponsesDecoder(TARGET)
    with pytest.raises(StreamFailed) as caught:
        list(decoder.event(event["type"], msgspec.json.encode(event)))
    error = msgspec.json.decode(caught.value.payload)["error"]
    assert (error["code"], error["message"]) == ("rate_limit_exceeded", "slow down")
    assert not decoder.finished


def test_a_whole_answer_that_failed() -> None:
    body = b'{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"m"}}'
    with pytest.raises(StreamFailed):
        outbound(Request(model="m", messages=[Message(role="user", content="q")]), TARGET).answer(body)


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(UpstreamProtocolError) as caught:
        ResponsesDecoder(TARGET).event("x", b"<html>")
    assert "openai" in caught.value.message


_json = st.recursive(
    st.none() | st.integers(-3, 3) | st.sampled_from(["message", "function_call", "reasoning", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "item", "response", "delta", "output", "output_index", "usage", "summary", "content", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
_kinds = st.sampled_from(
    ["response.created", "response.completed", "response.output_item.added", "response.failed", "x"]
)


@given(st.lists(st.tuples(_kinds, st.binary(max_size=30) | _json.map(msgspec.json.encode)), max_size=5))
def test_any_events_are_read_or_refused(events: list[tuple[str, bytes]]) -> None:
    decoder = ResponsesDecoder(TARGET)
    try:
        for name, payload in events:
            list(decoder.event(name, payload))
    except (UpstreamProtocolError, StreamFailed):
        return


@pytest.mark.parametrize("body", [b"{}", b'{"output":null}', b'{"output":{}}', b'{"id":"resp_1","status":"completed"}'])
def test_an_answer_without_output_is_none(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError, match="it has no list of output"):
        outbound(Request(model="m", messages=[Message(role="user", content="q")]), TARGET).answer(body)


@given(st.binary(max_size=30) | _json.map(msgspec.json.encode))
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    made = outbound(Request(model="m", messages=[Message(role="user", content="q")]), TARGET)
    try:
        made.answer(body)
    except TianjiError as error:
        assert error.status == 502  # noqa: PT017 - which of the two does not matter
