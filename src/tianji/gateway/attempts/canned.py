"""Answers of a deployment with `mock_response`: made here, no upstream is called."""

import time
from collections.abc import Iterator

import msgspec

from tianji._core.streams.sse import encode_event
from tianji.dialects.openai import DONE


def answer(operation: str, model: str, text: str, call_id: str) -> dict[str, object]:
    """Return a whole answer of `operation` (chat or completions) that says `text`."""
    words = max(1, len(text.split()))
    chat = operation == "chat"
    choice: dict[str, object] = {"index": 0, "finish_reason": "stop"}
    if chat:
        choice["message"] = {"role": "assistant", "content": text}
    else:
        choice["text"] = text
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{call_id}",
        "object": "chat.completion" if chat else "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": 10, "completion_tokens": words, "total_tokens": 10 + words},
    }


def events(operation: str, model: str, text: str, call_id: str) -> Iterator[bytes]:
    """Yield the same answer as server-sent events, one word a chunk."""
    chat = operation == "chat"
    frame = _frame(operation, model, call_id)
    pieces = text.split(" ")
    for index, word in enumerate(pieces):
        piece = word if index == 0 else f" {word}"
        if chat:
            delta = {"content": piece} if index else {"role": "assistant", "content": piece}
            choice: dict[str, object] = {"index": 0, "delta": delta}
        else:
            choice = {"index": 0, "text": piece}
        yield encode_event(msgspec.json.encode({**frame, "choices": [choice]}))
    last: dict[str, object] = {"index": 0, "finish_reason": "stop", **_nothing(operation)}
    yield encode_event(msgspec.json.encode({**frame, "choices": [last]}))
    yield DONE


def last_words(operation: str, model: str, call_id: str) -> bytes:
    """Return the end of a stream that is given up because a budget is used up: its finish reason says so."""
    choice: dict[str, object] = {"index": 0, **_nothing(operation), "finish_reason": "budget_exceeded"}
    return encode_event(msgspec.json.encode({**_frame(operation, model, call_id), "choices": [choice]})) + DONE


def _frame(operation: str, model: str, call_id: str) -> dict[str, object]:
    chat = operation == "chat"
    return {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{call_id}",
        "object": "chat.completion.chunk" if chat else "text_completion",
        "created": int(time.time()),
        "model": model,
    }


def _nothing(operation: str) -> dict[str, object]:
    return {"delta": {}} if operation == "chat" else {"text": ""}
