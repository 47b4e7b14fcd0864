"""Citations of Converse as the hub has them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html: where a passage stands is a union of
places that are counted as Anthropic counts them.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.protocol.chat import citations
from tianji.protocol.loose import object_of, objects_of

Json = dict[str, Any]
_PLACES: Final[Mapping[str, tuple[str, str, str]]] = {  # Anthropic's type of a place, and what begins and ends it
    "documentChar": ("char_location", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "start_block_index", "end_block_index"),
}


def cited(given: Json) -> Json:
    """Return a citation in Anthropic's form."""
    location, title = object_of(given.get("location")), given.get("title")
    text = "".join(str(piece.get("text") or "") for piece in objects_of(given.get("sourceContent")))
    for name, (kind, start, end) in _PLACES.items():
        if (place := location.get(name)) is not None:
            place = object_of(place)
            return {
                "type": kind,
                "cited_text": text,
                "document_index": place.get("documentIndex", 0),
                "document_title": title,
                start: place.get("start", 0),
                end: place.get("end", 0),
            }
    if isinstance(url := object_of(location.get("web")).get("url"), str):
        return citations.web(url, title, text)
    place = object_of(location.get("searchResultLocation"))
    found = citations.result(str(given.get("source") or ""), title, text)
    named = {"search_result_index": "searchResultIndex", "start_block_index": "start", "end_block_index": "end"}
    return found | {own: place[theirs] for own, theirs in named.items() if theirs in place}
