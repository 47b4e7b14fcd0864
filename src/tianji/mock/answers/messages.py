"""Anthropic's /v1/messages, plain and streamed, and /v1/messages/count_tokens.

Source of the forms: https://docs.anthropic.com/en/api/messages and .../messages-streaming
"""

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import Json, encode, event, text_of
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, quarters, sample, seed_of

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
STREAM_ERROR = event("error", error={"type": "overloaded_error", "message": "Mock error in mid-stream"})


class MessagesRequest(msgspec.Struct):
    """What the mock reads of a messages request."""

    model: str
    messages: list[Json]
    max_tokens: int | None = None
    system: str | list[Json] | None = None
    stream: bool | None = None
    tools: list[Json] | None = None
    tool_choice: Json | None = None
    output_config: Json | None = None


def _prompt(request: MessagesRequest) -> str:
    texts = [text_of(request.system), *(text_of(message.get("content")) for message in request.messages)]
    return "\n".join(filter(None, texts))


def messages(request: MessagesRequest, faults: Faults) -> Answer:
    """Answer with one text block, or one tool call where the request wants one."""
    prompt = _prompt(request)
    seed = seed_of(request.model, prompt)
    called = faults.call or _wanted_call(request, seed)
    if called is None:
        tokens, capped = _text(request, faults, seed)
        stop = "max_tokens" if capped else "end_turn"
        block: Json = {"type": "text", "text": "".join(tokens)}
        start: Json = {"type": "text", "text": ""}
        deltas: list[Json] = [{"type": "text_delta", "text": token} for token in tokens]
    else:
        stop = "tool_use"
        start = {"type": "tool_use", "id": f"toolu_{seed:08x}", "name": called.name, "input": {}}
        block = start | {"input": called.arguments}
        deltas = [{"type": "input_json_delta", "partial_json": encode(called.arguments).decode()}]
    read = count_words(prompt)
    base: Json = {
        "id": f"msg_mock_{seed:08x}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "stop_sequence": None,
    }
    request_id = f"req_{seed:08x}"
    if not request.stream:
        body = base | {"content": [block], "stop_reason": stop, "usage": _usage(read, len(deltas))}
        return Answer(body=encode(body), tokens=len(deltas), request_id=request_id)
    opened = base | {"content": [], "stop_reason": None, "usage": _usage(read, 1)}
    ended = {"stop_reason": stop, "stop_sequence": None}
    events = (
        event("message_start", message=opened),
        event("content_block_start", index=0, content_block=start),
        event("ping"),
        *(event("content_block_delta", index=0, delta=delta) for delta in deltas),
        event("content_block_stop", index=0),
        event("message_delta", delta=ended, usage={"output_tokens": len(deltas)}),
        event("message_stop"),
    )
    return Answer(
        events=events,
        paced=(3, 3 + len(deltas)),
        closing=1,
        tokens=len(deltas),
        error_event=STREAM_ERROR,
        request_id=request_id,
    )


def _text(request: MessagesRequest, faults: Faults, seed: int) -> tuple[list[str], bool]:
    """Return the tokens of an answer, which are a value of the schema where one is wanted, and whether it is cut."""
    schema = ((request.output_config or {}).get("format") or {}).get("schema")
    if schema is None:
        return generate(seed, faults, request.max_tokens)
    return quarters(encode(sample(schema, seed)).decode()), False


def count_tokens(request: MessagesRequest) -> Answer:
    """Answer with the prompt's words."""
    return Answer(body=encode({"input_tokens": count_words(_prompt(request))}))


def error_body(status: int, message: str) -> bytes:
    """Return an error answer in Anthropic's shape."""
    kind = ERROR_TYPES.get(status, "api_error")
    return encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"})


def _usage(read: int, made: int) -> Json:
    return {
        "input_tokens": read,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": made,
    }


def _wanted_call(request: MessagesRequest, seed: int) -> Call | None:
    choice = request.tool_choice or {}
    if not request.tools or choice.get("type") not in ("any", "tool"):
        return None
    tool = next((one for one in request.tools if one.get("name") == choice.get("name")), request.tools[0])
    return Call(tool.get("name", ""), sample(tool.get("input_schema") or {"type": "object"}, seed))
