"""Access tokens of OAuth 2 (RFC 6749): how they are asked for, read, and put into requests."""

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache, partial
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tianji.errors import Header, UpstreamFailure
from tianji.protocol.openai_errors import parse_error
from tianji.protocol.scrub import scrub
from tianji.providers.logins.fetching import Fetch, fetcher
from tianji.providers.logins.tokens import Token, TokenSource

FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
LIFETIME: Final = 3600.0  # seconds that a token is believed whose service does not say
MOST: Final = 1e15  # seconds, or milliseconds, that a service may say

Mint = Callable[[], Awaitable[Token[str]]]


class Login(Protocol):
    """A credential that tokens are made of. Equal ones share their token, so it is hashable; its text shows nothing."""

    @property
    def service(self) -> str:
        """Whose it is, as errors say it."""

    @property
    def trust(self) -> str | None:
        """A file of certificates that the service is checked against; None: the usual."""

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token. Raises UpstreamFailure when there is none."""

    def __hash__(self) -> int:
        """Tell it from others."""


class Exchange(Struct, frozen=True, kw_only=True):
    """A form that a service answers with a token: section 4.4 of the RFC, and what is like it."""

    service: str
    url: str
    form: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...] = ()
    trust: str | None = None

    async def mint(self, fetch: Fetch) -> Token[str]:
        """Return a new token."""
        headers = {**FORM, **dict(self.headers)}
        return read_token(self.service, await fetch("POST", self.url, headers, urlencode(self.form).encode()))

    def __repr__(self) -> str:
        """Say whose it is, and nothing secret."""
        return f"Exchange({self.service})"


def client_credentials(service: str, url: str, client_id: str, secret: str, scope: str | None = None) -> Exchange:
    """Return the login of a client that is itself the owner of what it asks for (section 4.4)."""
    form = [("grant_type", "client_credentials"), ("client_id", client_id), ("client_secret", secret)]
    return Exchange(service=service, url=url, form=tuple([*form, ("scope", scope)] if scope else form))


@lru_cache(maxsize=256)
def source_of(login: Login) -> TokenSource[str]:
    """Return where a login's tokens come from: one source in a worker, so that a reload keeps the token."""
    return TokenSource(partial(login.mint, fetcher(login.service, login.trust)))


def bearer(source: TokenSource[str]) -> Callable[[str, bytes], Iterable[Header]]:
    """Return what puts the token of the moment into a request (RFC 6750)."""

    def signed(_target: str, _body: bytes) -> Iterable[Header]:
        return ((b"authorization", b"Bearer " + source.held().encode()),)

    return signed


def read_token(service: str, answer: tuple[int, bytes]) -> Token[str]:
    """Read the answer of section 5.1; some write the seconds as text. Raises UpstreamFailure for any other."""
    found = read_object(service, answer)
    lifetime = seconds(found.get("expires_in"))
    return Token(shown(service, found.get("access_token")), LIFETIME if lifetime is None else lifetime)


def shown(service: str, value: object) -> str:
    """Return a token, which a header will show. Raises UpstreamFailure for anything that no header can hold."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise UpstreamFailure(f"the answer of {service} to the request for an access token holds none", sent=False)
    return value


def seconds(value: object) -> float | None:
    """Return a number of seconds, which may be written as text, `MOST` at most; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        return None
    return float(min(value, MOST))


def read_object(service: str, answer: tuple[int, bytes]) -> dict[str, Any]:
    """Read the JSON object of an answer. Raises UpstreamFailure, which says what the service said."""
    status, raw = answer
    if not 200 <= status < 300:
        said = scrub(parse_error(raw).message)[:300]
        raise UpstreamFailure(f"{service} gave no access token (status {status}): {said}", sent=False)
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        text = f"the answer of {service} to the request for an access token is not JSON"
        raise UpstreamFailure(text, sent=False) from error
