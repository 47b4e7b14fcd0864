"""Which models a caller may use, in OpenAI's list form."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.identity import Identity
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import Unacceptable
from tianji.gateway.compiled.listed import KINDS
from tianji.gateway.compiled.snapshot import Snapshot

_TAGS: Final = ("models",)
_PATHS: Final = ("/v1/models", "/models", "/cursor/v1/models", "/cursor/models")
_QUERY: Final[Mapping[str, str]] = {
    "return_wildcard_routes": "list patterns such as openai/* as well",
    "include_model_access_groups": "list access groups as well",
    "only_model_access_groups": "list access groups alone",
    "include_metadata": "add metadata.fallbacks",
    "fallback_type": "which fallbacks: general, context_window or content_policy",
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
    metadata: Mapping[str, Any] | None = None


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


def listed_models(snapshot: Snapshot, caller: object, query: Mapping[str, str]) -> Iterator[Model]:
    """Yield what a caller may see of a Snapshot's models. Raises Unacceptable for an unknown `fallback_type`."""
    listed, kind = snapshot.listed, query.get("fallback_type", KINDS[0])
    if kind not in KINDS:
        raise Unacceptable(f"fallback_type must be one of {', '.join(KINDS)}", param="fallback_type")
    for name in _names(snapshot, caller, query):
        facts = listed.facts(name)
        yield Model(
            id=name,
            mode=facts.mode,
            max_input_tokens=facts.max_input_tokens,
            max_output_tokens=facts.max_output_tokens,
            metadata={"fallbacks": listed.fallbacks(name, kind)} if _on(query, "include_metadata") else None,
        )


def _names(snapshot: Snapshot, caller: object, query: Mapping[str, str]) -> Iterator[str]:
    identity = caller if isinstance(caller, Identity) else None
    team = None if identity is None else identity.team_id
    names = [] if _on(query, "only_model_access_groups") else snapshot.models()
    if names and _on(query, "return_wildcard_routes"):
        names += [name for name in snapshot.groups if "*" in name]
    if names:
        names += [public for owner, public in snapshot.table.teams if owner == team]
    for name in names:
        owned = snapshot.members.get(name)
        if owned and all(entry.info.team_id for entry, _ in owned):
            continue  # its team calls it by another name
        if identity is None or identity.admits(name) is None:
            yield name
    if _on(query, "include_model_access_groups") or _on(query, "only_model_access_groups"):
        yield from _groups(snapshot, identity)


def _groups(snapshot: Snapshot, identity: Identity | None) -> Iterator[str]:
    """Yield the access groups of which a caller may use a model."""
    for group in snapshot.listed.grouped():
        held = {entry.model_name for entry in snapshot.config.model_list if group in entry.info.access_groups}
        if identity is None or any(identity.admits(name) is None for name in held):
            yield group


def _on(query: Mapping[str, str], name: str) -> bool:
    return query.get(name, "").lower() == "true"
