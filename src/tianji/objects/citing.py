"""What a conversation says of files that were searched: told to clients with our ids, and to no upstream.

Clients send back what they were answered, with citations of files that need not lie where the next model is.
https://platform.openai.com/docs/api-reference/responses/object#responses-object-output
"""

from typing import Any, Final

import msgspec

from tianji.objects.kinds import FILE, MARK

_OURS: Final = FILE.prefix + MARK
_MARKS: Final = (b'"file_citation"', b'"file_search_call"')


def uncited(body: bytes) -> bytes:
    """Return a request of the Responses API without our ids in citations and in what searches found."""
    if not any(mark in body for mark in _MARKS):
        return body
    try:
        members = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body  # whoever answers says so
    items = members.get("input") if isinstance(members, dict) else None
    if not isinstance(items, list):
        return body
    members["input"] = [_item(item) if isinstance(item, dict) else item for item in items]
    return msgspec.json.encode(members)


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item.get("type") == "file_search_call" and any(map(_is_ours, _listed(item.get("results")))):
        return item | {"results": None}
    content = item.get("content")
    return item | {"content": [*map(_part, content)]} if isinstance(content, list) else item


def _part(part: Any) -> Any:
    notes = _listed(part.get("annotations")) if isinstance(part, dict) else []
    if not any(map(_is_ours, notes)):
        return part
    return part | {"annotations": [note for note in notes if not _is_ours(note)]}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_ours(found: Any) -> bool:
    """Whether something names a file by an id that we gave."""
    return isinstance(found, dict) and str(found.get("file_id")).startswith(_OURS)
