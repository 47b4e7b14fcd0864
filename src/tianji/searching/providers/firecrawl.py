"""Firecrawl: https://docs.firecrawl.dev/api-reference/endpoint/search."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "FIRECRAWL_API_BASE", default="https://api.firecrawl.dev")
    headers = {"authorization": f"Bearer {given.need('api_key', 'FIRECRAWL_API_KEY')}"}

    def write(query: Query) -> Request:
        asked = {"query": confined(query), "limit": query.results, "country": query.country}
        return posted(f"{base}/v2/search", headers, {**query.more, **asked})

    return Provider(
        write,
        lambda said: rows(said["data"].get("web", ()), snippets=("markdown", "description")),
        ("firecrawl/search",),
        0.002,
    )
