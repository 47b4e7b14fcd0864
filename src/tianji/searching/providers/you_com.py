"""You.com: https://docs.you.com/api-reference/search. Without a key it has another place, for a few searches a day."""

from collections.abc import Iterator
from typing import Any, Final

from tianji.config.given import Given
from tianji.searching.provider import Provider, Request, confined, got, text
from tianji.searching.query import Query, Result

_KEYED: Final = "https://ydc-index.io/v1/search"
_FREE: Final = "https://api.you.com/v1/agents/search"


def build(given: Given) -> Provider:
    """Return it. Raises ConfigurationError for what is none."""
    key = given.text("api_key", "YOUCOM_API_KEY", "YDC_API_KEY")
    where = given.base("api_base", "YOUCOM_API_BASE", default=_KEYED if key else _FREE)
    headers = {"x-api-key": key} if key else {}

    def write(query: Query) -> Request:
        asked = {"query": confined(query), "count": query.results, "country": query.country}
        return got(where, headers, {**query.more, **asked})

    return Provider(write, _read, ("you_com/search",))


def _read(said: Any) -> Iterator[Result]:
    for row in said["results"].get("web") or ():
        pieces = map(text, row.get("snippets") or ())
        snippet = next(filter(None, pieces), "") or text(row.get("description"))
        yield Result(text(row.get("title")), text(row.get("url")), snippet, text(row.get("page_age")) or None)
