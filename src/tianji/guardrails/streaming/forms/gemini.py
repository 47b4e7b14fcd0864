"""Google's streamGenerateContent (https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent)."""

from typing import Final

import msgspec
from msgspec.structs import replace

from tianji.cache.replay.reading import Json
from tianji.dialects.gemini.failing import error_body
from tianji.errors import TianjiError
from tianji.guardrails.slots.gemini import NAMES
from tianji.guardrails.slots.sheet import listed
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Array, Event, Name, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import Framing, number, rest
from tianji.protocol.gemini.finish import google_reason

_CALLS: Final = ("functionCall", "function_call")
_FRAME: Final = ("modelVersion", "responseId")
_OF_CANDIDATES: Final = frozenset({"content", "index", "logprobsResult", "finishReason", "finish_reason"})


class Gemini:
    """One stream of answers; `as_array`: as elements of one JSON array."""

    def __init__(self, *, as_array: bool = False) -> None:
        self.framing: Framing = Array() if as_array else ServerSent()
        self._as_array = as_array
        self._begun = False
        self._calls = 0
        self._frame: Json = {}
        self._open: set[int] = {0}

    def read(self, event: Event) -> Reading:
        """Return what an event says."""
        reading = event.reading
        if not isinstance(event.tree, dict):
            reading.pieces += rest(event.tree, (), ("frame",))
            return reading
        for at, candidate in enumerate(listed(event.tree.get("candidates"))):
            if isinstance(candidate, dict):
                self._candidate(candidate, ("candidates", at), number(candidate.get("index"), at), reading)
        if "error" in event.tree:
            reading.pieces += rest(event.tree["error"], ("error",), ("frame",), whole=True)
        return reading

    def _candidate(self, candidate: Json, path: Path, index: int, reading: Reading) -> None:
        echo: Path = (*path, "logprobsResult") if candidate.get("logprobsResult") else ()
        channel: Path = ("candidate", index)
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        for at, part in enumerate(listed(parts)):
            found = self._part(part, (*path, "content", "parts", at), channel, reading)
            reading.pieces += [replace(piece, echo=echo) for piece in found]
        others = {name: value for name, value in candidate.items() if name not in _OF_CANDIDATES}
        reading.pieces += rest(others, path, channel, opaque=NAMES, whole=True)
        if candidate.get("finishReason"):
            reading.closed.append(channel)

    def _part(self, part: object, path: Path, channel: Path, reading: Reading) -> list[Piece]:
        if not isinstance(part, dict):
            return rest(part, path, (*channel, "part"))
        name = next((name for name in _CALLS if isinstance(part.get(name), dict)), None)
        if name is None:
            return rest(part, path, (*channel, "thought" if part.get("thought") else "said"), opaque=NAMES)
        call, self._calls = part[name], self._calls + 1
        own: Path = (*channel, "call", self._calls)
        said, call_id = str(call.get("name") or ""), str(call.get("id") or "")
        reading.names.append(Name(own, (*path, name, "name"), said, call_id, path))
        reading.closed.append(own)
        if not call.get("args"):
            return []
        given = msgspec.json.encode(call["args"]).decode()
        return [Piece(own, (*path, name, "args"), given, call=True, raw=True, entry=path)]

    def passed(self, event: Event) -> None:
        """Take what frames the answers, and which candidates are open."""
        self._begun = True
        if not isinstance(event.tree, dict):
            return
        self._frame = {name: event.tree[name] for name in _FRAME if name in event.tree} or self._frame
        for at, candidate in enumerate(listed(event.tree.get("candidates"))):
            if isinstance(candidate, dict):
                index = number(candidate.get("index"), at)
                self._open.add(index)
                if candidate.get("finishReason"):
                    self._open.discard(index)

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        return self._framed(error_body(error))

    def refused(self, text: str) -> bytes:
        """Return the answer that ends all candidates with this text."""
        reason = google_reason("content_filter")
        content = {"parts": [{"text": text}], "role": "model"}
        ends = [{"content": content, "finishReason": reason, "index": index} for index in sorted(self._open)]
        return self._framed(msgspec.json.encode({"candidates": ends, **self._frame}))

    def _framed(self, payload: bytes) -> bytes:
        if not self._as_array:
            return b"data: %b\r\n\r\n" % payload
        return (b",\r\n" if self._begun else b"[") + payload + b"]"
