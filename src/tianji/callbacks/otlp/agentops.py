"""AgentOps wants a token for an API key, and the project that it names in what is told (https://docs.agentops.ai)."""

from base64 import urlsafe_b64decode
from typing import Final

import msgspec
from msgspec import Struct

from tianji.callbacks.sink import Delivery
from tianji.clock import SYSTEM, Clock
from tianji.egress.errands import Errand, Errands
from tianji.errors import UpstreamProtocolError
from tianji.lazy import load
from tianji.providers.logins.tokens import Token, TokenSource

DOOR: Final = "https://api.agentops.ai/v3/auth/token"
UNKNOWN: Final = 300.0  # seconds that a token is used which does not say when it ends
_encode: Final = msgspec.json.Encoder().encode


class _Pass(Struct, frozen=True):
    token: str
    project: str


class _Claims(Struct):
    exp: float


class Passport:
    """The token of one API key. It is had when something is told, and again before it ends."""

    def __init__(self, url: str, key: str, *, errand: Errand | None = None, clock: Clock = SYSTEM) -> None:
        """`url`: where tokens are given; `errand`: makes the request."""
        self._url = url
        self._key = key
        self._errand: Errand = errand or Errands([url])
        self._clock = clock
        self._passes: TokenSource[_Pass] = TokenSource(self._mint, clock)

    async def shown(self, request: Delivery) -> Delivery:
        """Return a request with the token and the project. Raises UpstreamFailure where none is given."""
        found = await self._passes.wait()
        headers = {**request.headers, "authorization": f"Bearer {found.token}"}
        body = request.body
        if found.project:
            body = load("tianji.callbacks.otlp.wire").named(body, "project.id", found.project)
        return msgspec.structs.replace(request, headers=headers, body=body)

    async def _mint(self) -> Token[_Pass]:
        sent = {"content-type": "application/json"}
        said = (await self._errand("POST", self._url, sent, _encode({"api_key": self._key}))).document()
        token = said.get("token")
        if not isinstance(token, str):
            raise UpstreamProtocolError("AgentOps gave no token for the API key")
        return Token(_Pass(token, str(said.get("project_id") or "")), self._lifetime(token))

    def _lifetime(self, token: str) -> float:
        """Return how long a token is good for: what it says itself, which nobody else has to believe."""
        parts = token.split(".")
        try:
            claims = msgspec.json.decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims)
        except (IndexError, ValueError, msgspec.DecodeError):
            return UNKNOWN
        return max(claims.exp - self._clock.now(), 0.0)
