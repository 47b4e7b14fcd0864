"""Responses and their streams, judged by OpenAI's own client."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from tests.unit.dialects.said import Said, chunk, chunks_of, events_of, in_order, streams

from tianji.clock import ManualClock
from tianji.dialects.responses import Responses
from tianji.protocol.chat.answer import (
    Chunk,
    CompletionDetails,
    Delta,
    FunctionDelta,
    PromptDetails,
    ToolCallDelta,
    Usage,
)
from tianji.protocol.chat.request import ThinkingBlock

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}
PATCH = {"type": "custom", "name": "f", "description": "Edits files."}
SPACE = {"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]}


def inbound(**members: Any) -> Responses:
    body = msgspec.json.encode({"model": "m", "input": "hello"} | members)
    return Responses(body, response_id="resp_abc", clock=ManualClock())


def whole(said: Said, **members: Any) -> dict[str, Any]:
    body = inbound(**members).answer(said.whole())
    Response.model_validate_json(body)
    found: dict[str, Any] = msgspec.json.decode(body)
    return found


def stream(chunks: Iterable[Chunk], **members: Any) -> list[dict[str, Any]]:
    encoder = inbound(**members).stream()
    events = events_of(b"".join([*map(encoder.chunk, chunks), encoder.end()]))
    assert encoder.response == events[-1]["response"]
    return events


def check_order(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Check that everything begun has ended and is numbered; return the response of the last event."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    assert [event["type"] in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]
    output = events[-1]["response"]["output"]
    begun = [event for event in events if event["type"] == "response.output_item.added"]
    ended = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in begun] == list(range(len(output)))
    assert {event["output_index"]: event["item"] for event in ended} == dict(enumerate(output))
    assert len(ended) == len(output)
    for added, done in (("content_part.added", "content_part.done"), ("summary_part.added", "summary_part.done")):
        parts = [[e["item_id"] for e in events if e["type"].endswith(kind)] for kind in (added, done)]
        assert sorted(parts[0]) == sorted(parts[1])
    final: dict[str, Any] = events[-1]["response"]
    return final


def judged(events: list[dict[str, Any]]) -> None:
    """Let the client take the events one by one; it checks that each fits what went before."""
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    for event in events:
        state.handle_event(EVENT.validate_python(event))


def test_an_answer_in_words() -> None:
    asked = {"instructions": "be kind", "temperature": 0.5, "metadata": {"a": "b"}, "truncation": "auto"}
    found = whole(Said(text="It rains."), **asked)
    assert (found["id"], found["object"], found["status"]) == ("resp_abc", "response", "completed")
    assert found["created_at"] == int(ManualClock().now())
    assert {name: found[name] for name in asked} == asked
    part = {"type": "output_text", "text": "It rains.", "annotations": [], "logprobs": []}
    assert found["output"] == [
        {"type": "message", "id": "msg_abc00", "status": "completed", "role": "assistant", "content": [part]}
    ]
    assert found["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
    }


def test_the_sequence_of_a_short_answer() -> None:
    events = stream(in_order(Said(text="It rains.")))
    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    judged(events)


@given(streams())
def test_any_stream_is_well_formed_and_says_what_the_whole_answer_says(made: tuple[Said, list[Chunk]]) -> None:
    said, chunks = made
    events = stream(chunks)
    streamed = check_order(events)
    judged(events)
    plain = whole(said)
    assert {k: v for k, v in streamed.items() if k != "output"} == {k: v for k, v in plain.items() if k != "output"}

    def of(response: dict[str, Any], kind: str, *members: str) -> list[list[Any]]:
        return [[item.get(member) for member in members] for item in response["output"] if item["type"] == kind]

    for kind, members in (("reasoning", ("summary", "encrypted_content")), ("function_call", ("call_id", "arguments"))):
        assert sorted(of(streamed, kind, *members), key=str) == sorted(of(plain, kind, *members), key=str)
    texts = [item["content"][0]["text"] for item in streamed["output"] if item["type"] == "message"]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(texts) == "".join(deltas) == said.text


@pytest.mark.parametrize(
    ("finish", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_how_an_answer_ends(finish: str, status: str, details: Any) -> None:
    found = whole(Said(text="a", finish=finish))
    assert (found["status"], found["incomplete_details"]) == (status, details)
    events = stream(in_order(Said(text="a", finish=finish)))
    assert events[-1]["type"] == f"response.{status}"
    assert events[-1]["response"]["incomplete_details"] == details


def test_a_stream_that_nobody_said_was_whole_is_incomplete() -> None:
    assert stream([chunk(Delta(content="a"))])[-1]["type"] == "response.incomplete"


def test_custom_tools_and_namespaces_come_back_as_what_they_are() -> None:
    said = Said(calls=[("c0", "f", {"input": "*** Begin"}), ("c1", "crm__find", {"a": 1})], finish="tool_calls")
    patch, find = whole(said, tools=[PATCH, SPACE])["output"]
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "f", "*** Begin")
    assert (find["type"], find["name"], find["namespace"]) == ("function_call", "find", "crm")
    events = stream(in_order(said), tools=[PATCH, SPACE])
    judged(events)
    assert check_order(events)["output"] == [patch, find]
    deltas = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
    assert len(deltas) > 1
    assert "".join(deltas) == "*** Begin"


@pytest.mark.parametrize(
    ("tool", "given", "item"),
    [
        (
            {"type": "tool_search", "execution": "client"},
            {"query": "x"},
            {"type": "tool_search_call", "execution": "client", "arguments": {"query": "x"}},
        ),
        (
            {"type": "local_shell"},
            {"command": ["ls"]},
            {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"]}},
        ),
        ({"type": "shell"}, {"commands": ["ls"]}, {"type": "shell_call", "action": {"commands": ["ls"]}}),
        (
            {"type": "apply_patch"},
            {"type": "delete_file", "path": "a"},
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
        ),
    ],
)
def test_calls_of_tools_that_the_client_runs(tool: dict[str, Any], given: Any, item: dict[str, Any]) -> None:
    said = Said(calls=[("c0", tool["type"], given)], finish="tool_calls")
    (found,) = whole(said, tools=[tool])["output"]
    assert found == {"id": found["id"], "call_id": "c0", "status": "completed", **item}
    events = stream(in_order(said), tools=[tool])
    assert check_order(events)["output"] == [found]
    judged(events)


def test_arguments_that_are_no_object_are_none() -> None:
    deltas = [
        Delta(tool_calls=[ToolCallDelta(index=0, id="c", function=FunctionDelta(name="tool_search", arguments="[1"))])
    ]
    events = stream(chunks_of(deltas, "tool_calls"), tools=[{"type": "tool_search", "execution": "client"}])
    (found,) = check_order(events)["output"]
    assert found["arguments"] == {}


def test_thoughts_come_back_with_the_next_request() -> None:
    found = whole(Said(thinking="hm", signature="c2ln", calls=[("c0", "f", {})], finish="tool_calls"))
    output = {"type": "function_call_output", "call_id": "c0", "output": "r"}
    body = msgspec.json.encode({"model": "m", "input": [*found["output"], output]})
    said, heard = Responses(body).request.messages
    assert said.thinking_blocks == [ThinkingBlock(type="thinking", thinking="hm", signature="c2ln")]
    assert said.reasoning_content == "hm"
    assert said.tool_calls is not None
    assert said.tool_calls[0].id == heard.tool_call_id == "c0"


def test_refusals_annotations_logprobs_and_images() -> None:
    page = {"url": "https://e.com", "title": "T", "start_index": 1, "end_index": 2}
    cited = {"type": "url_citation", "url_citation": page}
    dry = {"token": "dry", "logprob": -2.0, "bytes": None}
    wet = {"token": "wet", "logprob": -0.5, "bytes": None, "top_logprobs": [dry]}
    spoken = chunk(Delta(content="wet"))
    spoken.choices[0].logprobs = {"content": [wet]}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}
    chunks = [spoken, *map(chunk, [Delta(annotations=[cited]), Delta(refusal="No."), Delta(images=[image])])]
    events = stream([*chunks, *chunks_of([], "stop")])
    judged(events)
    message, picture = check_order(events)["output"]
    text, refusal = message["content"]
    assert text["annotations"] == [{"type": "url_citation"} | page]
    assert text["logprobs"][0]["top_logprobs"] == [{"token": "dry", "logprob": -2.0, "bytes": []}]
    assert refusal == {"type": "refusal", "refusal": "No."}
    assert (picture["type"], picture["result"]) == ("image_generation_call", "eA==")


def test_usage_and_tier() -> None:
    completion = Said(text="a").whole()
    completion.usage = Usage(
        prompt_tokens=10,
        completion_tokens=4,
        total_tokens=14,
        prompt_tokens_details=PromptDetails(cached_tokens=3, cache_creation_tokens=2),
        completion_tokens_details=CompletionDetails(reasoning_tokens=1),
    )
    completion.service_tier = "flex"
    found = msgspec.json.decode(inbound().answer(completion))
    assert found["usage"]["input_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 2}
    assert found["usage"]["output_tokens_details"] == {"reasoning_tokens": 1}
    assert found["service_tier"] == "flex"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"message": "m", "code": "429", "status": 429}, "rate_limit_exceeded"),
        ({"message": "m", "code": "insufficient_quota", "status": 429}, "insufficient_quota"),
        ({"message": "m", "code": None, "status": 418}, "invalid_request_error"),
        ({"message": "m", "code": "502", "status": 502}, "server_error"),
        ({"message": "m"}, "server_error"),
    ],
)
def test_a_stream_that_is_cut_off_has_failed(error: dict[str, object], code: str) -> None:
    encoder = inbound().stream()
    begun = events_of(encoder.chunk(chunk(Delta(content="It ra"))))
    judged(begun)
    events = begun + events_of(encoder.failed(error))
    assert [event["type"] for event in events if event["type"] in TERMINAL] == ["response.failed"]
    assert events[-1]["sequence_number"] == len(events) - 1
    response = events[-1]["response"]
    assert (response["status"], response["error"]) == ("failed", {"code": code, "message": "m"})


def test_a_stream_without_anything() -> None:
    assert check_order(stream([]))["output"] == []
