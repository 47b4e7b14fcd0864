"""Whose tokens are taken: the issuers of the configuration, their keys, and for whom their tokens have to be."""

import logging
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tianji.auth.tokens.keysets import KeySet, Retire
from tianji.auth.tokens.verifying import Audience
from tianji.clock import SYSTEM, Clock
from tianji.config.schema.jwt import ClaimFields, Issuer, JwtAuth
from tianji.egress.errands import Errand, Errands

log = logging.getLogger("tianji.auth")


class Trust(Struct, frozen=True):
    """An issuer, or all that are not named one by one. `fields`: where things stand in their tokens."""

    sets: tuple[KeySet, ...]
    audience: Audience
    fields: ClaimFields


class Trusted(Struct, frozen=True):
    """All whose tokens are taken."""

    issuers: Mapping[str, Trust]
    others: Trust

    def of(self, claims: Mapping[str, Any]) -> Trust:
        """Return who has to have signed these claims: an issuer that is named has no other keys than its own."""
        return self.issuers.get(str(claims.get("iss")), self.others)

    def close(self) -> None:
        """Fetch no more keys."""
        for trust in (self.others, *self.issuers.values()):
            for keys in trust.sets:
                keys.close()


def trusted(
    settings: JwtAuth,
    environ: Mapping[str, str],
    retire: Retire,
    fetch: Errand | None = None,
    clock: Clock = SYSTEM,
) -> Trusted:
    """Return whose tokens are taken. JWT_PUBLIC_KEY_URL, JWT_ISSUER and JWT_AUDIENCE say so for `others`."""
    urls = [url.strip() for url in environ.get("JWT_PUBLIC_KEY_URL", "").split(",") if url.strip()]
    errand = fetch or Errands([*urls, *(one.jwks_url for one in settings.issuers)])

    def keys(url: str) -> KeySet:
        ttl, stale_ttl = settings.public_key_ttl, settings.public_key_stale_ttl
        return KeySet(url, errand, retire, ttl=ttl, stale_ttl=stale_ttl, clock=clock)

    issuers = {one.issuer: Trust((keys(one.jwks_url),), _audience(one), one) for one in settings.issuers}
    audience = environ.get("JWT_AUDIENCE")
    audiences = None if not audience else tuple(one.strip() for one in audience.split(","))
    others = Audience(issuer=environ.get("JWT_ISSUER") or None, audiences=audiences)
    if urls and (others.issuer is None or others.audiences is None):
        log.warning("JWT_ISSUER or JWT_AUDIENCE is not set: every token that the identity provider signs is taken")
    return Trusted(issuers, Trust(tuple(map(keys, urls)), others, settings))


def _audience(issuer: Issuer) -> Audience:
    named = (issuer.audience,) if isinstance(issuer.audience, str) else issuer.audience
    return Audience(issuer=issuer.issuer, audiences=None if issuer.disable_audience_validation else tuple(named))
