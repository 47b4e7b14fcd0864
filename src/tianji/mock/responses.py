"""OpenAI's /responses, plain and as a sequence of events.

Source of the forms: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming
"""

from typing import Any

import msgspec

from tianji.mock.chat import CREATED, Json, encode, text_of
from tianji.mock.faults import Faults
from tianji.mock.script import Answer
from tianji.mock.text import count_words, generate, seed_of


class ResponsesRequest(msgspec.Struct):
    """What the mock reads of a responses request."""

    model: str
    input: str | list[Json] = ""
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None


def event(kind: str, **members: Any) -> bytes:
    """Frame one event whose name stands in the frame and in the payload."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind} | members))


def responses(request: ResponsesRequest, faults: Faults) -> Answer:
    """Answer with one message."""
    prompt = " ".join(filter(None, (request.instructions, _text(request.input))))
    seed = seed_of(request.model, prompt)
    tokens, capped = generate(seed, faults, request.max_output_tokens)
    message = f"msg_mock_{seed:08x}"
    text = "".join(tokens)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    status = "incomplete" if capped else "completed"
    item = {"type": "message", "id": message, "status": status, "role": "assistant", "content": [part]}
    done = _envelope(request, seed, status) | {"output": [item], "usage": _usage(count_words(prompt), len(tokens))}
    request_id = f"req_{seed:08x}"
    if not request.stream:
        return Answer(body=encode(done), tokens=len(tokens), request_id=request_id)
    started = _envelope(request, seed, "in_progress") | {"output": [], "usage": None}
    place = {"item_id": message, "output_index": 0, "content_index": 0}
    empty = part | {"text": ""}
    last = "response.incomplete" if capped else "response.completed"
    sequence: list[tuple[str, Json]] = [
        ("response.created", {"response": started}),
        ("response.in_progress", {"response": started}),
        ("response.output_item.added", {"output_index": 0, "item": item | {"status": "in_progress", "content": []}}),
        ("response.content_part.added", place | {"part": empty}),
        *(("response.output_text.delta", place | {"delta": token, "logprobs": []}) for token in tokens),
        ("response.output_text.done", place | {"text": text, "logprobs": []}),
        ("response.content_part.done", place | {"part": part}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        (last, {"response": done}),
    ]
    return Answer(
        events=tuple(event(kind, sequence_number=i, **members) for i, (kind, members) in enumerate(sequence)),
        paced=(4, 4 + len(tokens)),
        closing=1,
        tokens=len(tokens),
        error_event=event(
            "error", sequence_number=0, code="mock_error", message="Mock error in mid-stream", param=None
        ),
        request_id=request_id,
    )


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
