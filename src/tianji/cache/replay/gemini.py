"""Google's streamGenerateContent, as events or as one array: a whole answer alone, since no cache keeps its streams.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tianji._core.streams.usage import Usage
from tianji.cache.replay.reading import Json, objects

_JOINED: Final = frozenset({"text", "thought"})  # members of parts that go on where the one before them ended


def whole(events: bytes, _usage: Usage | None) -> bytes:
    """Return the answer that all pieces make. Raises what reading them does, ValueError for none."""
    answer: Json = {}
    candidates: dict[int, Json] = {}
    for piece in _pieces(events):
        for at, candidate in enumerate(piece.pop("candidates", ())):
            _add(candidates.setdefault(candidate.get("index", at), {}), candidate)
        answer |= piece
    if not answer and not candidates:
        raise ValueError("a stream without an answer")
    said = {"candidates": [candidates[index] for index in sorted(candidates)]} if candidates else {}
    return msgspec.json.encode({**said, **answer})


def _pieces(events: bytes) -> Iterable[Json]:
    return msgspec.json.decode(events, type=list[Json]) if events.startswith(b"[") else objects(events)


def _add(candidate: Json, piece: Json) -> None:
    content = piece.pop("content", None)
    candidate |= piece
    if content is not None:
        known: Json = candidate.setdefault("content", {})
        parts = known.get("parts", [])
        known |= content
        known["parts"] = _longer(parts, content.get("parts", ()))


def _longer(parts: list[Any], more: Iterable[Any]) -> list[Any]:
    for part in more:
        last = parts[-1] if parts else None
        if last is not None and _is_text(last) and _is_text(part) and last.get("thought") == part.get("thought"):
            last["text"] += part["text"]
        else:
            parts.append(part)
    return parts


def _is_text(part: Json) -> bool:
    return "text" in part and _JOINED.issuperset(part)
