"""What Google found on the web becomes OpenAI's annotations.

https://ai.google.dev/api/generate-content#GroundingMetadata counts bytes of UTF-8 within a part,
https://platform.openai.com/docs/api-reference/chat/object counts characters of the whole content.
"""

from typing import Any

Json = dict[str, Any]


def annotations_of(metadata: Json, content: str) -> list[Json]:
    """Return one `url_citation` for each passage of `content` and each page that supports it."""
    pages = _objects(metadata.get("groundingChunks"))
    raw = content.encode("utf-8", "replace")
    found: list[Json] = []
    for support in _objects(metadata.get("groundingSupports")):
        segment = support.get("segment")
        place = _place(segment, content, raw) if isinstance(segment, dict) else None
        indices = support.get("groundingChunkIndices")
        if place is None or not isinstance(indices, list):
            continue
        for index in indices:
            page = pages[index].get("web") if isinstance(index, int) and 0 <= index < len(pages) else None
            if isinstance(page, dict) and isinstance(url := page.get("uri"), str):
                citation = {"start_index": place[0], "end_index": place[1], "url": url, "title": page.get("title", "")}
                found.append({"type": "url_citation", "url_citation": citation})
    return found


def searches_in(metadata: Json) -> int:
    """Return how many searches were made: one query or more, one at least where pages were found."""
    queries = metadata.get("webSearchQueries")
    if isinstance(queries, list) and queries:
        return len(queries)
    return 1 if metadata.get("groundingChunks") else 0


def _place(segment: Json, content: str, raw: bytes) -> tuple[int, int] | None:
    """Return where a segment stands in the content, in characters; its text decides when its offsets do not fit."""
    start, end, text = segment.get("startIndex", 0), segment.get("endIndex"), segment.get("text")
    if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end <= len(raw):
        passage = raw[start:end].decode("utf-8", "replace")
        if not isinstance(text, str) or passage == text:
            at = len(raw[:start].decode("utf-8", "replace"))
            return at, at + len(passage)
    if isinstance(text, str) and text and (at := content.find(text)) >= 0:
        return at, at + len(text)
    return None


def _objects(value: object) -> list[Json]:
    return [item if isinstance(item, dict) else {} for item in value] if isinstance(value, list) else []


def grounding_of(annotations: list[Json], content: str) -> Json:
    """Return Google's form of OpenAI's annotations of a content; other annotations than citations are left out."""
    pages: list[Json] = []
    supports: list[Json] = []
    for annotation in annotations:
        citation = annotation.get("url_citation")
        if not isinstance(citation, dict) or not isinstance(url := citation.get("url"), str):
            continue
        page = {"web": {"uri": url, "title": citation.get("title") or ""}}
        if page not in pages:
            pages.append(page)
        start, end = citation.get("start_index"), citation.get("end_index")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end <= len(content):
            before, passage = content[:start], content[start:end]
            at = len(before.encode("utf-8", "replace"))
            segment = {"startIndex": at, "endIndex": at + len(passage.encode("utf-8", "replace")), "text": passage}
            supports.append({"segment": segment, "groundingChunkIndices": [pages.index(page)]})
    return {"groundingChunks": pages, "groundingSupports": supports}
