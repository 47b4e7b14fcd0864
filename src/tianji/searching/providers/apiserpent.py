"""APISerpent, which asks Google, Bing, Yahoo or DuckDuckGo, quickly or in depth: https://apiserpent.com/docs."""

from typing import Any

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, lower, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "APISERPENT_API_BASE", default="https://apiserpent.com")
    headers = {"x-api-key": given.need("api_key", "APISERPENT_API_KEY")}

    def write(query: Query) -> Request:
        path, least = ("/api/search", 10) if query.more.get("deep") else ("/api/search/quick", 1)
        own = {name: value for name, value in query.more.items() if name != "deep"}
        asked = {"q": confined(query), "num": max(least, query.results), "country": lower(query.country)}
        return got(f"{base}{path}", headers, {"engine": "google", "format": "full", **own, **asked})

    return Provider(write, _read, ("apiserpent/search", "apiserpent/deep_search"), 0.0006, _is_deep)


def _is_deep(query: Query) -> bool:
    return bool(query.more.get("deep"))


def _read(said: Any) -> Any:
    found = said["results"]
    return rows(found["organic"] if isinstance(found, dict) else found, snippets=("snippet",))
