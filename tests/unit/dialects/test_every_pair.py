"""Every dialect over every form of upstreams: what is asked arrives, or is refused; what is answered arrives, too."""

import json
from importlib import import_module
from typing import Any

import msgspec
import pytest

from tianji.errors import UnsupportedParams
from tianji.protocol.chat.seam import Target
from tianji.protocol.openai.requests import read_request, write_request

Json = dict[str, Any]
PNG = "aU1BR0U="
SCHEMA = {"type": "object", "properties": {"wanted": {"type": "string"}}, "required": ["wanted"]}
TOOL = {"name": "look_up", "description": "finds things", "parameters": SCHEMA}
CALLS = [("call_one", '{"wanted":"first"}', "found one"), ("call_two", '{"wanted":"second"}', "found two")]


def chat(feature: str) -> Json:
    body: Json = {"messages": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]}
    if feature == "tools":
        calls = [{"id": i, "type": "function", "function": {"name": "look_up", "arguments": a}} for i, a, _ in CALLS]
        body["messages"].append({"role": "assistant", "content": "looking", "tool_calls": calls})
        body["messages"] += [{"role": "tool", "tool_call_id": i, "content": found} for i, _, found in CALLS]
        body["tools"] = [{"type": "function", "function": TOOL}]
    elif feature == "image":
        url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
        body["messages"].append({"role": "user", "content": [{"type": "text", "text": "see"}, url]})
    elif feature == "schema":
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    return (
        body
        | ({"temperature": 0.25, "max_tokens": 777} if feature == "sampling" else {})
        | ({"stop": ["enough"]} if feature == "stop" else {})
    )


def messages(feature: str) -> Json:
    body: Json = {"max_tokens": 777, "system": "be kind", "messages": [{"role": "user", "content": "hello"}]}
    if feature == "tools":
        uses = [{"type": "tool_use", "id": i, "name": "look_up", "input": json.loads(a)} for i, a, _ in CALLS]
        body["messages"].append({"role": "assistant", "content": [{"type": "text", "text": "looking"}, *uses]})
        results = [{"type": "tool_result", "tool_use_id": i, "content": found} for i, _, found in CALLS]
        body["messages"].append({"role": "user", "content": results})
        body["tools"] = [{"name": "look_up", "description": "finds things", "input_schema": SCHEMA}]
    elif feature == "image":
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        body["messages"][0]["content"] = [{"type": "text", "text": "hello, see"}, {"type": "image", "source": source}]
    elif feature == "schema":
        body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return (
        body
        | ({"temperature": 0.25} if feature == "sampling" else {})
        | ({"stop_sequences": ["enough"]} if feature == "stop" else {})
    )


def gemini(feature: str) -> Json:
    body: Json = {
        "systemInstruction": {"parts": [{"text": "be kind"}]},
        "contents": [{"role": "user", "parts": [{"text": "hello"}]}],
    }
    config: Json = {}
    if feature == "tools":
        calls = [{"functionCall": {"id": i, "name": "look_up", "args": json.loads(a)}} for i, a, _ in CALLS]
        found = [{"functionResponse": {"id": i, "name": "look_up", "response": {"output": r}}} for i, _, r in CALLS]
        body["contents"] += [
            {"role": "model", "parts": [{"text": "looking"}, *calls]},
            {"role": "user", "parts": found},
        ]
        body["tools"] = [{"functionDeclarations": [TOOL]}]
    elif feature == "image":
        body["contents"][0]["parts"] += [{"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]
    elif feature == "schema":
        config = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    elif feature == "sampling":
        config = {"temperature": 0.25, "maxOutputTokens": 777}
    elif feature == "stop":
        config = {"stopSequences": ["enough"]}
    return body | ({"generationConfig": config} if config else {})


def responses(feature: str) -> Json:
    body: Json = {"instructions": "be kind", "input": [{"role": "user", "content": "hello"}]}
    if feature == "tools":
        body["input"].append({"role": "assistant", "content": [{"type": "output_text", "text": "looking"}]})
        body["input"] += [
            {"type": "function_call", "call_id": i, "name": "look_up", "arguments": a} for i, a, _ in CALLS
        ]
        body["input"] += [{"type": "function_call_output", "call_id": i, "output": found} for i, _, found in CALLS]
        body["tools"] = [{"type": "function", **TOOL}]
    elif feature == "image":
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}
        body["input"].append({"role": "user", "content": [{"type": "input_text", "text": "see"}, image]})
    elif feature == "schema":
        body["text"] = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}
    return body | ({"temperature": 0.25, "max_output_tokens": 777} if feature == "sampling" else {})


CLIENTS = {"chat": chat, "messages": messages, "gemini": gemini, "responses": responses}
UPSTREAMS = {
    "openai": None,
    "anthropic": "anthropic.outbound",
    "gemini": "gemini.outbound",
    "bedrock": "bedrock.outbound",
    "cohere": "cohere.outbound",
    "responses": "responses.outbound",
}
ARRIVES: dict[str, tuple[str, ...]] = {
    "words": ("be kind", "hello"),
    "tools": ("look_up", "finds things", "looking", "first", "second", "found one", "found two", "wanted"),
    "image": (PNG, "see"),
    "schema": ("wanted",),
    "sampling": ("0.25", "777"),
    "stop": ("enough",),
}
"""What has to be in the upstream's request, by the feature that a client uses."""
REFUSED = {("responses", "stop")}  # upstreams that have no notion of it


def asked(client: str, upstream: str, feature: str) -> tuple[Any, bytes]:
    """Return the client's request, and what is written for the upstream."""
    body = json.dumps({"model": "m", **CLIENTS[client](feature)}).encode()
    inbound = import_module(f"tianji.dialects.{client}").inbound(body, "m", False)
    written = write_request(inbound.request)
    protocol = UPSTREAMS[upstream]
    if protocol is None:
        return inbound, written
    model = {"bedrock": "amazon.nova-pro-v1:0", "gemini": "gemini-2.5-flash"}.get(upstream, "claude-sonnet-4-5")
    target = Target(provider=upstream, model=model)
    return inbound, import_module(f"tianji.protocol.{protocol}").outbound(read_request(written), target).body


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("feature", ARRIVES)
def test_what_is_asked_arrives(feature: str, client: str, upstream: str) -> None:
    if (upstream, feature) in REFUSED and client != "responses":  # whose clients cannot ask for it either
        with pytest.raises(UnsupportedParams):
            asked(client, upstream, feature)
        return
    if (client, feature) == ("responses", "stop"):
        return
    _, body = asked(client, upstream, feature)
    missing = [text for text in ARRIVES[feature] if text not in body.decode()]
    assert not missing, (missing, body)
    if feature == "tools":
        for (call_id, _, found), (_, _, other) in (CALLS, CALLS[::-1]):
            assert_belongs(body, call_id, found, other)


def assert_belongs(body: bytes, call_id: str, found: str, other: str) -> None:
    """See that a result stands with the id of its call, in whichever order members are written."""
    pieces: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            pieces.append(json.dumps(value))
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(json.loads(body))
    holding = [piece for piece in pieces if found in piece and call_id in piece]
    assert min(holding, key=len), f"{found} is not told as what {call_id} found"
    assert other not in min(holding, key=len)


WORDS = "here you are"
THOUGHT = "let me see"
ANSWERS: dict[str, Json] = {
    "openai": {"id": "x", "created": 1, "model": "m", "choices": [{"finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": WORDS, "reasoning_content": THOUGHT, "tool_calls": [
            {"id": i, "type": "function", "function": {"name": "look_up", "arguments": a}} for i, a, _ in CALLS]}}],
        "usage": {"prompt_tokens": 1234, "completion_tokens": 4321, "total_tokens": 5555}},
    "anthropic": {"id": "x", "type": "message", "role": "assistant", "stop_reason": "tool_use", "content": [
        {"type": "thinking", "thinking": THOUGHT, "signature": "c2ln"}, {"type": "text", "text": WORDS},
        *({"type": "tool_use", "id": i, "name": "look_up", "input": json.loads(a)} for i, a, _ in CALLS)],
        "usage": {"input_tokens": 1234, "output_tokens": 4321}},
    "gemini": {"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
        {"text": THOUGHT, "thought": True}, {"text": WORDS},
        *({"functionCall": {"id": i, "name": "look_up", "args": json.loads(a)}} for i, a, _ in CALLS)]}}],
        "usageMetadata": {"promptTokenCount": 1234, "candidatesTokenCount": 4321, "totalTokenCount": 5555}},
    "bedrock": {"output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "c2ln"}}}, {"text": WORDS},
        *({"toolUse": {"toolUseId": i, "name": "look_up", "input": json.loads(a)}} for i, a, _ in CALLS)]}},
        "stopReason": "tool_use", "usage": {"inputTokens": 1234, "outputTokens": 4321, "totalTokens": 5555}},
    "cohere": {"id": "x", "finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_plan": THOUGHT,
        "content": [{"type": "text", "text": WORDS}], "tool_calls": [
            {"id": i, "type": "function", "function": {"name": "look_up", "arguments": a}} for i, a, _ in CALLS]},
        "usage": {"tokens": {"input_tokens": 1234, "output_tokens": 4321}}},
    "responses": {"id": "x", "created_at": 1, "status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}]},
        {"type": "message", "id": "m", "content": [{"type": "output_text", "text": WORDS, "annotations": []}]},
        *({"type": "function_call", "call_id": i, "name": "look_up", "arguments": a} for i, a, _ in CALLS)],
        "usage": {"input_tokens": 1234, "output_tokens": 4321, "total_tokens": 5555}},
}  # fmt: skip
"""The same answer, with thoughts, words and two calls, as each upstream says it."""


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_answered_arrives(client: str, upstream: str) -> None:
    inbound, _ = asked(client, upstream, "tools")
    target = Target(provider=upstream, model="m")
    request = read_request(write_request(inbound.request))
    if (protocol := UPSTREAMS[upstream]) is None:
        outbound: Any = import_module("tianji.protocol.openai.answers").OpenAIOutbound(b"{}", "", target)
    else:
        outbound = import_module(f"tianji.protocol.{protocol}").outbound(request, target)
    told = inbound.answer(outbound.answer(msgspec.json.encode(ANSWERS[upstream]))).decode()
    wanted = (WORDS, THOUGHT, "look_up", "first", "second", "call_one", "call_two", "1234", "4321")
    assert not [text for text in wanted if text not in told], told
    assert told.index("call_one") < told.index("call_two")
    assert told.index(THOUGHT) < told.index(WORDS) or client == "chat"
