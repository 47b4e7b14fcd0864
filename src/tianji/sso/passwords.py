"""The routes that people sign in by with a name and a password. What they do is loaded when the first one comes."""

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.edges.attempts import AttemptTable
from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.clock import SYSTEM
from tianji.edge.addresses import own_address, root
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import AuthenticationFailed, InvalidRequest, Overloaded, RateLimited, TianjiError, Unacceptable
from tianji.lazy import load
from tianji.management.office import Office
from tianji.sso import browser

_TAGS: Final = ("sign-in",)
_CODE: Final = 60  # seconds that a code is good for
_OF: Final = "code"
_AT_ONCE: Final = 2  # passwords that a worker looks at; each takes 64 MiB meanwhile
_WAITING: Final = 64


class Begun(Struct, frozen=True):
    """A session that another page is to get: its token, and until when, in seconds since the epoch."""

    token: str
    key: str
    until: float


class Passwords:
    """The routes, by the configuration in force. `attempts`: shared by all workers."""

    def __init__(self, office: Callable[[], Office], attempts: AttemptTable) -> None:
        self._office = office
        self._attempts = attempts
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        yield self._open("GET", "/fallback/login", self._page, "Ask for a name and a password.")
        yield self._open("POST", "/login", self._login, "Sign in by a form.")
        yield self._open("POST", "/v2/login", self._token, "Sign in with a name and a password.")
        yield self._open("POST", "/v3/login", self._code, "Sign in for a code that is worth a session.")
        yield self._open("POST", "/v3/login/exchange", self._exchange, "Give such a code for the session.")
        yield Route(
            *(("POST",), "/user/password/change", self._change, Access.SELF, Tenant.CALLER),
            summary="Change one's own password.",
            tags=_TAGS,
        )

    def _open(self, method: str, path: str, handler: Any, summary: str) -> Route:
        return Route((method,), path, handler, Access.OPEN, Tenant.NONE, summary, _TAGS)

    async def _page(self, exchange: Exchange, _match: Match) -> None:
        self.ask(exchange, browser.query(exchange).get("return_to", ""))

    def ask(self, exchange: Exchange, return_to: str, trouble: TianjiError | None = None) -> None:
        """Answer with a page that asks for a name and a password."""
        office = self._office()
        load("tianji.sso.credentials").require_open(office.config().general_settings, office.environ())
        values = {
            "action": f"{root(office.environ())}/login",
            "return_to": return_to if browser.is_ours(return_to) else "",
            "trouble": "" if trouble is None else trouble.message,
        }
        load("tianji.sso.pages").respond(exchange, "login", values, 200 if trouble is None else trouble.status)

    async def _login(self, exchange: Exchange, _match: Match) -> None:
        said = browser.fields(exchange)
        back = said.get("return_to", "")
        try:
            session, lifetime = await self._open_session(exchange, said)
        except (AuthenticationFailed, RateLimited) as error:
            if not browser.is_form(exchange):
                raise
            self.ask(exchange, back, error)
            return
        _, cookie = browser.session_cookie(exchange, self._office(), session, lifetime)
        browser.send_to(exchange, self._office(), back if browser.is_ours(back) else browser.HOME, [cookie])

    async def _token(self, exchange: Exchange, _match: Match) -> None:
        session, lifetime = await self._open_session(exchange, browser.fields(exchange))
        token, cookie = browser.session_cookie(exchange, self._office(), session, lifetime)
        respond_json(exchange, {**self._place(exchange), "token": token}, headers=[cookie, *browser.PRIVATE])

    def _place(self, exchange: Exchange) -> dict[str, str]:
        return {"redirect_url": own_address(exchange, self._office().environ()) + browser.HOME}

    async def _code(self, exchange: Exchange, _match: Match) -> None:
        session, lifetime = await self._open_session(exchange, browser.fields(exchange))
        token, _ = browser.session_cookie(exchange, self._office(), session, lifetime)
        begun = Begun(token, session["key"], SYSTEM.now() + _CODE)
        code = self._vault().close(msgspec.json.encode(begun).decode(), _OF)
        respond_json(exchange, {"code": code, "expires_in": _CODE}, headers=browser.PRIVATE)

    async def _exchange(self, exchange: Exchange, _match: Match) -> None:
        try:
            begun = msgspec.json.decode(self._vault().open(browser.fields(exchange).get("code", ""), _OF), type=Begun)
        except ValueError as error:  # msgspec's is one, too
            raise InvalidRequest("this is no code of ours; sign in again", param="code") from error
        if begun.until <= SYSTEM.now():
            raise InvalidRequest("this code was good for a minute; sign in again", param="code")
        await load("tianji.sso.changes").claim(self._office(), begun.key)
        respond_json(exchange, {**self._place(exchange), "token": begun.token}, headers=browser.PRIVATE)

    async def _open_session(self, exchange: Exchange, said: dict[str, str]) -> tuple[dict[str, Any], int]:
        """Return the claims of a session, and how many seconds it lasts. Raises what signing in raises."""
        browser.require_no_foreign_page(exchange)
        office = self._office()
        browser.salt(office)
        desk = load("tianji.sso.desk")
        session = await self._tried(
            exchange,
            said.get("username", ""),
            lambda: load("tianji.sso.credentials").admitted(
                office, said.get("username", ""), said.get("password", ""), desk.BY_PASSWORD
            ),
        )
        return session, desk.seconds(office.environ())

    async def _tried(self, exchange: Exchange, name: str, attempt: Callable[[], Any]) -> Any:
        """Do what takes a password, as often as one may try."""
        office = self._office()
        throttle = load("tianji.sso.throttle").Throttle(self._attempts)
        counted = throttle.begin(exchange, name, office.config().general_settings, office.environ())
        if self._waiting >= _WAITING:
            raise Overloaded("too many people sign in at the moment; try again")
        self._waiting += 1
        try:
            async with self._turns:
                found = await attempt()
        finally:
            self._waiting -= 1
        throttle.succeed(counted)
        return found

    async def _change(self, exchange: Exchange, _match: Match) -> None:
        said = browser.fields(exchange)
        old, new = said.get("current_password"), said.get("new_password")
        if old is None or new is None:
            raise Unacceptable("send current_password and new_password", param="new_password")
        caller = exchange.identity
        change = functools.partial(load("tianji.sso.changes").change_password, self._office(), caller, old, new)
        await self._tried(exchange, caller.user_id or caller.key, change)
        respond_json(exchange, {"message": "the password was changed; other sessions have ended"})

    def _vault(self) -> Any:
        return load("tianji.storage.vault").Vault(browser.salt(self._office()), "sign-in")
