"""Citations of Cohere's as the hub has them.

https://docs.cohere.com/docs/documents-and-citations: a citation says which words of the answer come from which sources:
documents that were sent, as they were sent, or what a tool found. Members of a document are the client's own, but for
names that Cohere itself speaks of: title, snippet, text, url.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from tianji.protocol.chat import citations
from tianji.protocol.chat.answer import Delta
from tianji.protocol.loose import object_of, objects_of

Json = dict[str, Any]
_TEXTS = ("snippet", "text", "content")


def note(delta: Delta, cited: Iterable[Json]) -> None:
    """Put what is cited into a piece of an answer: in the hub's form, and as it came."""
    given = list(cited)
    for one in given:
        found = [_source(source, at) for at, source in enumerate(objects_of(one.get("sources")))]
        start, end = (place if isinstance(place := one.get(name), int) else 0 for name in ("start", "end"))
        pages = [citations.page(source["url"], source["title"], start, end) for source in found if "url" in source]
        if pages:
            delta.annotations = [*(delta.annotations or []), *pages]
        if found:
            fields = delta.provider_specific_fields = delta.provider_specific_fields or {}
            fields["citations"] = [*fields.get("citations", []), found]
    if given:
        fields = delta.provider_specific_fields = delta.provider_specific_fields or {}
        fields["native_citations"] = given


def _source(source: Json, at: int) -> Json:
    held = source.get("document") or source.get("tool_output")
    members = object_of(held)
    text = next((text for name in _TEXTS if isinstance(text := members.get(name), str)), None)
    if text is None:
        text = msgspec.json.encode(members).decode() if members else ""
    url, title, source_id = members.get("url"), members.get("title"), source.get("id")
    if isinstance(url, str) and url:
        return citations.web(url, title, text)
    return citations.result(source_id if isinstance(source_id, str) else "", title, text, at)
