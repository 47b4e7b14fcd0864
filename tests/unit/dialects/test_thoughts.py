"""What was thought goes back, through every client, to the upstream that signed it and to no other."""

import json

import pytest
from tests.unit.dialects.pairs import DIALECTS, Json, sent, told

SIGNATURE = "c2lnbmVkLWJ5LXRoZS1tb2RlbA=="
THOUGHT, NAME, SCHEMA = "let me see", "look_up", {"type": "object", "properties": {"wanted": {"type": "string"}}}
ANSWERS: dict[str, Json] = {
    "anthropic": {
        "id": "msg_x",
        "stop_reason": "tool_use",
        "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
            {"type": "tool_use", "id": "call_1", "name": NAME, "input": {}},
        ],
    },
    "gemini": {
        "candidates": [
            {
                "finishReason": "STOP",
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": THOUGHT, "thought": True},
                        {"functionCall": {"name": NAME, "args": {}, "id": "call_1"}, "thoughtSignature": SIGNATURE},
                    ],
                },
            }
        ]
    },
    "bedrock": {
        "stopReason": "tool_use",
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}},
                    {"toolUse": {"toolUseId": "call_1", "name": NAME, "input": {}}},
                ],
            }
        },
    },
    "responses": {
        "id": "resp_x",
        "created_at": 1,
        "status": "completed",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}],
             "encrypted_content": SIGNATURE},
            {"type": "function_call", "call_id": "call_1", "name": NAME, "arguments": "{}"},
        ],
    },
}  # fmt: skip
"""The upstreams whose models sign what they think, each with a thought and a call."""
SIGNED: dict[str, Json] = {
    "anthropic": {"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE},
    "gemini": {"functionCall": {"id": "call_1", "name": NAME, "args": {}}, "thoughtSignature": SIGNATURE},
    "bedrock": {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": SIGNATURE}}},
    "responses": {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": THOUGHT}],
        "encrypted_content": SIGNATURE,
    },
}
"""What each has to get back."""


def asks(client: str) -> Json:
    """Return a first turn that brings a tool."""
    function = {"name": NAME, "parameters": SCHEMA}
    if client == "chat":
        return {"messages": [{"role": "user", "content": "?"}], "tools": [{"type": "function", "function": function}]}
    if client == "messages":
        tool = {"name": NAME, "input_schema": SCHEMA}
        return {"max_tokens": 99, "messages": [{"role": "user", "content": "?"}], "tools": [tool]}
    if client == "gemini":
        return {
            "contents": [{"role": "user", "parts": [{"text": "?"}]}],
            "tools": [{"functionDeclarations": [function]}],
        }
    return {"input": [{"role": "user", "content": "?"}], "tools": [{"type": "function", **function}]}


def goes_on(client: str, body: Json, answer: Json) -> Json:
    """Return the next turn: the answer as it came, and what the tool found."""
    if client == "chat":
        message = answer["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "found"}
        return body | {"messages": [*body["messages"], message, result]}
    if client == "messages":
        (use,) = [block for block in answer["content"] if block["type"] == "tool_use"]
        said = {"role": "assistant", "content": answer["content"]}
        result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use["id"], "content": "found"}]}
        return body | {"messages": [*body["messages"], said, result]}
    if client == "gemini":
        content = answer["candidates"][0]["content"]
        (call,) = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        result = {"id": call.get("id"), "name": NAME, "response": {"output": "found"}}
        return body | {
            "contents": [*body["contents"], content, {"role": "user", "parts": [{"functionResponse": result}]}]
        }
    (call,) = [item for item in answer["output"] if item["type"] == "function_call"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "found"}
    return body | {"input": [*body["input"], *answer["output"], result]}


def holds(value: object, wanted: Json) -> bool:
    """Whether an object is somewhere in a value."""
    if isinstance(value, dict):
        return wanted.items() <= value.items() or any(holds(inner, wanted) for inner in value.values())
    return isinstance(value, list) and any(holds(inner, wanted) for inner in value)


@pytest.mark.parametrize("upstream", ANSWERS)
@pytest.mark.parametrize("client", DIALECTS)
def test_it_goes_back(client: str, upstream: str) -> None:
    body = asks(client)
    answer = told(client, upstream, ANSWERS[upstream], body)
    assert THOUGHT in json.dumps(answer)
    model = {"bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0", "gemini": "gemini-3-pro"}
    known = {"model": model[upstream]} if upstream in model else {}
    again = sent(client, upstream, goes_on(client, body, answer), **known)
    assert holds(again, SIGNED[upstream]), again
    assert json.dumps(again).count(SIGNATURE) == 1


@pytest.mark.parametrize("upstream", ["openai", "anthropic", "gemini", "bedrock", "cohere", "responses"])
@pytest.mark.parametrize("signed", ANSWERS)
@pytest.mark.parametrize("client", DIALECTS)
def test_nobody_else_is_given_it(client: str, signed: str, upstream: str) -> None:
    """Who did not sign it would refuse it; members that hosts of chat do not know are taken off by their rules."""
    if signed == upstream or {signed, upstream} == {"anthropic", "bedrock"} or upstream == "openai":
        return
    body = asks(client)
    again = sent(client, upstream, goes_on(client, body, told(client, signed, ANSWERS[signed], body)))
    assert SIGNATURE not in json.dumps(again)
