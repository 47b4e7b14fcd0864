"""AWS roles: keys that the Security Token Service lends, for other keys or for an identity token.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import UpstreamFailure
from tianji.lazy import load
from tianji.protocol.bedrock.signature import Keys, Scope, sign
from tianji.protocol.scrub import scrub
from tianji.providers.logins.fetching import Fetch, fetcher
from tianji.providers.logins.oauth import FORM, shown
from tianji.providers.logins.oidc import Identity
from tianji.providers.logins.tokens import Token, TokenSource

KeySource = Keys | TokenSource[Keys]
VERSION: Final = "2011-06-15"
SESSION: Final = "tianji"
_MARGIN: Final = 60.0  # seconds before their end that keys are not used any more
_FIELD: Final = re.compile(r"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration|Message)>([^<]*)</\1>")


class Role(Struct, frozen=True, kw_only=True):
    """A role, and whose right to it is shown: keys that sign, or an identity."""

    arn: str
    region: str
    asks: KeySource | Identity
    session: str = SESSION
    endpoint: str | None = None
    external_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        """Where the role is asked for."""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return self.endpoint or f"https://sts.{self.region}.{domain}/"


@lru_cache(maxsize=256)
def keys_for(role: Role) -> TokenSource[Keys]:
    """Return the keys of a role: one source in a worker, so that a reload keeps them."""
    fetch = fetcher("AWS")

    async def mint() -> Token[Keys]:
        return await assume(role, fetch)

    return TokenSource(mint)


async def assume(role: Role, fetch: Fetch, clock: Clock = SYSTEM) -> Token[Keys]:
    """Ask for a role's keys. Raises UpstreamFailure when they are not given."""
    form = {"Version": VERSION, "RoleArn": role.arn, "RoleSessionName": role.session, "DurationSeconds": "3600"}
    headers = dict(FORM)
    asks = role.asks
    if isinstance(asks, Identity):
        form |= {"Action": "AssumeRoleWithWebIdentity", "WebIdentityToken": await asks.token(fetch)}
        body = urlencode(form).encode()
    else:
        form["Action"] = "AssumeRole"
        if role.external_id:
            form["ExternalId"] = role.external_id
        for at, (name, value) in enumerate(role.tags, 1):
            form |= {f"Tags.member.{at}.Key": name, f"Tags.member.{at}.Value": value}
        body = urlencode(form).encode()
        keys = asks if isinstance(asks, Keys) else await asks.wait()
        place = urlsplit(role.url)
        scope = Scope(place.netloc, role.region, "sts")
        signed = sign(keys, scope, place.path or "/", body, now=clock.now(), content_type=FORM["content-type"])
        headers |= {name.decode(): value.decode() for name, value in signed}
    return _lent(await fetch("POST", role.url, headers, body), clock)


def _lent(answer: tuple[int, bytes], clock: Clock) -> Token[Keys]:
    status, raw = answer
    found = {name: load("html").unescape(value) for name, value in _FIELD.findall(raw.decode("utf-8", "replace"))}
    if status != 200:
        said = scrub(found.get("Message", ""))[:300]
        raise UpstreamFailure(f"AWS did not lend the keys of a role (status {status}): {said}", sent=False)
    try:
        keys = Keys(*(shown("AWS", found[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")))
        ends = datetime.fromisoformat(found["Expiration"]).astimezone(UTC).timestamp()
    except (KeyError, ValueError, OverflowError) as error:
        raise UpstreamFailure("the answer of AWS to the request for a role holds no keys", sent=False) from error
    return Token(keys, max(ends - clock.now() - _MARGIN, 1.0))
