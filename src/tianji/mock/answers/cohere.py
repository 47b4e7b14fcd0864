"""Cohere's /v2/chat, plain and streamed.

Source of the forms: https://docs.cohere.com/reference/chat and https://docs.cohere.com/docs/streaming
"""

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import Json, encode, event, text_of
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, quarters, sample, seed_of


class ChatRequest(msgspec.Struct):
    """What the mock reads of a request."""

    model: str
    messages: list[Json]
    stream: bool | None = None
    max_tokens: int | None = None
    tools: list[Json] | None = None
    tool_choice: str | None = None
    response_format: Json | None = None


def chat(request: ChatRequest, faults: Faults) -> Answer:
    """Answer with a text, or with one call where the request wants one."""
    prompt = "\n".join(filter(None, (text_of(message.get("content")) for message in request.messages)))
    seed = seed_of(request.model, prompt)
    tokens, capped = generate(seed, faults, request.max_tokens)
    finish = "MAX_TOKENS" if capped else "COMPLETE"
    schema = (request.response_format or {}).get("json_schema")
    if schema is not None:
        tokens, finish = quarters(encode(sample(schema, seed)).decode()), "COMPLETE"
    call: Json | None = None
    called = faults.call or _wanted_call(request, seed)
    if called is not None:
        given = encode(called.arguments).decode()
        call = {"id": f"call_{seed:08x}", "type": "function", "function": {"name": called.name, "arguments": given}}
        tokens, finish = [given], "TOOL_CALL"
    counts = {"input_tokens": count_words(prompt), "output_tokens": len(tokens)}
    ended: Json = {"finish_reason": finish, "usage": {"billed_units": counts, "tokens": counts}}
    answer_id = f"mock-{seed:08x}"
    if not request.stream:
        said: Json = {"role": "assistant"}
        if call is None:
            said["content"] = [{"type": "text", "text": "".join(tokens)}]
        else:
            said["tool_calls"] = [call]
        return Answer(body=encode({"id": answer_id, "message": said, **ended}), tokens=len(tokens))
    events = (
        event("message-start", id=answer_id, delta=_delta({"role": "assistant", "content": [], "tool_calls": []})),
        *_pieces(tokens, call),
        event("message-end", delta=ended),
    )
    return Answer(
        events=events,
        paced=(2, len(events) - 2),
        closing=1,
        tokens=len(tokens),
        error_event=event("message-end", delta={"finish_reason": "ERROR", "error": "Mock error in mid-stream"}),
        request_id=answer_id,
    )


def _wanted_call(request: ChatRequest, seed: int) -> Call | None:
    if not request.tools or request.tool_choice != "REQUIRED":
        return None
    function = request.tools[0].get("function") or {}
    return Call(function.get("name", ""), sample(function.get("parameters") or {"type": "object"}, seed))


def _pieces(tokens: list[str], call: Json | None) -> tuple[bytes, ...]:
    if call is None:
        text = {"content": {"type": "text", "text": ""}}
        return (
            event("content-start", index=0, delta=_delta(text)),
            *(event("content-delta", index=0, delta=_delta({"content": {"text": token}})) for token in tokens),
            event("content-end", index=0),
        )
    opened = call | {"function": call["function"] | {"arguments": ""}}
    rest = {"tool_calls": {"function": {"arguments": call["function"]["arguments"]}}}
    return (
        event("tool-call-start", index=0, delta=_delta({"tool_calls": opened})),
        event("tool-call-delta", index=0, delta=_delta(rest)),
        event("tool-call-end", index=0),
    )


def _delta(message: Json) -> Json:
    return {"message": message}
