"""SearchApi, which asks Google: https://www.searchapi.io/docs/google."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, lower, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "SEARCHAPI_API_BASE", default="https://www.searchapi.io/api/v1")
    headers = {"authorization": f"Bearer {given.need('api_key', 'SEARCHAPI_API_KEY')}"}

    def write(query: Query) -> Request:
        asked = {"q": confined(query), "num": query.results, "gl": lower(query.country)}
        return got(f"{base}/search", headers, {"engine": "google", **query.more, **asked})

    return Provider(
        write,
        lambda said: rows(said.get("organic_results", ()), url="link", snippets=("snippet",)),
        ("searchapi/search",),
    )
