"""Every dialect over every form of upstreams: what is asked arrives, or is refused; what is answered arrives, too."""

import json
from typing import Any

import pytest
from tests.unit.dialects.pairs import UPSTREAMS, Json, asked, streamed, told

from tianji.errors import UnsupportedParams

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


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("feature", ARRIVES)
def test_what_is_asked_arrives(feature: str, client: str, upstream: str) -> None:
    if (upstream, feature) in REFUSED and client != "responses":  # whose clients cannot ask for it either
        with pytest.raises(UnsupportedParams):
            asked(client, upstream, CLIENTS[client](feature))
        return
    if (client, feature) == ("responses", "stop"):
        return
    body = asked(client, upstream, CLIENTS[client](feature))[1].body
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


def _chunk(delta: Json, reason: str | None = None) -> tuple[str, Json]:
    return "", {"id": "x", "created": 1, "model": "m", "choices": [{"delta": delta, "finish_reason": reason}]}


def _typed(kind: str, **members: Any) -> tuple[str, Json]:
    return kind, {"type": kind, **members}


def _openai() -> list[tuple[str, Json]]:
    events = [_chunk({"role": "assistant", "reasoning_content": THOUGHT}), _chunk({"content": WORDS})]
    for index, (call_id, arguments, _) in enumerate(CALLS):
        first = {"index": index, "id": call_id, "type": "function", "function": {"name": "look_up", "arguments": ""}}
        events.append(_chunk({"tool_calls": [first]}))
        events += [
            _chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in (arguments[:7], arguments[7:])
        ]
    usage = ("", {"id": "x", "created": 1, "model": "m", "choices": [], "usage": ANSWERS["openai"]["usage"]})
    return [*events, _chunk({}, "tool_calls"), usage]


def _anthropic() -> list[tuple[str, Json]]:
    events = [_typed("message_start", message={"id": "x", "usage": {"input_tokens": 1234}})]
    kinds = {"thinking": ("thinking_delta", "thinking"), "text": ("text_delta", "text")}
    for index, block in enumerate(ANSWERS["anthropic"]["content"]):
        kind = block["type"]
        empty = {"input": {}} if kind == "tool_use" else {kinds[kind][1]: ""}
        events.append(_typed("content_block_start", index=index, content_block=block | empty))
        if kind == "tool_use":
            written = json.dumps(block["input"], separators=(",", ":"))
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in (written[:7], written[7:])]
        else:
            name, member = kinds[kind]
            deltas = [{"type": name, member: block[member]}]
        if kind == "thinking":
            deltas.append({"type": "signature_delta", "signature": "c2ln"})
        events += [_typed("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(_typed("content_block_stop", index=index))
    last = _typed("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 4321})
    return [*events, last, _typed("message_stop")]


def _gemini() -> list[tuple[str, Json]]:
    (candidate,) = ANSWERS["gemini"]["candidates"]
    pieces: list[Json] = [{"content": {"parts": [part]}} for part in candidate["content"]["parts"]]
    usage = ANSWERS["gemini"]["usageMetadata"]
    return [*(("", {"candidates": [piece]}) for piece in pieces),
            ("", {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage})]  # fmt: skip


def _bedrock() -> list[tuple[str, Json]]:
    events: list[tuple[str, Json]] = []
    for index, block in enumerate(ANSWERS["bedrock"]["output"]["message"]["content"]):
        if (use := block.get("toolUse")) is not None:
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            events.append(("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            deltas: list[Json] = [{"toolUse": {"input": json.dumps(use["input"], separators=(",", ":"))}}]
        elif (thought := block.get("reasoningContent")) is not None:
            deltas = [{"reasoningContent": {name: text}} for name, text in thought["reasoningText"].items()]
        else:
            deltas = [block]
        events += [("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas]
        events.append(("contentBlockStop", {"contentBlockIndex": index}))
    usage = ANSWERS["bedrock"]["usage"]
    return [*events, ("messageStop", {"stopReason": "tool_use"}), ("metadata", {"usage": usage})]


def _cohere() -> list[tuple[str, Json]]:
    def said(kind: str, message: Json) -> tuple[str, Json]:
        return _typed(kind, index=0, delta={"message": message})

    message = ANSWERS["cohere"]["message"]
    events = [said("tool-plan-delta", {"tool_plan": THOUGHT}), said("content-delta", {"content": {"text": WORDS}})]
    for call in message["tool_calls"]:
        function = call["function"]
        events.append(said("tool-call-start", {"tool_calls": call | {"function": {"name": function["name"]}}}))
        events.append(said("tool-call-delta", {"tool_calls": {"function": {"arguments": function["arguments"]}}}))
    ended = {"finish_reason": "TOOL_CALL", "usage": ANSWERS["cohere"]["usage"]}
    return [*events, _typed("message-end", delta=ended)]


def _responses() -> list[tuple[str, Json]]:
    whole = ANSWERS["responses"]
    events = [
        _typed("response.created", response={"id": "x", "created_at": 1, "model": "m"}),
        _typed("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta=THOUGHT),
        _typed("response.output_text.delta", output_index=1, delta=WORDS),
    ]
    for index, item in enumerate(whole["output"][2:], 2):
        added = item | {"arguments": ""}
        events.append(_typed("response.output_item.added", output_index=index, item=added))
        events.append(_typed("response.function_call_arguments.delta", output_index=index, delta=item["arguments"]))
        events.append(_typed("response.output_item.done", output_index=index, item=item))
    return [*events, _typed("response.completed", response=whole)]


STREAMS = {
    "openai": _openai, "anthropic": _anthropic, "gemini": _gemini, "bedrock": _bedrock, "cohere": _cohere,
    "responses": _responses,
}  # fmt: skip
"""The same answer, event by event."""


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
def test_what_is_answered_arrives(client: str, upstream: str, whole: bool) -> None:
    body = CLIENTS[client]("tools") | ({"stream_options": {"include_usage": True}} if client == "chat" else {})
    answer: Any = told(client, upstream, ANSWERS[upstream], body)
    if not whole:
        answer = streamed(client, upstream, STREAMS[upstream](), body)
    said = json.dumps(answer).replace("\\", "")
    wanted = [WORDS, THOUGHT, "look_up", "call_one", "call_two", "1234", "4321"]
    wanted += [] if not whole and client in ("chat", "messages") else ["first", "second"]  # arguments come in pieces
    assert not [text for text in wanted if text not in said], said
    assert said.index("call_one") < said.index("call_two")
    assert said.index(THOUGHT) < said.index(WORDS) or (client == "chat" and whole)
