"""Nimble: https://docs.nimbleway.com/api-reference/search/search."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "NIMBLE_API_BASE", default="https://sdk.nimbleway.com")
    headers = {"authorization": f"Bearer {given.need('api_key', 'NIMBLE_API_KEY')}"}

    def write(query: Query) -> Request:
        domains = list(query.domains) or None
        asked = {"query": query.text, "max_results": query.results, "include_domains": domains}
        return posted(f"{base}/v2/search", headers, {**query.more, **asked, "country": query.country})

    return Provider(
        write,
        lambda said: rows(said["results"], snippets=("description", "content")),
        ("nimble/search",),
        0.005,
    )
