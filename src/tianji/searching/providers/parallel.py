"""Parallel: https://docs.parallel.ai/api-reference/search/search."""

from collections.abc import Iterator
from typing import Any, Final

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, lower, posted, text
from tianji.searching.query import Query, Result

_CHEAP: Final = ("basic", "turbo")  # modes


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "PARALLEL_API_BASE", default="https://api.parallel.ai")
    headers = {"x-api-key": given.need("api_key", "PARALLEL_API_KEY")}

    def write(query: Query) -> Request:
        given_settings = query.more.get("advanced_settings")
        settings = dict(given_settings) if isinstance(given_settings, dict) else {}
        settings["max_results"] = query.results
        if query.domains:
            settings["source_policy"] = {"include_domains": list(query.domains)}
        if query.country:
            settings["location"] = lower(query.country)
        asked = {"objective": query.text, "search_queries": [query.text], "advanced_settings": settings}
        return posted(f"{base}/v1/search", headers, {**query.more, **asked})

    def dearer(query: Query) -> bool:
        return query.more.get("mode") not in _CHEAP

    return Provider(write, _read, ("parallel_ai/search-turbo", "parallel_ai/search"), dearer=dearer)


def _read(said: Any) -> Iterator[Result]:
    for row in said["results"]:
        snippet = "\n\n".join(filter(None, map(text, row.get("excerpts") or ())))
        yield Result(text(row.get("title")), text(row.get("url")), snippet, text(row.get("publish_date")) or None)
