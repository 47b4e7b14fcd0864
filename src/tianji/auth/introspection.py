"""Tokens that only the server which gave them can judge: it is asked, and believed for a moment.

By OAuth 2.0 Token Introspection (RFC 7662) where the address says so and there is a client to ask as; else the address
is asked with the token itself, as a provider's UserInfo endpoint is (OpenID Connect Core 1.0, section 5.3).
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote, urlencode

from msgspec import Struct

from tianji._core.edges.exchange import Exchange
from tianji.auth.described import Described, Descriptions
from tianji.auth.directory import is_token
from tianji.auth.identity import Identity
from tianji.auth.routes import GROUPS, Row
from tianji.auth.tokens.claims import text
from tianji.clock import SYSTEM, Clock
from tianji.egress.errands import Answer, Errand
from tianji.errors import AuthenticationFailed, KeyExpired, ProviderUnavailable, TianjiError

BELIEVED: Final = 60.0  # seconds; a token that is taken back may go on for so long
MANY: Final = 8192  # tokens that are believed; beyond, all are asked for again
LONGEST: Final = 16384  # bytes of a token
_PREFIX: Final = "Authentication Error, "
_NOT_HIS: Final = frozenset({400, 401, 403, 404})  # what a server says to a token that is no good
_COVERED: Final = (GROUPS["llm_api_routes"], GROUPS["mcp_routes"], GROUPS["info_routes"])

log = logging.getLogger("tianji.auth")


class Server(Struct, frozen=True, kw_only=True):
    """Who is asked, and where in his answers a user, a role and a team stand."""

    url: str
    client_id: str | None = None
    client_secret: str | None = None
    user: str = "sub"
    role: str = "role"
    team: str = "team_id"

    @property
    def introspects(self) -> bool:
        """Whether he is asked by RFC 7662."""
        return "introspect" in self.url.lower() and bool(self.client_id) and bool(self.client_secret)


def server(environ: Mapping[str, str]) -> Server:
    """Return who is asked under an environment; its names are those of LiteLLM."""
    return Server(
        url=environ.get("OAUTH_TOKEN_INFO_ENDPOINT", ""),
        client_id=environ.get("OAUTH_CLIENT_ID"),
        client_secret=environ.get("OAUTH_CLIENT_SECRET"),
        user=environ.get("OAUTH_USER_ID_FIELD_NAME") or "sub",
        role=environ.get("OAUTH_USER_ROLE_FIELD_NAME") or "role",
        team=environ.get("OAUTH_USER_TEAM_ID_FIELD_NAME") or "team_id",
    )


class Introspection:
    """Knows callers by what a server says of their tokens; a doorman of `tianji.auth.gate`.

    Keys of this gateway are nobody else's to see, and JSON Web Tokens are judged by their signatures where `signed`.
    """

    def __init__(
        self, whom: Server, fetch: Errand, descriptions: Descriptions, *, signed: bool, clock: Clock = SYSTEM
    ) -> None:
        self._server = whom
        self._fetch = fetch
        self._descriptions = descriptions
        self._signed = signed
        self._clock = clock
        self._known: dict[bytes, tuple[Described, float]] = {}  # by digest; until when, seconds since 1970
        self._asking: dict[bytes, asyncio.Task[Described]] = {}

    async def __call__(self, exchange: Exchange, credential: bytes | None, row: Row) -> Identity | None:
        """Say who sent a request, see Doorman. Raises ProviderUnavailable where the server says nothing."""
        del exchange
        if not credential or credential.startswith(b"sk-") or not any(covers(row) for covers in _COVERED):
            return None
        if self._signed and is_token(credential):
            return None
        return await self._descriptions.identity(await self._said(credential), None, stored=True)

    async def _said(self, token: bytes) -> Described:
        if len(token) > LONGEST:
            raise _refused(f"is longer than {LONGEST} bytes")
        digest = sha256(token).digest()
        known = self._known.get(digest)
        if known is not None and self._clock.now() < known[1]:
            return known[0]
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.ensure_future(self._learn(digest, token))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(task)  # a client that leaves must not take it from the others

    async def _learn(self, digest: bytes, token: bytes) -> Described:
        asked = self._clock.now()
        self._known.pop(digest, None)
        said = self._read(await self._ask(token))
        ends = asked + BELIEVED if said.expires is None else min(asked + BELIEVED, said.expires.timestamp())
        if len(self._known) >= MANY:
            self._known.clear()
        self._known[digest] = said, ends
        return said

    async def _ask(self, token: bytes) -> dict[str, Any]:
        """Return what the server says of a token. Raises AuthenticationFailed for one that it does not know."""
        try:
            answer = await self._call(token.decode("latin-1"))
            if not self._server.introspects and answer.status in _NOT_HIS:
                raise _refused("was not accepted by the server that was asked about it")
            return answer.document()
        except AuthenticationFailed:
            raise
        except TianjiError as error:
            log.error("nobody knows whose tokens these are: OAUTH_TOKEN_INFO_ENDPOINT: %s", error.message)
            raise ProviderUnavailable("the server that knows this token cannot be asked; try again later") from error

    async def _call(self, token: str) -> Answer:
        whom = self._server
        if not whom.introspects:
            return await self._fetch(
                "GET", whom.url, {"authorization": f"Bearer {token}", "accept": "application/json"}
            )
        pair = ":".join(
            quote(part or "", safe="") for part in (whom.client_id, whom.client_secret)
        )  # RFC 6749 section 2.3.1
        headers = {
            "authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "accept": "application/json",
            "content-type": "application/x-www-form-urlencoded",
        }
        return await self._fetch("POST", whom.url, headers, urlencode({"token": token}).encode())

    def _read(self, data: Mapping[str, Any]) -> Described:
        """Return the bearer. Raises AuthenticationFailed for a token that holds no more, or names nobody."""
        whom = self._server
        if data.get("active", not whom.introspects) is not True:
            raise _refused("is not active")
        ends = data.get("exp")
        if ends is not None and (isinstance(ends, bool) or not isinstance(ends, int | float) or not 0 <= ends < 1e11):
            raise _refused("has an unusable `exp`")
        if ends is not None and ends <= self._clock.now():
            raise KeyExpired(f"{_PREFIX}Token Expired: ask the server for a new one")
        user, team = text(data, whom.user), text(data, whom.team)
        if user is None and team is None:
            raise _refused(f"names neither a user ({whom.user}) nor a team ({whom.team}); see OAUTH_USER_ID_FIELD_NAME")
        return Described(
            user_id=user,
            team_id=team,
            user_role=text(data, whom.role),
            expires=None if ends is None else datetime.fromtimestamp(ends, UTC),
        )


def _refused(why: str) -> AuthenticationFailed:
    return AuthenticationFailed(f"{_PREFIX}the token {why}")
