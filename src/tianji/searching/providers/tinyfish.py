"""TinyFish, which gives ten results at most: https://docs.tinyfish.ai/search-api."""

from itertools import islice
from typing import Any

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "TINYFISH_API_BASE", default="https://api.search.tinyfish.ai")
    headers = {"x-api-key": given.need("api_key", "TINYFISH_API_KEY"), "accept": "application/json"}

    def write(query: Query) -> Request:
        own: dict[str, Any] = {name: _said(value) for name, value in query.more.items()}
        return got(base, headers, {**own, "query": confined(query), "location": query.country})

    return Provider(write, lambda said: rows(islice(said["results"], 10), snippets=("snippet",)), ("tinyfish/search",))


def _said(value: Any) -> Any:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value
