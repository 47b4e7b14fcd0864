"""What a provider of searches is made of: it writes requests and reads answers, and does nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tianji.searching.query import Query, Result

_JSON: Final = {"content-type": "application/json"}


class Request(Struct, frozen=True):
    """One request of HTTP."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class Provider(Struct, frozen=True):
    """One provider.

    read: from the JSON of an answer to what was found; raises LookupError, TypeError or AttributeError for another form
    names: under which the price catalogue may have its searches, the usual one first
    price: US dollars where it has none; dearer: whether a search is of the second of them
    """

    write: Callable[[Query], Request]
    read: Callable[[Any], Iterator[Result]]
    names: tuple[str, ...]
    price: float = 0.0
    dearer: Callable[[Query], bool] = lambda _query: False

    def listed(self, query: Query) -> str:
        """Return the name of a search in the price catalogue."""
        return self.names[self.dearer(query)]


def posted(url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Request:
    """Return a request with a body of JSON. Members that are None are left out."""
    kept = {name: value for name, value in body.items() if value is not None}
    return Request("POST", url, {**headers, **_JSON}, msgspec.json.encode(kept))


def got(url: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> Request:
    """Return a request with a query. Members that are None are left out."""
    kept = {name: value for name, value in query.items() if value is not None and not isinstance(value, dict | list)}
    return Request("GET", f"{url}?{urlencode(kept)}", headers)


def confined(query: Query) -> str:
    """Return the words of a search, confined to its domains by what search engines understand."""
    if not query.domains:
        return query.text
    return f"{query.text} ({' OR '.join(f'site:{domain}' for domain in query.domains)})"


def lower(country: str | None) -> str | None:
    """Return a country in small letters."""
    return None if country is None else country.lower()


def text(value: object) -> str:
    """Return a text; empty for anything else."""
    return value if isinstance(value, str) else ""


def rows(
    found: Iterable[Any], *, title: str = "title", url: str = "url", snippets: tuple[str, ...], date: str = "date"
) -> Iterator[Result]:
    """Yield results out of objects, by the names of their members; of snippets the first that there is."""
    for row in found:
        snippet = next(filter(None, (text(row.get(name)) for name in snippets)), "")
        yield Result(text(row.get(title)), text(row.get(url)), snippet, text(row.get(date)) or None)
