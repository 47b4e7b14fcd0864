"""Who a call to a vendor is from, where that takes more than a header: tokens that expire, and signatures."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tianji.clock import SYSTEM
from tianji.errors import ConfigurationError, TianjiError
from tianji.guardrails.vendor import Auth, AwsSignature, Call, ClientCredentials, GoogleToken
from tianji.guardrails.verdict import Unavailable
from tianji.lazy import load

JSON: Final = "application/json"


class Proofs:
    """Makes them for the calls of one worker, and keeps tokens as long as they are good for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._tokens: dict[str, Any] = {}  # sources, by what they are made of
        self._keys: dict[str, Any] = {}

    async def headers(self, call: Call) -> dict[str, str]:
        """Return the headers that prove it. Raises Unavailable where there is no token to be had."""
        try:
            if isinstance(call.auth, AwsSignature):
                return await self._signed(call, call.auth)
            token = await self._source(call.auth).wait()
        except ConfigurationError as error:
            raise Unavailable(error.message, permanent=True) from error
        except TianjiError as error:
            raise Unavailable(f"no token for it: {error.message}") from error
        return {"authorization": f"Bearer {token}"}

    def forget(self, auth: Auth) -> bool:
        """Forget a token that was refused; whether there was one."""
        return self._tokens.pop(repr(auth), None) is not None

    def _source(self, auth: Auth | None) -> Any:
        name = repr(auth)
        found = self._tokens.get(name)
        if found is None:
            found = self._tokens[name] = self._open(auth)
        return found

    def _open(self, auth: Auth | None) -> Any:
        fetcher = load("tianji.providers.logins.fetching").fetcher
        source = load("tianji.providers.logins.tokens").TokenSource
        if isinstance(auth, GoogleToken):
            google = load("tianji.providers.logins.google_credentials")
            return source(google.minter(google.find(auth.credentials or None, self._environ), fetcher("Google")))
        if isinstance(auth, ClientCredentials):
            return source(login_of(auth, fetcher("the guardrail's vendor")))
        raise Unavailable(f"nothing proves {type(auth).__name__}", permanent=True)

    async def _signed(self, call: Call, auth: AwsSignature) -> dict[str, str]:
        aws, signature = load("tianji.providers.logins.aws"), load("tianji.protocol.bedrock.signature")
        name = repr(auth)
        if name not in self._keys:
            self._keys[name] = aws.keys_of(_deployment(auth, self._environ), auth.region)
        source = self._keys[name]
        if source is None:
            raise Unavailable(aws.MISSING, permanent=True)
        keys = source if isinstance(source, signature.Keys) else await source.wait()
        parts = urlsplit(call.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        kind = next((value for field, value in call.headers.items() if field.lower() == "content-type"), JSON)
        signed = signature.sign(
            keys,
            signature.Scope(parts.netloc, auth.region, auth.service),
            target,
            call.body,
            now=SYSTEM.now(),
            method=call.method,
            content_type=kind,
        )
        return {field.decode(): value.decode() for field, value in signed}


def login_of(auth: ClientCredentials, fetch: Any) -> Any:
    """Return what mints tokens by section 4.4 of RFC 6749."""
    oauth = load("tianji.providers.logins.oauth")
    form: list[tuple[str, str]] = [("grant_type", "client_credentials")]
    headers: list[tuple[str, str]] = []
    if auth.basic:
        headers.append(("authorization", basic(auth.client_id, auth.client_secret)))
    else:
        form += [("client_id", auth.client_id), ("client_secret", auth.client_secret)]
    if auth.scope:
        form.append(("scope", auth.scope))
    form += auth.form.items()
    exchange = oauth.Exchange(service="the guardrail's vendor", url=auth.url, form=tuple(form), headers=tuple(headers))

    async def mint() -> Any:
        return await exchange.mint(fetch)

    return mint


def basic(name: str, secret: str) -> str:
    """Return the value of an Authorization header (RFC 7617)."""
    text = load("base64").b64encode(f"{name}:{secret}".encode()).decode()
    return f"Basic {text}"


def _deployment(auth: AwsSignature, environ: Mapping[str, str]) -> Any:
    params = {
        "aws_access_key_id": auth.access_key_id,
        "aws_secret_access_key": auth.secret_access_key,
        "aws_session_token": auth.session_token,
        "aws_role_name": auth.role,
        "aws_session_name": auth.role_session_name,
        "aws_profile_name": auth.profile,
    }
    written = {key: value for key, value in params.items() if value}
    return load("tianji.providers.deployment").read(written, environ, ("bedrock", "guardrail"), drop_params=None)
