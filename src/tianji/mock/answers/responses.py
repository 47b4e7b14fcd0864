"""OpenAI's /responses, plain and as a sequence of events, and /responses/compact.

Source of the forms: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming
"""

import msgspec

from tianji.mock.faults import Call, Faults
from tianji.mock.json import CREATED, Json, encode, event, text_of
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, quarters, sample, seed_of

_GROWING = frozenset({"content", "arguments", "input"})  # what of an item comes bit by bit


class ResponsesRequest(msgspec.Struct):
    """What the mock reads of a responses request."""

    model: str
    input: str | list[Json] = ""
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    text: Json | None = None


def responses(request: ResponsesRequest, faults: Faults) -> Answer:
    """Answer with one message, or with one call where the request wants one."""
    prompt = " ".join(filter(None, (request.instructions, _text(request.input))))
    seed = seed_of(request.model, prompt)
    called = faults.call or _wanted_call(request, seed)
    said, capped = ([""], False) if called is not None else _said(request, faults, seed)
    item, middle = _message(said, seed) if called is None else _call(called, seed)
    status = "incomplete" if capped else "completed"
    item["status"] = status
    done = _envelope(request, seed, status) | {"output": [item], "usage": _usage(count_words(prompt), len(said))}
    request_id = f"req_{seed:08x}"
    if not request.stream:
        return Answer(body=encode(done), tokens=len(said), request_id=request_id)
    started = _envelope(request, seed, "in_progress") | {"output": [], "usage": None}
    begun = item | {"status": "in_progress", **{name: type(item[name])() for name in _GROWING & item.keys()}}
    sequence: list[tuple[str, Json]] = [
        ("response.created", {"response": started}),
        ("response.in_progress", {"response": started}),
        ("response.output_item.added", {"output_index": 0, "item": begun}),
        *middle,
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.incomplete" if capped else "response.completed", {"response": done}),
    ]
    first = next(at for at, (kind, _) in enumerate(sequence) if kind.endswith(".delta"))
    return Answer(
        events=tuple(event(kind, sequence_number=i, **members) for i, (kind, members) in enumerate(sequence)),
        paced=(first, first + len(said)),
        closing=1,
        tokens=len(said),
        error_event=event(
            "error", sequence_number=0, code="mock_error", message="Mock error in mid-stream", param=None
        ),
        request_id=request_id,
    )


def compact(request: ResponsesRequest) -> Answer:
    """Answer with what was said by the user, and one sealed item for all the rest."""
    given = request.input if isinstance(request.input, list) else []
    prompt = _text(request.input)
    seed = seed_of(request.model, prompt)
    kept = [{"type": "message"} | item for item in given if item.get("role") == "user"]
    sealed = {"id": f"cmp_mock_{seed:08x}", "type": "compaction", "encrypted_content": f"sealed-{seed:08x}"}
    body = {
        "id": f"resp_mock_{seed:08x}",
        "object": "response.compaction",
        "created_at": CREATED,
        "output": [*kept, sealed],
        "usage": _usage(count_words(prompt), 1),
    }
    return Answer(body=encode(body), tokens=1, request_id=f"req_{seed:08x}")


def _said(request: ResponsesRequest, faults: Faults, seed: int) -> tuple[list[str], bool]:
    """Return the tokens of a text, a value of the schema where one is wanted, and whether the limit cuts it."""
    schema = ((request.text or {}).get("format") or {}).get("schema")
    if schema is None:
        return generate(seed, faults, request.max_output_tokens)
    return quarters(encode(sample(schema, seed)).decode()), False


def _wanted_call(request: ResponsesRequest, seed: int) -> Call | None:
    choice = request.tool_choice
    tools = [tool for tool in request.tools or () if tool.get("type") == "function"]
    if not tools or choice is None or choice in ("auto", "none"):
        return None
    wanted = choice.get("name") if isinstance(choice, dict) else None
    tool = next((one for one in tools if one.get("name") == wanted), tools[0])
    return Call(tool.get("name", ""), sample(tool.get("parameters") or {"type": "object"}, seed))


def _message(tokens: list[str], seed: int) -> tuple[Json, list[tuple[str, Json]]]:
    """Return a message, and the events between its beginning and its end."""
    ident, text = f"msg_mock_{seed:08x}", "".join(tokens)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    place = {"item_id": ident, "output_index": 0, "content_index": 0}
    return {"type": "message", "id": ident, "role": "assistant", "content": [part]}, [
        ("response.content_part.added", place | {"part": part | {"text": ""}}),
        *(("response.output_text.delta", place | {"delta": token, "logprobs": []}) for token in tokens),
        ("response.output_text.done", place | {"text": text, "logprobs": []}),
        ("response.content_part.done", place | {"part": part}),
    ]


def _call(call: Call, seed: int) -> tuple[Json, list[tuple[str, Json]]]:
    """Return a call, and the events between; one with a text is of a tool that its client made up."""
    if isinstance(call.arguments, str):
        kind, holds, given = "custom_tool_call", "input", call.arguments
        events = "response.custom_tool_call_input"
    else:
        kind, holds, given = "function_call", "arguments", encode(call.arguments).decode()
        events = "response.function_call_arguments"
    ident = f"fc_mock_{seed:08x}"
    place = {"item_id": ident, "output_index": 0}
    return {"type": kind, "id": ident, "call_id": f"call_{seed:08x}", "name": call.name, holds: given}, [
        (f"{events}.delta", place | {"delta": given}),
        (f"{events}.done", place | {holds: given}),
    ]


def _text(given: str | list[Json]) -> str:
    if isinstance(given, str):
        return given
    return " ".join(text_of(item.get("content")) for item in given)


def _usage(prompt: int, made: int) -> Json:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + made,
    }


def _envelope(request: ResponsesRequest, seed: int, status: str) -> Json:
    return {
        "id": f"resp_mock_{seed:08x}",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "model": request.model,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
    }
