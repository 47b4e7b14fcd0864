"""What a single request, its key or a header of it says of caching. Most say nothing and never come here."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tianji._core.caching.recall import Lookup
from tianji._core.requests.asked import Asked
from tianji.errors import InvalidRequest, PermissionDenied

_CONTROLS: Final = frozenset({"ttl", "s-maxage", "s-max-age", "no-cache", "no-store", "namespace", "use-cache"})
_NAMESPACE: Final = re.compile(r"[!-~]{1,128}")
_HEADER: Final = re.compile(r"(?:^|[,\s])s-maxage\s*=\s*\"?(\d{1,9})")
_LONGEST: Final = 10 * 365 * 86_400.0


class Wishes(msgspec.Struct, frozen=True):
    """Reads them. `opt_in`: only who asks for it has the cache (`mode: default_off`)."""

    opt_in: bool

    def __call__(self, asked: Asked, lookup: Lookup) -> bool:
        """Note what is wished in `lookup`; whether the cache has anything to do with the request.

        Raises InvalidRequest for what means nothing, PermissionDenied for what the key may not say.
        """
        if asked.steer is not None and stands_alone(asked.steer):
            return False
        body = asked.spans
        own = controls(body.get(b"cache") if body is not None else None)
        identity: Any = asked.exchange.identity
        if identity is not None:
            permit(own, identity.allowed_cache_controls)
        usual = identity.metadata.get("cache") if identity is not None else None
        header = _HEADER.search((asked.exchange.header(b"cache-control") or b"").decode("latin-1").lower())
        by_header = {"ttl": int(header[1])} if header else {}
        said = {**(usual if isinstance(usual, Mapping) else {}), **by_header, **own}
        if "namespace" not in said and asked.steer is not None:
            metadata = asked.steer.members.get("metadata")
            if isinstance(metadata, Mapping) and metadata.get("redis_namespace"):
                said["namespace"] = metadata["redis_namespace"]
        if self.opt_in and said.get("use-cache") is not True:
            return False
        apply(said, lookup)
        if body is not None and body.get(b"caching") == b"false":
            lookup.looks = False
        return lookup.looks or lookup.stores


def stands_alone(steer: Any) -> bool:
    """Whether a request has an answer that is nobody else's.

    It has a credential of its own, is a test, wants a trail, or says what goes upstream beside what its key is made of.
    """
    own = steer.api_key is not None or steer.fault is not None or bool(steer.explains)
    sends = steer.members.get("extra_headers") or steer.additional or steer.allowed
    return own or bool(sends) or steer.drop_params is not None


def controls(raw: bytes | None) -> dict[str, object]:
    """Read the member `cache`. Raises InvalidRequest."""
    if raw is None or raw == b"null":
        return {}
    try:
        return msgspec.json.decode(raw, type=dict[str, object])
    except msgspec.DecodeError:
        raise InvalidRequest(
            '`cache` must be an object, like {"ttl": 60} or {"no-cache": true}', param="cache"
        ) from None


def permit(said: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    """Raise PermissionDenied for a control that the key may not set; one without a list may set all."""
    denied = next((name for name in said if allowed and name not in allowed), None)
    if denied is not None:
        raise PermissionDenied(
            f"this key may not set the cache control {denied[:64]!r}; it may set: {', '.join(allowed)}", param="cache"
        )


def apply(said: Mapping[str, object], lookup: Lookup) -> None:
    """Note what is said. Raises InvalidRequest."""
    lookup.looks = not _flag(said, "no-cache")
    lookup.stores = not _flag(said, "no-store")
    ttl = _seconds(said, "ttl")
    if ttl is not None:
        lookup.ttl = ttl
        lookup.stores = lookup.stores and ttl > 0
    oldest = _seconds(said, "s-maxage")
    if oldest is None:
        oldest = _seconds(said, "s-max-age")
    if oldest is not None:
        lookup.oldest = oldest
    namespace = said.get("namespace")
    if namespace is not None:
        if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
            raise InvalidRequest("`cache.namespace` must be 1 to 128 printable ASCII characters", param="cache")
        lookup.namespace = f"{namespace}:"


def _flag(said: Mapping[str, object], name: str) -> bool:
    value = said.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"`cache.{name}` must be true or false", param="cache")
    return value is True


def _seconds(said: Mapping[str, object], name: str) -> float | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
        raise InvalidRequest(f"`cache.{name}` must be a number of seconds, 0 or more", param="cache")
    return float(value)
