"""What is asked of a search, and what comes of it: the form of Perplexity's API, which clients speak.

https://docs.perplexity.ai/api-reference/search-post
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.errors import InvalidRequest, MalformedJSON

MOST_RESULTS: Final = 20
MOST_DOMAINS: Final = 20
MOST_QUERIES: Final = 5
USUAL: Final = 10
_OURS: Final = frozenset({"search_tool_name", "model", "query", "max_results", "search_domain_filter", "country"})


class Query(Struct, frozen=True):
    """One search. `domains`: that alone are searched; country: of two letters; more: what a provider alone knows."""

    text: str
    results: int = USUAL
    domains: tuple[str, ...] = ()
    country: str | None = None
    more: Mapping[str, Any] = {}


class Result(Struct, frozen=True, omit_defaults=True):
    """One page that was found."""

    title: str
    url: str
    snippet: str = msgspec.field(default="")
    date: str | None = None
    last_updated: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return it as clients know it."""
        found: dict[str, Any] = {"title": self.title, "url": self.url, "snippet": self.snippet}
        dates = {"date": self.date, "last_updated": self.last_updated}
        return found | {name: value for name, value in dates.items() if value}


class Body(Struct, frozen=True):
    """A request: several texts are as many searches. `tool`: which it names, None for none."""

    queries: tuple[Query, ...]
    tool: str | None


def read(body: bytes) -> Body:
    """Read a request. Raises InvalidRequest, and MalformedJSON."""
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedJSON(f"the body is not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise InvalidRequest("the body must be an object")
    asked = tree.get("query")
    texts = [asked] if isinstance(asked, str) else asked
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise InvalidRequest("`query` must be a text, or a list of texts", param="query")
    if len(texts) > MOST_QUERIES:
        raise InvalidRequest(f"`query` may have {MOST_QUERIES} texts", param="query")
    results, domains, country = (
        tree.get("max_results", USUAL),
        tree.get("search_domain_filter") or [],
        tree.get("country"),
    )
    if not isinstance(results, int) or isinstance(results, bool) or not 1 <= results <= MOST_RESULTS:
        raise InvalidRequest(f"`max_results` must be a number from 1 to {MOST_RESULTS}", param="max_results")
    if not isinstance(domains, list) or len(domains) > MOST_DOMAINS or not all(isinstance(one, str) for one in domains):
        raise InvalidRequest(
            f"`search_domain_filter` must be a list of up to {MOST_DOMAINS} domains", param="search_domain_filter"
        )
    if country is not None and not isinstance(country, str):
        raise InvalidRequest("`country` must be text", param="country")
    tool = tree.get("search_tool_name") or tree.get("model")
    if tool is not None and not isinstance(tool, str):
        raise InvalidRequest("`search_tool_name` must be text", param="search_tool_name")
    more = {name: value for name, value in tree.items() if name not in _OURS}
    return Body(tuple(Query(text, results, tuple(domains), country, more) for text in texts), tool)
