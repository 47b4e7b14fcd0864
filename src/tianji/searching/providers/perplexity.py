"""Perplexity's search, whose form clients speak: https://docs.perplexity.ai/api-reference/search-post."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "PERPLEXITY_API_BASE", default="https://api.perplexity.ai")
    key = given.need("api_key", "PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")

    def write(query: Query) -> Request:
        asked = {"query": query.text, "max_results": query.results, "country": query.country}
        more = {**query.more, "search_domain_filter": list(query.domains) or None}
        return posted(f"{base}/search", {"authorization": f"Bearer {key}"}, {**more, **asked})

    return Provider(write, lambda said: rows(said["results"], snippets=("snippet",)), ("perplexity/search",), 0.005)
