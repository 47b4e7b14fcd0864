"""Exa: https://docs.exa.ai/reference/search."""

from collections.abc import Iterator
from typing import Any

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, posted, text
from tianji.searching.query import Query, Result


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "EXA_API_BASE", default="https://api.exa.ai")
    headers = {"x-api-key": given.need("api_key", "EXA_API_KEY")}

    def write(query: Query) -> Request:
        asked = {"query": query.text, "numResults": query.results, "includeDomains": list(query.domains) or None}
        asked |= {"userLocation": query.country, "contents": {"text": True}}
        return posted(f"{base}/search", headers, {**asked, **query.more})

    return Provider(write, _read, ("exa_ai/search",), 0.005)


def _read(said: Any) -> Iterator[Result]:
    for row in said["results"]:
        marks = row.get("highlights")
        snippet = text(row.get("text")) or " ".join(map(text, marks if isinstance(marks, list) else ()))
        yield Result(text(row.get("title")), text(row.get("url")), snippet, text(row.get("publishedDate")) or None)
