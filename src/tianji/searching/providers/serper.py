"""Serper, which asks Google: https://serper.dev."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, lower, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "SERPER_API_BASE", default="https://google.serper.dev")
    headers = {"x-api-key": given.need("api_key", "SERPER_API_KEY")}

    def write(query: Query) -> Request:
        asked = {"q": confined(query), "num": query.results, "gl": lower(query.country)}
        return posted(f"{base}/search", headers, {**query.more, **asked})

    return Provider(
        write,
        lambda said: rows(said.get("organic", ()), url="link", snippets=("snippet",)),
        ("serper/search",),
        0.001,
    )
