"""Answers of a deployment with `mock_response`: made here, no upstream is called."""

import time
from collections.abc import Iterator

import msgspec

from tianji._core.sse import encode_event


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
    frame: dict[str, object] = {
        "id": f"{'chatcmpl' if chat else 'cmpl'}-{call_id}",
        "object": "chat.completion.chunk" if chat else "text_completion",
        "created": int(time.time()),
        "model": model,
    }
    pieces = text.split(" ")
    for index, word in enumerate(pieces):
        piece = word if index == 0 else f" {word}"
        if chat:
            delta = {"content": piece} if index else {"role": "assistant", "content": piece}
            choice: dict[str, object] = {"index": 0, "delta": delta}
        else:
            choice = {"index": 0, "text": piece}
        yield encode_event(msgspec.json.encode({**frame, "choices": [choice]}))
    last: dict[str, object] = {"index": 0, "finish_reason": "stop", **({"delta": {}} if chat else {"text": ""})}
    yield encode_event(msgspec.json.encode({**frame, "choices": [last]}))
    yield b"data: [DONE]\n\n"
