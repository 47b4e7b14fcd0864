"""The keys of an identity provider: fetched, kept for a while, used on when it is away, forgotten when it drops them.

A set is what RFC 7517 section 5 calls a JWK Set, or an OpenID Provider's configuration that names one.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey
from msgspec import Struct

from tianji.auth.tags import tag
from tianji.clock import SYSTEM, Clock
from tianji.egress.errands import Errand
from tianji.errors import ProviderUnavailable, TianjiError, UpstreamProtocolError

PAUSE: Final = 30.0  # seconds from one fetch to the next while there are keys, however many unknown key ids come
RETRY: Final = 1.0  # seconds from one that failed to the next while there are none
SMALLEST: Final = 2048  # bits of an RSA key (NIST SP 800-131A)
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final[Mapping[str, frozenset[str]]] = {  # RFC 7518 section 3.4, RFC 8037 section 3.1, RFC 9864
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "P-521": frozenset({"ES512"}),
    "Ed25519": frozenset({"EdDSA", "Ed25519"}),
}

Retire = Callable[[Collection[int]], None]


class Signer(Struct, frozen=True):
    """A public key, and the algorithms that its type allows: what a token claims of itself decides nothing."""

    key: Key
    id: str | None
    algorithms: frozenset[str]
    tag: int  # of the tokens that it signed, see tianji.auth.tags


def signer(data: Mapping[str, Any]) -> Signer | None:
    """Return a JWK that checks signatures; None for one of another use, secret, too weak or of an unknown kind."""
    if data.get("use", "sig") != "sig" or "verify" not in data.get("key_ops", ["verify"]):
        return None
    kind = data.get("kty")
    if kind == "RSA":
        modulus = data.get("n")
        if not isinstance(modulus, str) or len(modulus) * 6 < SMALLEST:
            return None
        allowed = _RSA
    else:
        allowed = _CURVES.get(str(data.get("crv")), frozenset()) if kind in ("EC", "OKP") else frozenset()
    only = data.get("alg")
    if only is not None:
        allowed &= {only}
    if not allowed:
        return None
    try:
        key = JWKRegistry.import_key(dict(data))
        print_ = key.thumbprint()
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        return None
    return Signer(key, data.get("kid"), allowed, tag("signer", print_))


class KeySet:
    """The signers behind one address, which may be a `file:` of this machine.

    `retire` is told the tags of keys that are gone. From the first fetch on the set is fetched again every `ttl`
    seconds; where that fails, what is there serves for `stale_ttl` seconds more.
    """

    def __init__(
        self, url: str, fetch: Errand, retire: Retire, *, ttl: float, stale_ttl: float, clock: Clock = SYSTEM
    ) -> None:
        self.url = url
        self._fetch = fetch
        self._retire = retire
        self._ttl = ttl
        self._stale_ttl = stale_ttl
        self._clock = clock
        self._signers: tuple[Signer, ...] = ()
        self._fetched = self._tried = float("-inf")  # monotonic
        self._fetching: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def find(self, key_id: str | None, algorithm: str) -> tuple[Signer, ...]:
        """Return who may have signed with this key id and algorithm, nobody where the set does not know him.

        Raises ProviderUnavailable when there is no set, and none can be had.
        """
        age = self._clock.monotonic() - self._fetched
        if age >= self._ttl:
            await self._refresh(PAUSE if self._signers else RETRY)
            if not self._signers:
                raise ProviderUnavailable("the keys of the identity provider cannot be fetched; try again later")
        found = self._matching(key_id, algorithm)
        if not found and key_id is not None:
            await self._refresh(PAUSE)
            found = self._matching(key_id, algorithm)
        return found

    def close(self) -> None:
        """Fetch no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fetching is not None:
            self._fetching.cancel()

    def _matching(self, key_id: str | None, algorithm: str) -> tuple[Signer, ...]:
        if key_id is None:
            return tuple(one for one in self._signers if len(self._signers) == 1 and algorithm in one.algorithms)
        return tuple(one for one in self._signers if one.id == key_id and algorithm in one.algorithms)

    async def _refresh(self, pause: float) -> None:
        """Fetch the set, unless that was tried less than `pause` seconds ago; once for all who ask."""
        if self._fetching is None:
            if self._clock.monotonic() - self._tried < pause:
                return
            self._tried = self._clock.monotonic()
            self._fetching = asyncio.ensure_future(self._replace())
            self._fetching.add_done_callback(self._ended)
        await asyncio.shield(self._fetching)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._ttl, self._again)

    def _again(self) -> None:
        asyncio.ensure_future(self._refresh(0.0))  # noqa: RUF006 - `_fetching` holds what it does

    async def _replace(self) -> None:
        try:
            found = await self._read()
        except TianjiError:
            if self._clock.monotonic() - self._fetched < self._ttl + self._stale_ttl:
                return
            found = ()
        else:
            self._fetched = self._clock.monotonic()
        gone = {one.tag for one in self._signers} - {one.tag for one in found}
        self._signers = found
        if gone:
            self._retire(gone)

    async def _read(self) -> tuple[Signer, ...]:
        document = await self._document(self.url)
        if "keys" not in document and isinstance(document.get("jwks_uri"), str):
            document = await self._document(document["jwks_uri"])
        entries = document.get("keys")
        if not isinstance(entries, list):
            raise UpstreamProtocolError("it did not answer with a set of keys")
        return tuple(one for entry in entries if isinstance(entry, dict) and (one := signer(entry)) is not None)

    async def _document(self, url: str) -> dict[str, Any]:
        if not url.startswith("file:"):
            return (await self._fetch("GET", url, {"accept": "application/json"})).document()
        if url != self.url:
            raise UpstreamProtocolError("it names a file")
        try:
            text = await asyncio.to_thread(Path(unquote(urlsplit(url).path)).read_bytes)
            return msgspec.json.decode(text, type=dict[str, Any])
        except (OSError, msgspec.DecodeError) as error:
            raise UpstreamProtocolError("the file is not a set of keys") from error
