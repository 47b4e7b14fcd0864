"""Tavily: https://docs.tavily.com/documentation/api-reference/endpoint/search."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, lower, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "TAVILY_API_BASE", default="https://api.tavily.com")
    headers = {"authorization": f"Bearer {given.need('api_key', 'TAVILY_API_KEY')}"}

    def write(query: Query) -> Request:
        domains = list(query.domains) or None
        asked = {"query": query.text, "max_results": query.results, "include_domains": domains}
        return posted(f"{base}/search", headers, {**query.more, **asked, "country": lower(query.country)})

    def dearer(query: Query) -> bool:
        return query.more.get("search_depth") == "advanced"

    return Provider(
        write,
        lambda said: rows(said["results"], snippets=("content",), date="published_date"),
        ("tavily/search", "tavily/search-advanced"),
        dearer=dearer,
    )
