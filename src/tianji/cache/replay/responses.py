"""Responses (https://platform.openai.com/docs/api-reference/responses-streaming)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from tianji._core.streams.usage import Usage
from tianji.cache.replay.reading import Json, named, objects

_ENDS: Final = {"response.completed", "response.incomplete"}
_PARTS: Final = {"output_text": ("text", "output_text"), "refusal": ("refusal", "refusal")}
"""Kinds of content: the member that holds its text, and what its events are called."""
_CALLS: Final = {
    "function_call": ("arguments", "function_call_arguments"),
    "custom_tool_call": ("input", "custom_tool_call_input"),
}

_SEARCHES: Final = frozenset({"file_search_call", "web_search_call"})
_SEARCHED: Final = ("in_progress", "searching", "completed")


def whole(events: bytes, _usage: Usage | None) -> bytes:
    """Return the response that the last event holds. Raises what reading does, ValueError for a stream without one."""
    for event in objects(events):
        if event.get("type") in _ENDS:
            return msgspec.json.encode(event["response"])
    raise ValueError("a stream without a response")


def events(body: bytes, _shows_usage: bool) -> bytes:
    """Return the response as events, each text in one piece."""
    response: Json = msgspec.json.decode(body, type=Json)
    return b"".join(named({**event, "sequence_number": number}) for number, event in enumerate(_story(response)))


def _story(response: Json) -> Iterator[Json]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(response["output"]):
        yield from _item(item, index)
    end = "incomplete" if response.get("status") == "incomplete" else "completed"
    yield {"type": f"response.{end}", "response": response}


def _item(item: Json, index: int) -> Iterator[Json]:
    kind, place = item.get("type"), {"item_id": item.get("id"), "output_index": index}
    empty = {**item, "status": "in_progress"} if "status" in item else dict(item)
    if kind == "message":
        empty["content"] = []
    elif kind == "reasoning":
        empty["summary"] = []
    elif kind in _CALLS:
        empty[_CALLS[kind][0]] = ""
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    if kind == "message":
        for at, part in enumerate(item.get("content") or ()):
            yield from _part(part, {**place, "content_index": at})
    elif kind == "reasoning":
        for at, part in enumerate(item.get("summary") or ()):
            yield from _summary(part, {**place, "summary_index": at})
    elif kind in _CALLS:
        member, name = _CALLS[kind]
        yield {"type": f"response.{name}.delta", **place, "delta": item[member]}
        yield {"type": f"response.{name}.done", **place, member: item[member]}
    elif kind in _SEARCHES:
        yield from ({"type": f"response.{kind}.{state}", **place} for state in _SEARCHED)
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _part(part: Json, place: Json) -> Iterator[Json]:
    member, name = _PARTS.get(part.get("type", ""), (None, ""))
    if member is None:
        return
    empty = {**part, member: ""} | ({"annotations": []} if "annotations" in part else {})
    logprobs = {"logprobs": part.get("logprobs") or []} if member == "text" else {}
    yield {"type": "response.content_part.added", **place, "part": empty}
    yield {"type": f"response.{name}.delta", **place, "delta": part[member], **logprobs}
    for at, annotation in enumerate(part.get("annotations") or ()):
        yield {
            "type": "response.output_text.annotation.added", **place, "annotation_index": at, "annotation": annotation,
        }  # fmt: skip
    yield {"type": f"response.{name}.done", **place, member: part[member], **logprobs}
    yield {"type": "response.content_part.done", **place, "part": part}


def _summary(part: Json, place: Json) -> Iterator[Json]:
    yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
    yield {"type": "response.reasoning_summary_text.delta", **place, "delta": part["text"]}
    yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
