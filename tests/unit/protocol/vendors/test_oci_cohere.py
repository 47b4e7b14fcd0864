"""Cohere's models on Oracle's cloud: a conversation whose end stands apart, and tools without ids.

The forms are those of https://docs.oracle.com/iaas/api/#/en/generative-ai-inference/20231130/datatypes/CohereChatRequest
"""

import json
from typing import Any

import msgspec
import pytest

from tianji.errors import UnsupportedParams
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.vendors.oci_cohere import CohereOutbound, outbound

TARGET = Target(provider="oci", model="cohere.command-a-03-2025")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "where"}, "days": {"type": "integer"}},
    "required": ["city"],
}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}}


def made(messages: list[dict[str, Any]], **members: Any) -> CohereOutbound:
    return outbound(msgspec.convert({"model": "x", "messages": messages, **members}, Request), TARGET)


def asked(messages: list[dict[str, Any]], **members: Any) -> Any:
    return json.loads(made(messages, **members).body)["chatRequest"]


def test_what_is_said_now_stands_apart() -> None:
    found = asked(
        [
            {"role": "system", "content": "be kind"},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": [{"type": "text", "text": "now"}]},
        ],
        max_tokens=9,
        stop="x",
        stream=True,
        extra={"compartmentId": "c"},
    )
    assert found == {
        "apiFormat": "COHERE",
        "message": "now",
        "chatHistory": [
            {"role": "SYSTEM", "message": "be kind"},
            {"role": "USER", "message": "hello"},
            {"role": "CHATBOT", "message": "hi"},
        ],
        "maxTokens": 9,
        "stopSequences": ["x"],
        "isStream": True,
        "streamOptions": {"isIncludeUsage": True},
    }


def test_a_loop_of_tools() -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}
    found = asked(
        [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "wet"},
        ],
        tools=[tool],
    )
    call = {"name": "weather", "parameters": {"city": "Ulm"}}
    assert found["tools"] == [
        {
            "name": "weather",
            "description": "d",
            "parameterDefinitions": {
                "city": {"type": "str", "description": "where", "isRequired": True},
                "days": {"type": "int", "isRequired": False},
            },
        }
    ]
    assert found["message"] == ""
    assert found["toolResults"] == [{"call": call, "outputs": [{"output": "wet"}]}]
    assert found["chatHistory"][-1] == {"role": "CHATBOT", "message": "", "toolCalls": [call]}


def test_calls_get_ids() -> None:
    said = {"text": "", "toolCalls": [{"name": "weather", "parameters": {"city": "Ulm"}}], "finishReason": "COMPLETE"}
    (choice,) = made([{"role": "user", "content": "x"}]).answer(json.dumps({"chatResponse": said}).encode()).choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.tool_calls
    assert choice.message.tool_calls[0].id
    decoder = made([{"role": "user", "content": "x"}], stream=True).stream()
    chunks = [*decoder.event("", json.dumps(said).encode())]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(("reason", "told"), [("MAX_TOKENS", "length"), ("ERROR_TOXIC", "content_filter")])
def test_reasons(reason: str, told: str) -> None:
    body = json.dumps({"chatResponse": {"text": "a", "finishReason": reason}}).encode()
    assert made([{"role": "user", "content": "x"}]).answer(body).choices[0].finish_reason == told


def test_what_it_has_not() -> None:
    with pytest.raises(UnsupportedParams, match="logprobs"):
        asked([{"role": "user", "content": "x"}], logprobs=True)
