"""The routes that people sign in and out by. What they do is loaded when the first one comes."""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tianji._core.edges.attempts import AttemptTable
from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.sessions import COOKIE, cookie
from tianji.edge.addresses import own_address
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.lazy import load
from tianji.management.office import Office
from tianji.sso import browser
from tianji.sso.passwords import Passwords
from tianji.sso.terminals import Terminals

LOGIN: Final = "tianji_login"  # the cookie of a login that has begun
_OWN: Final = ("GOOGLE_", "MICROSOFT_", "OKTA_", "GENERIC_")
_TAGS: Final = ("sign-in",)


class SignIn:
    """The routes, by the configuration in force."""

    def __init__(self, office: Callable[[], Office], attempts: AttemptTable, folder: Path) -> None:
        """`folder`: of the configuration, in which code of the operator's lies."""
        self._office = office
        self._folder = folder
        self._passwords = Passwords(office, attempts)
        self._terminals = Terminals(office, attempts)
        self._made_of: Mapping[str, str] = {}
        self._flow: Any = None

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        yield self._row("GET", "/sso/login", self._begin, "Send a browser to the identity provider.")
        yield self._row("GET", "/sso/key/generate", self._offer, "Sign in with whatever there is.")
        yield self._row("GET", "/sso/callback", self._finish, "Let in who comes back from the identity provider.")
        yield Route(
            *(("GET",), "/sso/readiness", self._ready, Access.INFO, Tenant.NONE),
            summary="Say whether people can sign in.",
            tags=_TAGS,
        )
        for path in ("/session/logout", "/sso/logout"):
            yield Route(
                *(("POST",), path, self._end, Access.SELF, Tenant.CALLER), summary="End the session.", tags=_TAGS
            )
        yield from self._passwords.routes()
        yield from self._terminals.routes()

    def _row(self, method: str, path: str, handler: Any, summary: str) -> Route:
        return Route((method,), path, handler, Access.OPEN, Tenant.NONE, summary, _TAGS)

    def close(self) -> None:
        """Ask no provider any more."""
        if self._flow is not None:
            self._flow.close()

    def flow(self) -> Any:
        """Return logins with the provider of the environment in force. Raises NotImplementedHere (501) without one."""
        office = self._office()
        environ = {name: value for name, value in office.environ().items() if name.startswith(_OWN)}
        if self._flow is None or environ != self._made_of:
            provider = load("tianji.sso.providers").provider(environ)
            vault = load("tianji.storage.vault").Vault(browser.salt(office), "sign-in")
            self.close()
            ask = load("tianji.egress.errands").Errands(provider.addresses())
            self._flow = load("tianji.sso.flow").Flow(provider, ask, vault)
            self._made_of = environ
        return self._flow

    async def _begin(self, exchange: Exchange, _match: Match) -> None:
        await self._away(exchange, browser.query(exchange).get("return_to"))

    async def _offer(self, exchange: Exchange, _match: Match) -> None:
        """Go on to the identity provider; where there is none, ask for a password."""
        said = browser.query(exchange)
        back = self._terminals.page(said) if "key" in said else said.get("return_to")
        if self._by_handler or load("tianji.sso.providers").is_named(self._office().environ()):
            await self._away(exchange, back)
        else:
            self._passwords.ask(exchange, back or "")

    @property
    def _by_handler(self) -> bool:
        """Whether a proxy signs people in, and code of the operator's reads what it says."""
        return self._office().config().general_settings.custom_ui_sso_sign_in_handler is not None

    async def _away(self, exchange: Exchange, back: str | None) -> None:
        back = back if back and browser.is_ours(back) else None
        if self._by_handler:
            custom, general = load("tianji.sso.custom"), self._office().config().general_settings
            await self._admit(exchange, await custom.claims_of(exchange, general, self._folder), custom.PROXY, back)
            return
        base = own_address(exchange, self._office().environ())
        location, sealed = await self.flow().begin(f"{base}/sso/callback", back)
        headers = [(b"location", location.encode()), browser.set_cookie(LOGIN, sealed, 600, base), *browser.PRIVATE]
        exchange.respond(302, headers, b"")

    async def _finish(self, exchange: Exchange, _match: Match) -> None:
        flow, brought = self.flow(), cookie(exchange, LOGIN)
        sealed = None if brought is None else brought.decode("latin-1")
        login, claims = await flow.finish(sealed, browser.query(exchange))
        await self._admit(exchange, claims, flow.provider, login.return_to)

    async def _admit(self, exchange: Exchange, claims: Mapping[str, Any], provider: Any, back: str | None) -> None:
        """Begin the session of whom a provider names, and send the browser on."""
        office = self._office()
        general, environ = office.config().general_settings, office.environ()
        desk = load("tianji.sso.desk")
        arrival = load("tianji.sso.people").arrival(claims, provider, general, environ)
        if general.custom_sso is not None:
            custom = load("tianji.sso.custom")
            arrival = await custom.judged(arrival, claims, general, self._folder, provider.shown)
        find = functools.partial(load("tianji.management.people.arrivals").welcome, arrival)
        session = await desk.open_session(office, find, desk.BY_PROVIDER)
        lifetime = desk.seconds(environ)
        token, kept = browser.session_cookie(exchange, office, session, lifetime)
        headers = [kept, browser.set_cookie(LOGIN, "", 0, own_address(exchange, environ))]
        if back is not None:
            browser.send_to(exchange, office, back, headers)
        else:
            said = {**session, "token": token, "expires_in": lifetime}
            respond_json(exchange, said, headers=[*headers, *browser.PRIVATE])

    async def _ready(self, exchange: Exchange, _match: Match) -> None:
        providers, environ = load("tianji.sso.providers"), self._office().environ()
        missing = providers.missing(environ)
        if self._by_handler:
            respond_json(exchange, {"status": "healthy", "provider": "custom"})
        elif not providers.is_named(environ):  # nobody wants it, so nothing is wrong
            told = {"status": "healthy", "sso_configured": False, "message": "no identity provider is configured"}
            respond_json(exchange, told)
        elif missing:
            respond_json(exchange, {"status": "unhealthy", "missing_environment_variables": missing}, 503)
        else:
            respond_json(exchange, {"status": "healthy", "provider": self.flow().provider.name})

    async def _end(self, exchange: Exchange, _match: Match) -> None:
        await load("tianji.sso.desk").end_session(self._office(), exchange.identity)
        environ = self._office().environ()
        gone = browser.set_cookie(COOKIE, "", 0, own_address(exchange, environ))
        # the identity provider may remember him still: its own page ends that
        further = {"redirect_url": environ["PROXY_LOGOUT_URL"]} if environ.get("PROXY_LOGOUT_URL") else {}
        respond_json(exchange, {"message": "signed out", **further}, headers=[gone, *browser.PRIVATE])
