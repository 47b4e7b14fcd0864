"""fastCRW, whose answers are as Firecrawl's were: https://fastcrw.com/docs/rest-api."""

from typing import Final

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, posted, rows
from tianji.searching.query import Query

_SCRAPED: Final = {"formats": ["markdown"], "onlyMainContent": True}


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "CRW_API_BASE", default="https://fastcrw.com/api/v1")
    headers = {"authorization": f"Bearer {given.need('api_key', 'CRW_API_KEY')}"}

    def write(query: Query) -> Request:
        asked = {"query": confined(query), "limit": query.results}
        return posted(f"{base}/search", headers, {"scrapeOptions": _SCRAPED, **query.more, **asked})

    return Provider(write, lambda said: rows(said["data"], snippets=("markdown", "description")), ("fastcrw/search",))
