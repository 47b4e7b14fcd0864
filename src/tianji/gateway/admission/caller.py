"""What a caller's key, and what stands above it, mean for the routing of a request."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.asked import Asked
from tianji._core.routing.router import Group, Table
from tianji.auth.identity import Identity
from tianji.errors import UnknownModel
from tianji.gateway.admission.steering import Steering
from tianji.routing.asked import read_request, read_scope
from tianji.routing.eligibility import Scope
from tianji.routing.failure import Kind
from tianji.routing.router import Hop, Request, Router
from tianji.routing.selections import weights_of

# of `router_settings` of a key or team: members that count where the request has none of its own
OWN_SETTINGS: Final = (
    "fallbacks", "context_window_fallbacks", "content_policy_fallbacks", "num_retries", "max_fallbacks",
)  # fmt: skip


Refuses = Callable[[Identity, Group], str | None]
REGION: Final = "allowed_model_region"  # a member of requests, and of the metadata of keys and teams


def request_of(
    table: Table, exchange: Exchange, steer: Steering | None, model: str, refuses: Refuses | None = None
) -> Request:
    """Return what a request asks of the router. Raises InvalidRequest for what is not usable.

    `refuses`: says why the caller's budgets do not allow a fallback to a group, or None.
    """
    identity = _known(exchange)
    members = steer.members if steer is not None else {}
    settings = identity.router_settings if identity is not None else {}
    own = {name: settings[name] for name in OWN_SETTINGS if settings.get(name) is not None and name not in members}
    if identity is not None and "disable_fallbacks" not in members and identity.metadata.get("disable_fallbacks"):
        own["disable_fallbacks"] = True
    fields = steer.fields if steer is not None else {}
    asked = read_request(model, {**members, **own}, fields, any_credentials=table.trusts_clients)
    admits = asked.admits if identity is None else _admits(identity, refuses if identity.limited else None)
    return msgspec.structs.replace(asked, admits=admits, explains=steer is not None and steer.explains)


def stand_ins(asked: Asked) -> list[str]:
    """Name the fallbacks of a request's group that need no other body, in their order."""
    router: Router = asked.table.router
    request = request_of(asked.table, asked.exchange, asked.steer, asked.routed)
    if request.disable_fallbacks:
        return []
    names = (asked.routed, asked.group.name)
    walk = router.fallbacks.walk(names, request.wishes)
    targets = iter(lambda: walk.next(Kind.RATE_LIMIT, names, 0, 0), None)
    return [target.name for target in targets if not target.overrides]


def groups_of(asked: Asked) -> list[Group]:
    """Return the groups that may come to serve a request, its own first: those that some failure of it leads to."""
    router: Router = asked.table.router
    request = request_of(asked.table, asked.exchange, asked.steer, asked.routed)
    first = Hop(asked.routed, asked.group, asked.resolution)
    found = [asked.group]
    for kind in () if request.disable_fallbacks else (Kind.INTERNAL, Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY):
        walk, hop = router.fallbacks.walk(first.names, request.wishes), first
        while (target := walk.next(kind, hop.names, hop.depth, 0)) is not None:
            try:
                hop = Hop(target.name, *router.resolve(target.name), target.depth)
            except UnknownModel:
                continue
            if hop.group not in found:
                found.append(hop.group)  # type: ignore[arg-type]  # the protocol that routing knows is a Group here
    return found


def scope_of(table: Table, exchange: Exchange, steer: Steering | None) -> Scope | None:
    """Return what narrows the deployments of a request; None when nothing does. Raises InvalidRequest as above."""
    identity = _known(exchange)
    router: Router = table.router
    looks = router.switches.looks_at_agents
    scope = read_scope(
        {} if steer is None else steer.members,
        dict(exchange.headers) if looks else {} if steer is None else steer.fields,
        inherited=() if identity is None else identity.labels,
        team=None if identity is None else identity.team_id,
        regions=_regions(router, identity),
        looks_at_agent=looks,
        filters=None if identity is None else _switch(identity.router_settings.get("enable_tag_filtering")),
    )
    if exchange.pinned is None:
        return scope
    return msgspec.structs.replace(scope or Scope(), deployment=exchange.pinned)


def weights_for(exchange: Exchange, group: Group) -> bytes | None:
    """Return `Needs.weights` by the key's own `router_settings.weights`: by group, then by deployment id."""
    identity = _known(exchange)
    written = None if identity is None else identity.router_settings.get("weights")
    own = written.get(group.name) if isinstance(written, Mapping) else None
    if not isinstance(own, Mapping):
        return None
    return weights_of(group.selection, {name: float(weight) for name, weight in own.items() if _is_weight(weight)})


def _known(exchange: Exchange) -> Identity | None:
    return exchange.identity if isinstance(exchange.identity, Identity) else None


def _admits(identity: Identity, refuses: Refuses | None) -> Callable[[str, Any], str | None]:
    def admits(name: str, group: Group) -> str | None:
        return identity.admits(name) or (None if refuses is None else refuses(identity, group))

    return admits


def _regions(router: Router, identity: Identity | None) -> tuple[str, ...]:
    """Return where the deployment has to lie by the settings, the team and the key."""
    words = [router.switches.region]
    if identity is not None:
        words += [identity.team_metadata.get(REGION), identity.metadata.get(REGION)]
    return tuple(word for word in words if isinstance(word, str) and word)


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
