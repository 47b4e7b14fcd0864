"""Answers of OpenAI's older completions (https://platform.openai.com/docs/api-reference/completions)."""

from typing import Any

import msgspec

from tianji._core.streams.usage import Usage
from tianji.cache.replay.chat import counted
from tianji.cache.replay.reading import DONE, Json, objects, written


def whole(events: bytes, usage: Usage | None) -> bytes:
    """Return the answer that the chunks make. Raises what reading them does, ValueError for none."""
    answer: Json = {}
    choices: dict[int, Json] = {}
    for chunk in objects(events):
        for piece in chunk.pop("choices", ()):
            _add(choices.setdefault(piece.get("index", 0), {"index": piece.get("index", 0), "text": ""}), piece)
        for name, value in chunk.items():
            if value is not None or name not in answer:
                answer[name] = value
    if not choices:
        raise ValueError("a stream without choices")
    if answer.get("usage") is None:
        answer.pop("usage", None)
        if usage is not None:
            answer["usage"] = counted(usage)
    return msgspec.json.encode({**answer, "choices": [choices[index] for index in sorted(choices)]})


def _add(choice: Json, piece: Json) -> None:
    choice["text"] += piece.get("text") or ""
    choice["finish_reason"] = piece.get("finish_reason") or choice.get("finish_reason")
    choice["logprobs"] = _longer(choice.get("logprobs"), piece.get("logprobs"))


def _longer(kept: Json | None, more: dict[str, Any] | None) -> Json | None:
    """Join lists of what is known token by token."""
    if not kept or not more:
        return kept or more
    lists = {name: [*(kept.get(name) or ()), *(value or ())] for name, value in more.items()}
    return {**kept, **lists}


def events(body: bytes, shows_usage: bool) -> bytes:
    """Return the answer as one chunk a choice."""
    answer: Json = msgspec.json.decode(body, type=Json)
    frame = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    out = [written({**frame, "choices": [choice]}) for choice in answer["choices"]]
    if shows_usage and answer.get("usage"):
        out.append(written({**frame, "choices": [], "usage": answer["usage"]}))
    return b"".join(out) + DONE
