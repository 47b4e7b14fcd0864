"""Linkup: https://docs.linkup.so/pages/documentation/api-reference/endpoint/post-search."""

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, posted, rows
from tianji.searching.query import Query


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is missing."""
    base = given.base("api_base", "LINKUP_API_BASE", default="https://api.linkup.so/v1")
    headers = {"authorization": f"Bearer {given.need('api_key', 'LINKUP_API_KEY')}"}

    def write(query: Query) -> Request:
        usual = {"depth": "standard", "outputType": "searchResults"}
        asked = {"q": query.text, "maxResults": query.results, "includeDomains": list(query.domains) or None}
        return posted(f"{base}/search", headers, {**usual, **query.more, **asked})

    def dearer(query: Query) -> bool:
        return query.more.get("depth") == "deep"

    return Provider(
        write,
        lambda said: rows(said["results"], title="name", snippets=("content", "snippet")),
        ("linkup/search", "linkup/search-deep"),
        dearer=dearer,
    )
