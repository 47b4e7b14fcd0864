"""A model's own search of the web, made here: what all forms of requests have in common.

The provider's tool is replaced by a function that every model can call. What it is called with is searched, the model
is asked again with what was found, and the client sees what a provider's own search would have shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji.searching.query import MOST_QUERIES, Result

FUNCTION: Final = "litellm_web_search"
DESCRIPTION: Final = (
    "Search the web for what is current, or not known. Returns titles, addresses and excerpts of pages."
)
PARAMETERS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "What to search for."},
        "objective": {"type": "string", "description": "What is to be found out."},
        "search_queries": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Further searches, where one does not find all of it.",
        },
    },
    "required": ["query"],
}
LONGEST: Final = 4000  # characters of one page that a model is shown
_NATIVE: Final = "web_search"


class Asked(Struct, frozen=True):
    """One call of the function. `queries`: empty where it names none."""

    id: str
    queries: tuple[str, ...]


class Answered(Struct, frozen=True):
    """What came of a call. `error`: Anthropic's code for why nothing did; "" where something did."""

    asked: Asked
    results: tuple[Result, ...] = ()
    error: str = ""

    @property
    def text(self) -> str:
        """What a model is told."""
        if self.error:
            return f"The search failed: {self.error}."
        if not self.results:
            return "Nothing was found."
        return "\n\n".join(
            f"Title: {result.title}\nURL: {result.url}\n{result.snippet[:LONGEST]}".rstrip() for result in self.results
        )


class Form(Protocol):
    """How one form of requests and answers says all this. Bodies are decoded JSON objects, and changed in place."""

    def prepare(self, body: dict[str, Any]) -> bool:
        """Put the function in the place of the search tools that there are; whether one is a provider's own."""

    def calls(self, answer: Mapping[str, Any]) -> list[Asked]:
        """Return the calls of the function in an answer."""

    def proceed(
        self, body: dict[str, Any], answer: Mapping[str, Any], found: Sequence[Answered], *, last: bool
    ) -> None:
        """Make the request ask again, with what was found. `last`: so that it is answered without a search."""

    def finish(self, answer: dict[str, Any], found: Sequence[Answered], *, native: bool) -> None:
        """Show in the last answer what was searched, as the provider's own tool does, if it was asked for."""

    def add_usage(self, answer: dict[str, Any], earlier: Mapping[str, Any]) -> None:
        """Add what an earlier answer used to the last one."""


def is_search(tool: Any) -> bool:
    """Whether a tool is a search of the web, in any form."""
    if not isinstance(tool, Mapping):
        return False
    kind, name = str(tool.get("type", "")), tool.get("name")
    function = tool.get("function")
    inner = function.get("name") if isinstance(function, Mapping) else None
    return (
        is_native(tool)
        or FUNCTION in (name, inner)
        or (name == _NATIVE and bool(kind) and kind != "function")
        or (name == "WebSearch" and "input_schema" not in tool)
    )


def is_native(tool: Any) -> bool:
    """Whether a tool is a provider's own search: `web_search`, `web_search_20250305` and their like."""
    kind = str(tool.get("type", "")) if isinstance(tool, Mapping) else ""
    return kind == _NATIVE or kind.startswith(f"{_NATIVE}_")


class Limits(Struct, frozen=True):
    """What a request's own search tool says of searches. `uses`: how many there may be, None for any number."""

    uses: int | None = None
    domains: tuple[str, ...] = ()
    country: str | None = None


def limits(tools: object) -> Limits:
    """Read them, of the first search tool that there is."""
    found: list[Mapping[str, Any]] = [tool for tool in tools if is_search(tool)] if isinstance(tools, list) else []
    tool = found[0] if found else {}
    uses, domains, place = tool.get("max_uses"), tool.get("allowed_domains"), tool.get("user_location")
    filters = tool.get("filters")
    if domains is None and isinstance(filters, Mapping):
        domains = filters.get("allowed_domains")
    country = place.get("country") if isinstance(place, Mapping) else None
    return Limits(
        uses=uses if isinstance(uses, int) and not isinstance(uses, bool) else None,
        domains=tuple(one for one in domains if isinstance(one, str)) if isinstance(domains, list) else (),
        country=country if isinstance(country, str) else None,
    )


def swap(body: dict[str, Any], function: Mapping[str, Any]) -> bool:
    """Put the function in the place of all search tools; whether one of them was a provider's own."""
    tools = body["tools"]
    body["tools"] = [*(tool for tool in tools if not is_search(tool)), function]
    return any(map(is_native, tools))


def choose(body: dict[str, Any], *, last: bool) -> None:
    """Have the model say, in OpenAI's forms, whether it searches once more; `last`: that it does not."""
    if last:
        body["tool_choice"] = "none"
    elif body.get("tool_choice") == "required" or isinstance(body.get("tool_choice"), Mapping):
        body["tool_choice"] = "auto"


def decoded(arguments: object) -> object:
    """Return the arguments of a call in OpenAI's forms, which are a text; None for what is not JSON."""
    try:
        return msgspec.json.decode(arguments) if isinstance(arguments, str) else arguments
    except msgspec.DecodeError:
        return None


def has_search(tools: object) -> bool:
    """Whether there is a search among tools."""
    return isinstance(tools, list) and any(map(is_search, tools))


def asked(name: object, call_id: object, arguments: object) -> Iterator[Asked]:
    """Yield a call if it is one of the function."""
    if name == FUNCTION:
        yield Asked(str(call_id), tuple(queries(arguments)))


def queries(arguments: object) -> Iterator[str]:
    """Yield what a call searches for, each once."""
    given = arguments if isinstance(arguments, Mapping) else {}
    more = given.get("search_queries")
    said = [given.get("query"), *(more if isinstance(more, list) else ())]
    texts = [one.strip() for one in said if isinstance(one, str) and one.strip()]
    yield from list(dict.fromkeys(texts))[:MOST_QUERIES]


def summed(one: Any, other: Any) -> Any:
    """Return two objects of numbers together, member by member."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {name: summed(one.get(name), other.get(name)) for name in [*one, *(n for n in other if n not in one)]}
    if _is_number(one) and _is_number(other):
        return one + other
    return other if one is None else one


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
