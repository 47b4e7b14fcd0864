"""Brave: https://api-dashboard.search.brave.com/app/documentation/web-search/get-started."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "BRAVE_API_BASE", default="https://api.search.brave.com/res/v1")
    headers = {"x-subscription-token": given.need("api_key", "BRAVE_API_KEY"), "accept": "application/json"}

    def write(query: Query) -> Request:
        asked = {"q": confined(query), "count": query.results, "country": query.country}
        return got(f"{base}/web/search", headers, {**query.more, **asked})

    return Provider(
        write,
        lambda said: rows(said.get("web", {}).get("results", ()), snippets=("description",), date="page_age"),
        ("brave/search",),
        0.005,
    )
