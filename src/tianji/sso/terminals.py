"""The routes by which a program in a terminal gets a key of the person in front of it, who signs in with a browser.

Nothing is kept of a login that has begun: secret and code follow from its id and the salt. What is made at its end is a
row of the database, so that any worker of any machine may finish what another one began. The code is shown in the
terminal and asked for in the browser, so a link alone, which somebody else may have sent, gives nobody a key.
"""

import base64
import hmac
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tianji._core.edges.attempts import AttemptTable
from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.clock import SYSTEM
from tianji.edge.addresses import own_address, root
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import AuthenticationFailed, InvalidRequest
from tianji.lazy import load
from tianji.management.office import Office
from tianji.sso import browser

LIFETIME: Final = 600  # seconds that somebody has to sign in
SECRET_HEADERS: Final = (b"x-litellm-cli-poll-secret", b"x-tianji-cli-poll-secret")
_TAGS: Final = ("sign-in",)
_ID: Final = re.compile(r"cli-([0-9a-f]{8,12})-[0-9a-f]{24}")
_CODE: Final = re.compile("[A-Z]{4}-[A-Z]{4}")
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words (RFC 8628 section 6.1)


class Terminals:
    """The routes. `attempts`: how often a code was said wrong, over all workers."""

    def __init__(self, office: Callable[[], Office], attempts: AttemptTable) -> None:
        self._office = office
        self._attempts = attempts

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        rows = (
            ("POST", "/sso/cli/start", self._start, "Begin to sign a terminal in."),
            ("GET", "/sso/cli/complete/{login_id}", self._ask, "Ask for the code that a terminal shows."),
            ("GET", "/sso/cli/poll/{login_id}", self._poll, "Ask for the key of a terminal that was let in."),
        )
        for method, path, handler, summary in rows:
            yield Route((method,), path, handler, Access.OPEN, Tenant.NONE, summary, _TAGS)
        yield Route(
            *(("POST",), "/sso/cli/complete/{login_id}", self._complete, Access.SELF, Tenant.CALLER),
            summary="Let a terminal in.",
            tags=_TAGS,
        )

    def page(self, said: Mapping[str, str]) -> str:
        """Return the path of the page that a terminal's login goes on at, by the query that it came with.

        Raises InvalidRequest (400) for one that ended.
        """
        _require_running(said["key"])
        code = said.get("user_code", "")
        known = f"?user_code={code}" if _CODE.fullmatch(code) else ""
        return f"/sso/cli/complete/{said['key']}{known}"

    def _derived(self, login_id: str, purpose: str) -> bytes:
        text = f"tianji cli {purpose} {login_id}".encode()
        return hmac.digest(browser.salt(self._office()).encode(), text, "sha256")

    def _secret(self, login_id: str) -> str:
        return base64.urlsafe_b64encode(self._derived(login_id, "secret")).rstrip(b"=").decode()

    def _code(self, login_id: str) -> str:
        letters = [_LETTERS[byte % len(_LETTERS)] for byte in self._derived(login_id, "code")[:8]]
        return "".join((*letters[:4], "-", *letters[4:]))

    def _links_hold_codes(self) -> bool:
        """Whether nobody has to type the code: then a link that somebody else sent is enough to give him a key."""
        return self._office().config().general_settings.allow_cli_sso_verification_uri_complete

    async def _start(self, exchange: Exchange, _match: Match) -> None:
        office = self._office()
        login_id = f"cli-{int(SYSTEM.now()):08x}-{os.urandom(12).hex()}"
        base = own_address(exchange, office.environ())
        page = f"{base}/sso/key/generate?source=tianji-cli&key={login_id}"
        code = self._code(login_id)
        begun = {
            "login_id": login_id,
            "poll_secret": self._secret(login_id),
            "user_code": code,
            "expires_in": LIFETIME,
            "verification_uri": page,
        }
        if self._links_hold_codes():
            begun["verification_uri_complete"] = f"{page}&user_code={code}"
        respond_json(exchange, begun, headers=browser.PRIVATE)

    async def _ask(self, exchange: Exchange, match: Match) -> None:
        login_id = match.params["login_id"]
        _require_running(login_id)
        action = f"{root(self._office().environ())}/sso/cli/complete/{login_id}"
        code = browser.query(exchange).get("user_code", "") if self._links_hold_codes() else ""
        load("tianji.sso.pages").respond(exchange, "device", {"action": action, "user_code": code})

    async def _complete(self, exchange: Exchange, match: Match) -> None:
        office, login_id = self._office(), match.params["login_id"]
        _require_running(login_id)
        load("tianji.sso.throttle").Throttle(self._attempts).guess(login_id, office.config().general_settings)
        said = browser.fields(exchange).get("user_code", "").strip().upper()
        if not hmac.compare_digest(said.encode(), self._code(login_id).encode()):
            raise InvalidRequest("this is not the code that the terminal shows", param="user_code")
        await load("tianji.sso.terminal_keys").make(office, exchange.identity, login_id)
        if browser.is_form(exchange):
            load("tianji.sso.pages").respond(exchange, "done", {})
        else:
            respond_json(exchange, {"status": "complete"}, headers=browser.PRIVATE)

    async def _poll(self, exchange: Exchange, match: Match) -> None:
        login_id = match.params["login_id"]
        sent = next((found for name in SECRET_HEADERS if (found := exchange.header(name)) is not None), b"")
        if not hmac.compare_digest(sent, self._secret(login_id).encode()):
            raise AuthenticationFailed("this is not the secret of the login; send what its start answered")
        _require_running(login_id)
        team = browser.query(exchange).get("team_id")
        told: dict[str, Any] = await load("tianji.sso.terminal_keys").give(self._office(), login_id, team)
        respond_json(exchange, told, headers=browser.PRIVATE)


def _require_running(login_id: str) -> None:
    """Raise InvalidRequest (400) for what is no login, or one that took too long."""
    found = _ID.fullmatch(login_id)
    if found is None or not 0 <= SYSTEM.now() - int(found[1], 16) <= LIFETIME:
        raise InvalidRequest("there is no such login, or it took longer than ten minutes; begin again")
