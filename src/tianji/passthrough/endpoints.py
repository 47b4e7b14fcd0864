"""Paths of the gateway that the configuration leads elsewhere: `general_settings.pass_through_endpoints`.

Loaded by the first request to one of them.
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from tianji._core.edges.exchange import Exchange
from tianji._core.requests.lane import Filter, Lane, Way
from tianji.auth.identity import Identity, Role
from tianji.config.schema.general import PassThroughEndpoint
from tianji.errors import ConfigurationError, Header, PermissionDenied
from tianji.passthrough.forms import form_of
from tianji.passthrough.places import basic
from tianji.passthrough.routes import KEY_HEADER
from tianji.passthrough.rows import ROWS
from tianji.passthrough.targets import Query, below, join, model_in
from tianji.passthrough.ways import Leading, Maker, flat_rates
from tianji.providers.address import encode_headers

UNKNOWN: Final = "pass_through"  # the provider of a target that is none's
_PAIR: Final = ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")
_NEEDED: Final = frozenset({b"accept", b"content-type"})  # without these nobody knows what the body is


def way(maker: Maker, endpoint: PassThroughEndpoint, *, usual_timeout: float, knows: Callable[[bytes], bool]) -> Way:
    """Return where an endpoint leads. `knows` tells whether what stands in a header is a key of the gateway's.

    Raises ConfigurationError for a target or headers that cannot be used.
    """
    target = urlsplit(endpoint.address)
    base = f"{target.scheme}://{target.netloc}{target.path.rstrip('/')}"
    provider = provider_of(target.hostname or "")
    origin, host, prefix = maker.origins.of(base, None, http2=False)
    sent = headers(endpoint.headers)
    depth = endpoint.path.strip("/").count("/") + 1

    def find(raw: bytes) -> Lane:
        path = join(prefix.encode("ascii"), below(raw, depth)) if raw else target.path.encode("ascii") or b"/"
        return Lane(
            origin=origin,
            target=path,
            headers=[(b"host", host.encode("ascii")), (b"accept-encoding", b"identity"), *sent],
            model=model_in(path) if provider != UNKNOWN else None,
            form=form_of(path) if provider != UNKNOWN else None,
        )

    own = endpoint.headers.get(KEY_HEADER)
    return maker.way(
        Leading(
            label=endpoint.path,
            provider=provider,
            base=base,
            find=find,
            headers=Filter(
                takes=None if endpoint.forward_headers else _NEEDED,
                drops=maker.hidden | ({own.lower().encode()} if own else frozenset()),
                known=knows if endpoint.forward_headers and not endpoint.auth else None,
            ),
            query=Query(
                own=target.query.encode("ascii"),
                merged=endpoint.merge_query_params,
                defaults=endpoint.default_query_params.items(),
            ),
            timeout=endpoint.timeout or usual_timeout,
            flat=flat_rates(endpoint.cost_per_request) if endpoint.cost_per_request else None,
            grant=granted if endpoint.auth else None,
            entry=endpoint,
        )
    )


def headers(written: Mapping[str, str]) -> tuple[Header, ...]:
    """Return the headers that every request to a target has. Raises ConfigurationError for what is none."""
    sent = {name: value for name, value in written.items() if name != KEY_HEADER and name not in _PAIR}
    pair = [written.get(name) for name in _PAIR]
    if all(pair):
        sent["authorization"] = basic(*pair)
    try:
        return encode_headers(sent.items())
    except ConfigurationError as error:
        raise ConfigurationError(f"headers: {error.message}") from error


def provider_of(host: str) -> str:
    """Return whose host it is, since then it is known how answers say what they used, and what that costs."""
    for row in ROWS:
        known = urlsplit(row.base).hostname
        if known and host == known:
            return row.provider
    return "vertex_ai" if host.endswith("aiplatform.googleapis.com") else UNKNOWN


def granted(exchange: Exchange) -> None:
    """Hold the caller's lists of paths against this one. Raises PermissionDenied (403).

    `denied_passthrough_routes` goes before `allowed_passthrough_routes`; both count of the key and of its team. Who has
    no list may come.
    """
    identity = exchange.identity
    if not isinstance(identity, Identity) or identity.role is Role.PROXY_ADMIN:
        return
    for metadata in (identity.metadata, identity.team_metadata):
        if _lists(metadata.get("denied_passthrough_routes"), exchange.path):
            raise PermissionDenied(f"this key may not use {exchange.path[:200]}: denied_passthrough_routes names it")
    lists = [metadata.get("allowed_passthrough_routes") for metadata in (identity.metadata, identity.team_metadata)]
    said = [one for one in lists if isinstance(one, list) and one]
    if said and not any(_lists(one, exchange.path) for one in said):
        raise PermissionDenied(f"this key may not use {exchange.path[:200]}: allowed_passthrough_routes leaves it out")


def _lists(paths: object, path: str) -> bool:
    """Whether a list of paths holds this one, or one above it; a star at the end stands for anything."""
    return isinstance(paths, list) and any(
        path == one or path.startswith(one[:-1] if one.endswith("*") else one.rstrip("/") + "/")
        for one in paths
        if isinstance(one, str) and one
    )
