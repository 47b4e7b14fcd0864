"""Citations of Converse as the hub has them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html: where a passage stands is a union of
places that are counted as Anthropic counts them.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.protocol.chat import citations

Json = dict[str, Any]
_PLACES: Final[Mapping[str, tuple[str, str, str]]] = {  # Anthropic's type of a place, and what begins and ends it
    "documentChar": ("char_location", "start_char_index", "end_char_index"),
    "documentPage": ("page_location", "start_page_number", "end_page_number"),
    "documentChunk": ("content_block_location", "start_block_index", "end_block_index"),
}


def cited(given: Json) -> Json:
    """Return a citation in Anthropic's form."""
    location, title = _object(given.get("location")), given.get("title")
    text = "".join(str(piece.get("text") or "") for piece in _objects(given.get("sourceContent")))
    for name, (kind, start, end) in _PLACES.items():
        if (place := location.get(name)) is not None:
            place = _object(place)
            return {
                "type": kind,
                "cited_text": text,
                "document_index": place.get("documentIndex", 0),
                "document_title": title,
                start: place.get("start", 0),
                end: place.get("end", 0),
            }
    if isinstance(url := _object(location.get("web")).get("url"), str):
        return citations.web(url, title, text)
    place = _object(location.get("searchResultLocation"))
    found = citations.result(str(given.get("source") or ""), title, text)
    named = {"search_result_index": "searchResultIndex", "start_block_index": "start", "end_block_index": "end"}
    return found | {own: place[theirs] for own, theirs in named.items() if theirs in place}


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
