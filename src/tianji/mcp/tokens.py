"""The gateway's own tokens for servers (RFC 6749 section 4.4), kept until shortly before their end."""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from tianji.egress.errands import Errand
from tianji.errors import TianjiError, UpstreamFailure
from tianji.mcp.server import Login, Server

USUAL: Final = 3600.0  # seconds that a token lasts whose end nobody says
EARLY: Final = 60.0  # seconds before its end that another one is got
SHORTEST: Final = 10.0
_FORM: Final = "application/x-www-form-urlencoded"


class Tokens:
    """Gets them. `ask`: of the token's URL."""

    def __init__(self, ask: Callable[[Server], Errand], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[Login, tuple[str, float]] = {}

    async def headers(self, server: Server) -> Mapping[str, str]:
        """Return the header that a server wants. Raises UpstreamFailure where there is no token to be had."""
        login = server.login
        if login is None:
            return {}
        token, ends = self._known.get(login, ("", 0.0))
        if self._clock() >= ends:
            token, ends = await self._got(server, login)
            self._known[login] = token, ends
        return {login.header: f"Bearer {token}"}

    async def _got(self, server: Server, login: Login) -> tuple[str, float]:
        form = {"grant_type": "client_credentials", **({"scope": " ".join(login.scopes)} if login.scopes else {})}
        headers = {"content-type": _FORM, "accept": "application/json"}
        if login.basic:
            who = f"{quote(login.client, safe='')}:{quote(login.secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(who.encode()).decode()}"
        else:
            form |= {"client_id": login.client, "client_secret": login.secret}
        began = self._clock()
        try:
            answer = await self._ask(server)("POST", login.url, headers, urlencode(form).encode())
            found = answer.document()
        except TianjiError as error:
            raise UpstreamFailure(f"no token was given for the MCP server {server.name}: {error.message}") from error
        token = found.get("access_token")
        if not isinstance(token, str) or not token:
            raise UpstreamFailure(f"no token was given for the MCP server {server.name}: the answer has none")
        return token, began + _lasts(found.get("expires_in"))


def _lasts(seconds: Any) -> float:
    try:
        return max(SHORTEST, float(seconds) - EARLY)
    except (TypeError, ValueError):
        return USUAL - EARLY
