"""SearXNG, which is one's own: https://docs.searxng.org/dev/search_api.html. A search costs nothing."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, lower, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "SEARXNG_API_BASE")
    key = given.text("api_key", "SEARXNG_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}

    def write(query: Query) -> Request:
        asked = {"q": confined(query), "format": "json", "language": lower(query.country)}
        return got(f"{base}/search", headers, {**query.more, **asked})

    return Provider(
        write,
        lambda said: rows(said["results"], snippets=("content",), date="publishedDate"),
        ("searxng/search",),
    )
