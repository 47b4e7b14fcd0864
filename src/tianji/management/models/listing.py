"""Which models a caller may use, in OpenAI's list form."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route

_TAGS: Final = ("models",)
_PATHS: Final = ("/v1/models", "/models", "/cursor/v1/models", "/cursor/models")
_QUERY: Final[Mapping[str, str]] = {
    "return_wildcard_routes": "list patterns such as openai/* as well",
    "include_metadata": "add metadata.fallbacks",
    "healthy_only": "leave out models without a healthy deployment",
}


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. `created` and `owned_by` are the same for all: clients have always got these values."""

    id: str
    object: str = msgspec.field(default_factory=lambda: "model")  # a factory, so that omit_defaults keeps it
    created: int = msgspec.field(default_factory=lambda: 1677610602)
    owned_by: str = msgspec.field(default_factory=lambda: "openai")
    mode: str | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None


Listing = Callable[[object, Mapping[str, str]], Iterable[Model]]
Narrow = Callable[[object, str, Collection[str]], Awaitable[frozenset[str]]]


class Models:
    """The model routes. `listing(caller, query)` gives what the caller may see.

    narrow: what hides some of that at the moment, given who asks, on which path, and the names; None: nothing does
    """

    def __init__(self, listing: Listing, narrow: Callable[[], Narrow | None] = lambda: None) -> None:
        self._listing = listing
        self._narrow = narrow

    def routes(self) -> list[Route]:
        """Return the rows of the route table."""
        rows = []
        for path in _PATHS:
            rows.append(
                Route(
                    ("GET",),
                    path,
                    self._list,
                    Access.KEY,
                    Tenant.CALLER,
                    "List the models that this key may use.",
                    _TAGS,
                    query=_QUERY,
                )
            )
            rows.append(
                Route(
                    ("GET",),
                    path + "/{model_id:path}",
                    self._one,
                    Access.INFO,
                    Tenant.CALLER,
                    "Describe one model.",
                    _TAGS,
                )
            )
        return rows

    def _list(self, exchange: Exchange, _match: Match) -> Awaitable[None] | None:
        query = dict(parse_qsl(exchange.query.decode("ascii", "replace")))
        return self._shown(exchange, query, lambda models: respond_json(exchange, {"data": models, "object": "list"}))

    def _one(self, exchange: Exchange, match: Match) -> Awaitable[None] | None:
        wanted = match.params["model_id"]

        def answer(models: list[Model]) -> None:
            found = next((model for model in models if model.id == wanted), None)
            if found is not None:
                respond_json(exchange, found)
                return
            detail = f"Model '{wanted}' does not exist or this key may not use it; GET /v1/models lists those it may"
            respond_json(exchange, {"detail": detail}, 404)

        return self._shown(exchange, {}, answer)

    def _shown(
        self, exchange: Exchange, query: Mapping[str, str], answer: Callable[[list[Model]], None]
    ) -> Awaitable[None] | None:
        """Answer with what may be seen: at once, or later where somebody hides some of it."""
        found, narrow = list(self._listing(exchange.identity, query)), self._narrow()
        if narrow is None:
            answer(found)
            return None
        return _narrowed(exchange, found, narrow, answer)


async def _narrowed(
    exchange: Exchange, found: list[Model], narrow: Narrow, answer: Callable[[list[Model]], None]
) -> None:
    kept = await narrow(exchange.identity, exchange.path, [model.id for model in found])
    answer([model for model in found if model.id in kept])
