"""The tool that a fault has the mock call, and structured answers, in each form."""

import json
from typing import Any

import pytest

from .conftest import Raw

CALL = json.dumps({"name": "weather", "arguments": {"city": "Oslo"}})
CHAT: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": "one"}]}
RESPONSE: dict[str, Any] = {"model": "demo", "input": "one"}
GOOGLE: dict[str, Any] = {"contents": [{"parts": [{"text": "one"}]}]}
BEDROCK: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": "one"}]}]}
SCHEMA = {"type": "object", "properties": {"count": {"type": "integer"}}}
NAMED = {"type": "function", "name": "weather", "parameters": SCHEMA}


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/v1/chat/completions", CHAT),
        ("/v1/messages", CHAT | {"max_tokens": 9}),
        ("/v1/responses", RESPONSE),
        ("/v2/chat", CHAT),
        ("/v1beta/models/demo:generateContent", GOOGLE),
        ("/model/demo/converse", BEDROCK),
    ],
)
async def test_a_call_is_made_whatever_the_request_leaves_free(raw: Raw, path: str, ask: dict[str, Any]) -> None:
    answer = (await raw.ask(ask, path=path, x_mock_call=CALL)).payload
    assert b'"weather"' in answer
    assert b"Oslo" in answer


async def test_a_streamed_response_with_a_call(raw: Raw) -> None:
    events = (await raw.ask(RESPONSE | {"stream": True}, path="/v1/responses", x_mock_call=CALL)).events
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert events[2]["item"]["arguments"] == ""
    assert events[5]["item"] == events[6]["response"]["output"][0]
    assert json.loads(events[5]["item"]["arguments"]) == {"city": "Oslo"}


async def test_a_text_is_given_to_a_custom_tool(raw: Raw) -> None:
    call = json.dumps({"name": "patch", "arguments": "*** Begin"})
    (item,) = (await raw.ask(RESPONSE, path="/v1/responses", x_mock_call=call)).json["output"]
    assert (item["type"], item["name"], item["input"]) == ("custom_tool_call", "patch", "*** Begin")


async def test_a_response_calls_the_tool_that_it_must(raw: Raw) -> None:
    other = NAMED | {"name": "other"}
    choice = {"type": "function", "name": "weather"}
    ask = RESPONSE | {"tools": [other, NAMED], "tool_choice": choice}
    assert (await raw.ask(ask, path="/v1/responses")).json["output"][0]["name"] == "weather"
    assert (await raw.ask(ask | {"tool_choice": "required"}, path="/v1/responses")).json["output"][0]["name"] == "other"
    assert (await raw.ask(ask | {"tool_choice": "auto"}, path="/v1/responses")).json["output"][0]["type"] == "message"


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("/v1/messages", CHAT | {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        ("/v1/responses", RESPONSE | {"text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        ("/v2/chat", CHAT | {"response_format": {"type": "json_object", "json_schema": SCHEMA}}),
        ("/v1beta/models/demo:generateContent", GOOGLE | {"generationConfig": {"responseJsonSchema": SCHEMA}}),
        (
            "/v1beta/models/demo:generateContent",
            GOOGLE
            | {
                "generationConfig": {"responseSchema": {"type": "OBJECT", "properties": {"count": {"type": "INTEGER"}}}}
            },
        ),
    ],
)
async def test_structured_answers_fit_their_schema(raw: Raw, path: str, ask: dict[str, Any]) -> None:
    answer = (await raw.ask(ask, path=path)).payload
    (text,) = [text for text in texts(json.loads(answer)) if text.startswith("{")]
    assert isinstance(json.loads(text)["count"], int)


def texts(value: Any) -> list[str]:
    """Return all texts in an answer."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


async def test_a_conversation_is_compacted(raw: Raw) -> None:
    items = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    answer = (await raw.ask(RESPONSE | {"input": items}, path="/v1/responses/compact")).json
    assert answer["object"] == "response.compaction"
    assert [item.get("role") or item["type"] for item in answer["output"]] == ["user", "compaction"]
