"""CyberArk Conjur: variables of the root policy.

https://docs.cyberark.com/conjur-open-source/latest/en/content/developer/lp_rest_api.htm.
"""

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from tianji.config.secrets import Choice, SecretFailure
from tianji.secrets.manager import Manager, Note, seconds
from tianji.secrets.wire import Answer, Wire, base, context_of, place

_LASTS: Final = 300.0  # seconds that a token is used; Conjur lets it live for eight minutes
_TRIES: Final = 5
_PAUSE: Final = 0.2  # seconds after the first policy that another one was in the way of; doubled each time


class Conjur(Manager):
    """One account of a Conjur server."""

    reserved = frozenset({"CYBERARK_API_KEY", "CYBERARK_API_BASE"})

    def __init__(self, choice: Choice, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the settings. Raises SecretFailure without an API key or a client certificate."""
        environ = choice.environ
        self._address = base(environ.get("CYBERARK_API_BASE") or "http://127.0.0.1:8080", "CYBERARK_API_BASE")
        self._account = quote(environ.get("CYBERARK_ACCOUNT") or "default", safe="")
        self._user = quote(environ.get("CYBERARK_USERNAME") or "admin", safe="")
        super().__init__(f"CyberArk Conjur ({place(self._address)}, account {self._account})")
        self.interval = seconds(environ, "CYBERARK_REFRESH_INTERVAL", 300.0)
        self._key = environ.get("CYBERARK_API_KEY") or ""
        chain, key = environ.get("CYBERARK_CLIENT_CERT"), environ.get("CYBERARK_CLIENT_KEY")
        certificate = (chain, key) if chain and key else None
        if not self._key and certificate is None:
            raise SecretFailure(
                "CyberArk Conjur needs CYBERARK_API_KEY, or CYBERARK_CLIENT_CERT and CYBERARK_CLIENT_KEY"
            )
        self._wire = Wire(self.label, verifying(environ, certificate))
        self._clock = clock
        self._token = ""
        self._ends = float("-inf")

    async def log_in(self) -> None:
        """Get an access token where there is none that is valid."""
        now = self._clock()
        if now < self._ends:
            return
        url = f"{self._address}/authn/{self._account}/{self._user}/authenticate"
        answer = await self._wire.ask("POST", url, {"content-type": "text/plain"}, self._key.encode())
        answer.require()
        self._token, self._ends = base64.b64encode(answer.body).decode(), now + _LASTS

    async def read(self, name: str) -> str | None:
        """Return the value of a variable."""
        answer = await self._wire.ask("GET", self._url(name), self._headers())
        if answer.status == 404:
            return None
        answer.require()
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            raise SecretFailure(f"{name} in {self.label} is not UTF-8 text") from None

    async def write(self, name: str, value: str, note: Note) -> None:  # noqa: ARG002 - a variable has no room for it
        """Declare a variable and set it."""
        await self._declare("POST", b"- !variable " + msgspec.json.encode(name) + b"\n")
        (await self._wire.ask("POST", self._url(name), self._headers(), value.encode())).require()

    async def delete(self, name: str) -> None:
        """Take a variable out of the policy."""
        await self._declare("PATCH", b"- !delete\n  record: !variable " + msgspec.json.encode(name) + b"\n")

    async def _declare(self, method: str, policy: bytes) -> None:
        """Load a policy; Conjur loads one at a time and says 409 meanwhile."""
        url = f"{self._address}/policies/{self._account}/policy/root"
        headers = {**self._headers(), "content-type": "application/x-yaml"}
        answer: Answer | None = None
        for turn in range(_TRIES):
            if turn:
                await asyncio.sleep(_PAUSE * 2 ** (turn - 1))
            answer = await self._wire.ask(method, url, headers, policy)
            if answer.status != 409:
                break
        if answer is not None:
            answer.require()

    def _url(self, name: str) -> str:
        return f"{self._address}/secrets/{self._account}/variable/{quote(name, safe='')}"

    def _headers(self) -> dict[str, str]:
        return {"authorization": f'Token token="{self._token}"'}


def verifying(environ: Mapping[str, str], certificate: tuple[str, str] | None) -> ssl.SSLContext:
    """Return how TLS is spoken: CYBERARK_SSL_VERIFY is true, false, or a file of authorities."""
    said = environ.get("CYBERARK_SSL_VERIFY") or "true"
    if said.lower() not in {"true", "false"}:
        return context_of(said, certificate)
    context = context_of(None, certificate)
    if said.lower() == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
