"""Signing in by authorization code: OpenID Connect Core 1.0 with PKCE (RFC 7636), state, nonce and issuer (RFC 9207).

What a login needs to know when the browser comes back travels with the browser: sealed, in a cookie that other sites
cannot have sent. So any worker of any machine may finish what another one began, and nothing waits for who never comes.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from tianji.auth.tokens.keysets import KeySet
from tianji.auth.tokens.verifying import Audience, peek, require_meant, signed_by
from tianji.clock import SYSTEM, Clock
from tianji.egress.errands import Answer, Errand
from tianji.errors import AuthenticationFailed, InvalidRequest, ProviderUnavailable, UpstreamFailure
from tianji.sso.providers import Provider
from tianji.storage.vault import Vault

LIFETIME: Final = 600  # seconds that somebody has to sign in at his provider
FRESH: Final = 3600.0  # seconds until discovery is asked again
_FORM: Final = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_OF: Final = "login"


class Login(Struct, frozen=True):
    """A login that has begun. `at`: seconds since the epoch."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    return_to: str | None
    at: float


class Endpoints(Struct, frozen=True, kw_only=True):
    """Where a provider is asked what. Without an issuer and keys its ID tokens say nothing, and userinfo has to."""

    authorization: str
    token: str
    userinfo: str | None
    issuer: str | None = None
    keys: str | None = None


class Flow:
    """Logins with one provider. `vault` seals what travels with the browser."""

    def __init__(self, provider: Provider, ask: Errand, vault: Vault, clock: Clock = SYSTEM) -> None:
        self.provider = provider
        self._ask = ask
        self._vault = vault
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._asked = 0.0
        self._keys: KeySet | None = None

    def close(self) -> None:
        """Fetch no more keys."""
        if self._keys is not None:
            self._keys.close()

    async def begin(self, redirect_uri: str, return_to: str | None) -> tuple[str, str]:
        """Return where to send the browser, and what it has to bring back. Raises ProviderUnavailable."""
        endpoints = await self._places()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        login = Login(state, nonce, verifier, redirect_uri, return_to, self._clock.now())
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.provider.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in endpoints.authorization else "?"
        sealed = self._vault.close(msgspec.json.encode(login).decode(), _OF)
        return f"{endpoints.authorization}{joint}{urlencode(asked)}", sealed

    async def finish(self, sealed: str | None, query: Mapping[str, str]) -> tuple[Login, dict[str, Any]]:
        """Return the login and the claims of who came back.

        Raises InvalidRequest (400) for a browser that did not begin it, AuthenticationFailed (401) for whom the
        provider did not let in or whose tokens are not what was asked for, ProviderUnavailable.
        """
        login = self._login(sealed, query.get("state", ""))
        endpoints = await self._places()
        if endpoints.issuer is not None and query.get("iss", endpoints.issuer) != endpoints.issuer:
            raise AuthenticationFailed("another identity provider answered than the one that was asked (iss)")
        if "error" in query:
            said = f"{query['error']} {query.get('error_description', '')}".strip()
            raise AuthenticationFailed(f"the identity provider did not let you in: {_plain(said)}")
        if not query.get("code"):
            raise InvalidRequest("the identity provider sent no code; sign in again")
        tokens = await self._redeem(endpoints, login, query["code"])
        claims = await self._id_claims(endpoints, login, tokens.get("id_token"))
        return login, {**await self._userinfo(endpoints, tokens.get("access_token"), claims.get("sub")), **claims}

    def _login(self, sealed: str | None, state: str) -> Login:
        again = "begin at /sso/login, in the same browser and within ten minutes"
        if sealed is None:
            raise InvalidRequest(f"this browser has not begun to sign in; {again}")
        try:
            login = msgspec.json.decode(self._vault.open(sealed, _OF), type=Login)
        except ValueError as error:  # msgspec's is one, too
            raise InvalidRequest(f"what this browser brings back is not ours; {again}") from error
        if self._clock.now() - login.at > LIFETIME:
            raise InvalidRequest(f"signing in took too long; {again}")
        if not hmac.compare_digest(login.state.encode(), state.encode()):
            raise InvalidRequest(f"the state is that of another login; {again}")
        return login

    async def _redeem(self, endpoints: Endpoints, login: Login, code: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": login.redirect_uri,
            "code_verifier": login.verifier,
        }
        headers = dict(_FORM)
        us = (self.provider.client_id, self.provider.client_secret)
        if self.provider.secret_in_body:
            form |= {"client_id": us[0], "client_secret": us[1]}
        else:  # RFC 6749 section 2.3.1
            pair = ":".join(quote(part, safe="") for part in us)
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        answer = await self._reached(self._ask("POST", endpoints.token, headers, urlencode(form).encode()))
        if answer.status in (400, 401, 403):
            raise AuthenticationFailed("the identity provider does not take this code; sign in again")
        return _document(answer)

    async def _id_claims(self, endpoints: Endpoints, login: Login, token: object) -> dict[str, Any]:
        """Return what a checked ID token says (OpenID Connect Core section 3.1.3.7)."""
        if self._keys is None or endpoints.issuer is None:
            return {}
        if not isinstance(token, str):
            raise AuthenticationFailed("the identity provider sent no ID token; ask for the scope openid")
        header, claims = peek(token.encode())
        await signed_by(token.encode(), header, [self._keys])
        ours = self.provider.client_id
        require_meant(claims, Audience(issuer=endpoints.issuer, audiences=(ours,)), self._clock)
        several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else ours) != ours:
            raise AuthenticationFailed("the ID token was made for another client (azp)")
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), login.nonce.encode()):
            raise AuthenticationFailed("the ID token is that of another login (nonce)")
        return dict(claims)

    async def _userinfo(self, endpoints: Endpoints, token: object, subject: object) -> dict[str, Any]:
        if endpoints.userinfo is None or not isinstance(token, str):
            if subject is None:
                raise AuthenticationFailed("the identity provider does not say who you are: it sent no access token")
            return {}
        headers = {**self.provider.headers, "authorization": f"Bearer {token}", "accept": "application/json"}
        found = _document(await self._reached(self._ask("GET", endpoints.userinfo, headers)))
        if subject is not None and found.get("sub", subject) != subject:
            raise AuthenticationFailed("the identity provider speaks of two people (sub)")
        return found

    async def _places(self) -> Endpoints:
        """Return where the provider is asked what: what the operator says goes before what it says of itself."""
        now = self._clock.monotonic()
        if self._endpoints is None or now - self._asked > FRESH:
            named = self.provider
            said = await self._discovered()
            self._endpoints = Endpoints(
                authorization=_place(named.authorization_endpoint or said.get("authorization_endpoint")),
                token=_place(named.token_endpoint or said.get("token_endpoint")),
                userinfo=named.userinfo_endpoint or said.get("userinfo_endpoint"),
                issuer=said.get("issuer"),
                keys=said.get("jwks_uri"),
            )
            self._asked = now
            if self._endpoints.keys is not None and (self._keys is None or self._keys.url != self._endpoints.keys):
                self.close()
                self._keys = KeySet(self._endpoints.keys, self._ask, lambda _tags: None, ttl=600, stale_ttl=3600)
        return self._endpoints

    async def _discovered(self) -> dict[str, Any]:
        if self.provider.discovery is None:
            return {}
        found = _document(await self._reached(self._ask("GET", self.provider.discovery)))
        if not self.provider.answers_for(found.get("issuer")) or not isinstance(found.get("jwks_uri"), str):
            raise ProviderUnavailable("the identity provider's configuration names another issuer, or no keys")
        return found

    @staticmethod
    async def _reached(asked: Any) -> Answer:
        try:
            answer: Answer = await asked
        except (UpstreamFailure, InvalidRequest) as error:
            raise ProviderUnavailable(f"the identity provider does not answer: {error.message}") from error
        return answer


def _document(answer: Answer) -> dict[str, Any]:
    try:
        return answer.document()
    except UpstreamFailure as error:
        raise ProviderUnavailable(f"the identity provider is of no use at the moment: {error.message}") from error


def _place(url: object) -> str:
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ProviderUnavailable("the identity provider's configuration lacks an endpoint")
    return url


def _plain(said: str) -> str:
    """Return what a page may show of a text that came with a link."""
    return "".join(char if char.isprintable() else " " for char in said)[:200]
