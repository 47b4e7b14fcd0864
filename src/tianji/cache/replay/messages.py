"""Anthropic's messages (https://docs.anthropic.com/en/docs/build-with-claude/streaming)."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tianji._core.streams.usage import Usage
from tianji.cache.replay.joining import MESSAGES, joined
from tianji.cache.replay.reading import Json, named, objects

_TEXTS: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
"""Members that a kind of delta makes longer."""


def whole(events: bytes, _usage: Usage | None) -> bytes:
    """Return the message that the events make. Raises what reading them does, ValueError for none."""
    message: Json | None = None
    blocks: list[Json] = []
    inputs: dict[int, str] = {}
    for event in objects(joined(events, MESSAGES)):
        kind = event["type"]
        if kind == "message_start":
            message = event["message"]
        elif kind == "content_block_start":
            blocks.append(event["content_block"])
        elif kind == "content_block_delta":
            delta = event["delta"]
            if delta["type"] == "input_json_delta":
                inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
            else:
                _lengthen(blocks[event["index"]], delta)
        elif kind == "message_delta" and message is not None:
            message.update(event["delta"])
            used = {name: value for name, value in event.get("usage", {}).items() if value is not None}
            message["usage"] = {**message.get("usage", {}), **used}
    if message is None:
        raise ValueError("a stream without a message")
    for index, text in inputs.items():
        blocks[index]["input"] = msgspec.json.decode(text) if text.strip() else {}
    return msgspec.json.encode({**message, "content": blocks})


def _lengthen(block: Json, delta: Json) -> None:
    if delta["type"] == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        return
    name = _TEXTS[delta["type"]]
    block[name] = block.get(name, "") + delta[name]


def events(body: bytes, _shows_usage: bool) -> bytes:
    """Return the message as events, each block in one piece."""
    message: Json = msgspec.json.decode(body, type=Json)
    usage = message.get("usage", {})
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    begun["usage"] = {**usage, "output_tokens": 0}
    out = [named({"type": "message_start", "message": begun})]
    for index, block in enumerate(message["content"]):
        empty, deltas = _opened(block)
        out.append(named({"type": "content_block_start", "index": index, "content_block": empty}))
        out.extend(named({"type": "content_block_delta", "index": index, "delta": delta}) for delta in deltas)
        out.append(named({"type": "content_block_stop", "index": index}))
    end = {"stop_reason": message.get("stop_reason"), "stop_sequence": message.get("stop_sequence")}
    out.append(named({"type": "message_delta", "delta": end, "usage": usage}))
    out.append(named({"type": "message_stop"}))
    return b"".join(out)


def _opened(block: Json) -> tuple[Json, Iterator[dict[str, Any]]]:
    """Return a block as it begins, and the deltas that fill it."""
    empty, deltas = dict(block), []
    if isinstance(block.get("input"), dict):
        empty["input"] = {}
        text = msgspec.json.encode(block["input"]).decode()
        deltas.append({"type": "input_json_delta", "partial_json": text})
    for kind, name in _TEXTS.items():
        if isinstance(block.get(name), str):
            empty[name] = ""
            deltas.append({"type": kind, name: block[name]})
    if block.get("citations"):
        empty["citations"] = []
        deltas.extend({"type": "citations_delta", "citation": one} for one in block["citations"])
    return empty, iter(deltas)
