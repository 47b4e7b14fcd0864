"""How managers that speak HTTP are reached."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from tianji._core.upstreams.http1 import Timeouts
from tianji.config.secrets import SecretFailure
from tianji.egress.client import open_client
from tianji.egress.tls import client_context
from tianji.secrets.manager import TIMEOUT

_WAITS: Final = Timeouts(connect=TIMEOUT, between_chunks=TIMEOUT)


class Answer(Struct, frozen=True):
    """An answer of a manager, which may hold a secret: messages show its status alone."""

    label: str
    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.label}, {self.status})"

    @property
    def good(self) -> bool:
        """Whether it did what it was asked."""
        return 200 <= self.status < 300

    def members(self) -> dict[str, Any]:
        """Return the JSON object of a good answer. Raises SecretFailure for any other."""
        self.require()
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            raise SecretFailure(f"the answer of {self.label} is no JSON object") from None

    def require(self) -> None:
        """Raise SecretFailure unless it is good."""
        if not self.good:
            raise self.refusal()

    def refusal(self, said: str = "") -> SecretFailure:
        """Return the failure that this answer is; `said`: a code of the manager's, nothing that may be secret."""
        kind = {401: ": it does not know who asks", 403: ": who asks may not do that"}.get(self.status, "")
        return SecretFailure(f"{self.label} answered with status {self.status}{kind}{said and f' ({said})'}")


class Wire(Struct, frozen=True):
    """The way to a manager: one HTTP request, one answer, within five seconds."""

    label: str
    context: ssl.SSLContext

    async def ask(self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Make a request. Raises SecretFailure when there is no answer."""
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                open_client(_WAITS, ssl_context=self.context) as client,
            ):
                answer = await client.request(method, url, headers=dict(headers or {}), content=body)
        except TimeoutError:
            raise SecretFailure(f"{self.label} did not answer within {TIMEOUT:g} seconds", away=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise SecretFailure(f"{self.label} cannot be reached ({type(error).__name__})", away=True) from None
        return Answer(self.label, answer.status_code, answer.content)

    async def fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Make a request for whoever makes access tokens."""
        answer = await self.ask(method, url, headers, body)
        return answer.status, answer.body


def wire(label: str, authorities: str | None = None, certificate: tuple[str, str] | None = None) -> Wire:
    """Return the way to a manager; see `context_of`, which reads files. Raises SecretFailure."""
    return Wire(label, context_of(authorities, certificate))


def context_of(authorities: str | None, certificate: tuple[str, str] | None) -> ssl.SSLContext:
    """Return how TLS is spoken. Raises SecretFailure for files that cannot be read."""
    try:
        return client_context(authorities, certificate=certificate)
    except OSError as error:  # ssl.SSLError is one
        raise SecretFailure(f"certificate or key cannot be used: {error.strerror or type(error).__name__}") from None


def place(url: str) -> str:
    """Return an address as messages show it: without whatever it may hold beside the host."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def base(url: str, variable: str) -> str:
    """Return an address without the slash at its end. Raises SecretFailure for what is no HTTP address."""
    if not re.match(r"https?://[^/\s]", url):
        raise SecretFailure(f"{variable} is no address that begins with http:// or https://")
    return url.rstrip("/")
