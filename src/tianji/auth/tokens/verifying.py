"""Whether a JSON Web Token (RFC 7519) is genuine and meant for us. Best practice: RFC 8725."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from msgspec import Struct

from tianji.auth.tokens.keysets import KeySet, Signer
from tianji.clock import Clock
from tianji.errors import AuthenticationFailed, KeyExpired

LEEWAY: Final = 30  # seconds by which the clocks of issuers may differ from ours
LONGEST: Final = 16384  # bytes of a token
_PREFIX: Final = "Authentication Error, "


class Audience(Struct, frozen=True):
    """Whose tokens are taken, and for whom they have to be; None where anything goes."""

    issuer: str | None = None
    audiences: tuple[str, ...] | None = None


class _Registry(JWSRegistry):
    """Knows the algorithms that a key allows and no others, `none` and HMAC among them."""

    max_header_length = 8192  # some issuers send certificates along

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=algorithms, strict_check_header=False)
        self._allowed = frozenset(algorithms)

    def get_alg(self, name: str) -> Any:
        """Return an algorithm; without the word of warning that joserfc has for the older name of Ed25519."""
        if name not in self._allowed:
            raise JoseError(f"{name} is not allowed")
        return self.algorithms[name]


def refused(why: str) -> AuthenticationFailed:
    """Return the error for a token that is not let in."""
    return AuthenticationFailed(f"{_PREFIX}the token {why}")


def peek(token: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of a token that nobody has checked. Raises AuthenticationFailed for what is none."""
    if len(token) > LONGEST:
        raise refused(f"is longer than {LONGEST} bytes")
    try:
        found = jws.extract_compact(token, registry=_Registry(()))
        header = found.headers()
        claims = msgspec.json.decode(found.payload or b"", type=dict[str, Any])
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise refused("cannot be read: send the token that the identity provider gave, as it is") from error
    if not header.keys().isdisjoint(("crit", "b64")):
        raise refused("has a header that changes what a signature means")
    return header, claims


async def signed_by(token: bytes, header: Mapping[str, Any], sets: Collection[KeySet]) -> Signer:
    """Return whose signature a token bears. Raises AuthenticationFailed, and ProviderUnavailable where nobody knows."""
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(key_id, str | None):
        raise refused("does not say how it is signed")
    for keys in sets:
        for signer in await keys.find(key_id, algorithm):
            if _bears(token, signer):
                return signer
    raise refused("is not signed by a key of the identity provider, or not as that key allows")


def _bears(token: bytes, signer: Signer) -> bool:
    try:
        jws.deserialize_compact(token, signer.key, registry=_Registry(signer.algorithms))
    except (JoseError, ValueError):
        return False
    return True


def require_meant(claims: Mapping[str, Any], audience: Audience, clock: Clock) -> None:
    """Raise AuthenticationFailed unless `claims` hold now, come from the issuer and are for us; KeyExpired when late.

    A token without an end is refused: nobody could ever take it back.
    """
    now = clock.now()
    ends = _moment(claims, "exp")
    if ends is None:
        raise refused("never expires (it has no `exp`)")
    if ends + LEEWAY <= now:
        raise KeyExpired(f"{_PREFIX}Token Expired: ask the identity provider for a new one")
    if any((_moment(claims, name) or 0) - LEEWAY > now for name in ("nbf", "iat")):
        raise refused("is not valid yet: compare the clocks")
    if audience.issuer is not None and claims.get("iss") != audience.issuer:
        raise refused("comes from another issuer (`iss`)")
    if audience.audiences is not None:
        said = claims.get("aud")
        named = said if isinstance(said, list) else [said]
        if not any(isinstance(one, str) and one in audience.audiences for one in named):
            raise refused("is meant for another audience (`aud`)")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time in seconds since the epoch (RFC 7519 section 2); None for one that is not said."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise refused(f"has an unusable `{name}`")
    return float(value)
