"""What Google found on the web becomes OpenAI's annotations.

https://ai.google.dev/api/generate-content#GroundingMetadata counts bytes of UTF-8 within a part,
https://platform.openai.com/docs/api-reference/chat/object counts characters of the whole content. What was found in a
store of documents (`retrievedContext`) is a citation of a document, unless it has an address on the web.
"""

from typing import Any

from tianji.protocol.chat import citations

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
            page = _page(pages[index]) if isinstance(index, int) and 0 <= index < len(pages) else None
            if page is not None:
                found.append(citations.page(page["uri"], page.get("title"), *place))
    return found


def documents_of(metadata: Json) -> list[Json]:
    """Return what was found that is no page, each as a citation of a document."""
    chunks = _objects(metadata.get("groundingChunks"))
    return [
        citations.result(str(held.get("uri") or ""), held.get("title"), str(held.get("text") or ""), at)
        for at, chunk in enumerate(chunks)
        if _page(chunk) is None and isinstance(held := chunk.get("retrievedContext"), dict)
    ]


def _page(chunk: Json) -> Json | None:
    """Return what of a chunk is a page of the web."""
    for name in ("web", "retrievedContext", "maps"):
        found = chunk.get(name)
        if isinstance(found, dict) and isinstance(url := found.get("uri"), str):
            return found if name != "retrievedContext" or url.startswith(("https://", "http://")) else None
    return None


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


def grounding_of(annotations: list[Json], documents: list[Json], content: str) -> Json:
    """Return Google's form of OpenAI's annotations of a content, and of the `documents` that it cites."""
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
    return {"groundingChunks": pages + list(map(_retrieved, documents)), "groundingSupports": supports}


def _retrieved(document: Json) -> Json:
    said = {
        "uri": citations.source_of(document),
        "title": citations.title_of(document),
        "text": str(document.get("cited_text") or ""),
    }
    return {"retrievedContext": {name: text for name, text in said.items() if text}}
