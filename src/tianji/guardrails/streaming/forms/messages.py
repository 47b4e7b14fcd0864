"""Anthropic's Messages (https://docs.anthropic.com/en/docs/build-with-claude/streaming)."""

from typing import Final

import msgspec

from tianji.cache.replay.reading import Json, named
from tianji.dialects.messages.failing import error_event
from tianji.errors import TianjiError
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Name, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import number, rest

_TEXTS: Final = {"text_delta": "text", "thinking_delta": "thinking"}
_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


class Messages:
    """One stream of events."""

    def __init__(self) -> None:
        self.framing = ServerSent()
        self._citations = 0
        self._open: int | None = None  # the block that has not ended
        self._next = 0

    def read(self, event: Event) -> Reading:
        """Return what an event says."""
        reading, tree = event.reading, event.tree
        kind = tree.get("type") if isinstance(tree, dict) else None
        if not isinstance(tree, dict):
            reading.pieces += rest(tree, (), ("frame",))
        elif kind == "ping":
            reading.idle = True
        elif kind == "content_block_start":
            self._begin(tree, reading)
        elif kind == "content_block_delta":
            self._delta(tree, reading)
        elif kind == "content_block_stop":
            self._block(tree, reading)
            reading.closed.append(("block", number(tree.get("index"))))
        elif kind == "message_delta":
            delta = tree.get("delta")
            if isinstance(delta, dict) and delta.get("stop_reason") == "tool_use":
                reading.reason = (("delta", "stop_reason"), "end_turn")
        elif kind == "message_start":
            message = tree.get("message")
            content = message.get("content") if isinstance(message, dict) else None
            reading.pieces += rest(content, ("message", "content"), ("begun",), whole=True)
        elif kind != "message_stop":
            reading.pieces += rest(tree, (), ("frame",), whole=True)
        return reading

    def _block(self, tree: Json, reading: Reading) -> Path:
        """Note which block an event belongs to; return how the names of its channels begin."""
        index = number(tree.get("index"))
        reading.block = (index, ("index",)) if isinstance(tree.get("index"), int) else None
        return ("block", index)

    def _begin(self, tree: Json, reading: Reading) -> None:
        channel, block = self._block(tree, reading), tree.get("content_block")
        path: Path = ("content_block",)
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(block, dict) and kind in _CALLS:
            call: Path = (*channel, "call")
            reading.names.append(Name(call, (*path, "name"), str(block.get("name") or ""), str(block.get("id") or "")))
            if block.get("input"):
                given = msgspec.json.encode(block["input"]).decode()
                reading.pieces.append(Piece(call, (*path, "input"), given, call=True, raw=True))
        elif isinstance(block, dict) and kind in ("text", "thinking"):
            reading.pieces += rest(block, path, channel)
        else:
            reading.pieces += rest(block, path, channel, whole=True)

    def _delta(self, tree: Json, reading: Reading) -> None:
        channel, delta = self._block(tree, reading), tree.get("delta")
        path: Path = ("delta",)
        kind = delta.get("type") if isinstance(delta, dict) else None
        if isinstance(delta, dict) and kind == "input_json_delta" and isinstance(delta.get("partial_json"), str):
            reading.pieces.append(Piece((*channel, "call"), (*path, "partial_json"), delta["partial_json"], call=True))
        elif isinstance(delta, dict) and kind in _TEXTS:
            reading.pieces += rest(delta, path, channel)
        else:
            self._citations += 1
            reading.pieces += rest(delta, path, (*channel, "other", self._citations))

    def passed(self, event: Event) -> None:
        """Take which block is open."""
        if event.reading.block is None or not isinstance(event.tree, dict):
            return
        self._next = max(self._next, event.reading.block[0] + 1)
        self._open = None if event.tree.get("type") == "content_block_stop" else event.reading.block[0]

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        return error_event(error)

    def refused(self, text: str) -> bytes:
        """Return the events that end the block which is open, say this text in one of its own, and end the message."""
        events: list[Json] = []
        if self._open is not None:
            events.append({"type": "content_block_stop", "index": self._open})
        at = self._next
        events += (
            {"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": at, "delta": {"type": "text_delta", "text": text}},
            {"type": "content_block_stop", "index": at},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 0},
            },
            {"type": "message_stop"},
        )
        return b"".join(map(named, events))
