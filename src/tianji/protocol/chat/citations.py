"""What an answer cites, as the hub has it.

Pages are `annotations` in OpenAI's form. Passages of documents, of which that form of chat knows nothing, stand in the
`citations` of a provider's own fields: a list for each text that cites, whose members have Anthropic's form, since it
says the most of them (https://docs.anthropic.com/en/docs/build-with-claude/citations). A page may stand there, too.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]


def page(url: str, title: object, start: int, end: int) -> Json:
    """Return the annotation of a page. start, end: what of the answer it belongs to, in characters."""
    told = title if isinstance(title, str) else ""
    return {
        "type": "url_citation",
        "url_citation": {"url": url, "title": told, "start_index": start, "end_index": end},
    }


def result(source: str, title: object, text: str, index: int = 0) -> Json:
    """Return the citation of a document of which no more is known than what it is called and says."""
    return {
        "type": "search_result_location",
        "source": source,
        "title": title if isinstance(title, str) else None,
        "cited_text": text,
        "search_result_index": index,
        "start_block_index": 0,
        "end_block_index": 1,
    }


def web(url: str, title: object, text: str) -> Json:
    """Return the citation of a page in the form of those of documents."""
    return {
        "type": "web_search_result_location",
        "url": url,
        "title": title if isinstance(title, str) else None,
        "cited_text": text,
        "encrypted_index": "",
    }


def all_of(annotations: Iterable[Json], fields: Mapping[str, Any]) -> list[Json]:
    """Return what an answer cites, documents and pages, each in Anthropic's form."""
    found = _own(fields)
    known = {one.get("url") for one in found}
    for one in annotations:
        cited = one.get("url_citation")
        if isinstance(cited, dict) and cited.get("url") not in known:
            found.append(web(str(cited.get("url") or ""), cited.get("title"), ""))
        filed = one.get("file_citation")
        if isinstance(filed, dict):
            index = filed.get("index")
            found.append(
                result(
                    str(filed.get("file_id") or ""), filed.get("filename"), "", index if isinstance(index, int) else 0
                )
            )
    return found


def documents_of(annotations: Iterable[Json], fields: Mapping[str, Any]) -> list[Json]:
    """Return what an answer cites that is no page, in Anthropic's form."""
    return [one for one in all_of(annotations, fields) if "url" not in one]


def own_documents(fields: Mapping[str, Any]) -> list[Json]:
    """Return the documents that only a provider's own fields name."""
    return [one for one in _own(fields) if "url" not in one]


def title_of(citation: Mapping[str, Any]) -> str:
    """Return what a document is called, "" where that is not known."""
    title = citation.get("document_title") or citation.get("title")
    return title if isinstance(title, str) else ""


def source_of(citation: Mapping[str, Any]) -> str:
    """Return where a document lies, or the id of its file; "" where that is not known."""
    source = citation.get("file_id") or citation.get("source")
    return source if isinstance(source, str) else ""


def filed(citation: Mapping[str, Any]) -> Json:
    """Return the citation of a document in the flat form of the Responses API.

    https://platform.openai.com/docs/api-reference/responses/object
    """
    index = citation.get("document_index", citation.get("search_result_index"))
    return {
        "type": "file_citation",
        "file_id": source_of(citation),
        "filename": title_of(citation),
        "index": index if isinstance(index, int) else 0,
    }


def _own(fields: Mapping[str, Any]) -> list[Json]:
    several = fields.get("citations")
    if not isinstance(several, list):
        return []
    return [one for listed in several if isinstance(listed, list) for one in listed if isinstance(one, dict)]
