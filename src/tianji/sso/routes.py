"""The routes that people sign in and out by. What they do is loaded when the first one comes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.auth.sessions import COOKIE, Sessions, cookie
from tianji.edge.answers import respond_json
from tianji.edge.routes import Match, Route
from tianji.errors import Header, NotImplementedHere
from tianji.lazy import load
from tianji.management.administration import Office

LOGIN: Final = "tianji_login"  # the cookie of a login that has begun
_OWN: Final = ("GOOGLE_", "MICROSOFT_", "GENERIC_")
_TAGS: Final = ("sign-in",)
_PRIVATE: Final[list[Header]] = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]


class SignIn:
    """The routes, by the configuration in force."""

    def __init__(self, office: Callable[[], Office]) -> None:
        self._office = office
        self._made_of: Mapping[str, str] = {}
        self._flow: Any = None

    def routes(self) -> Iterator[Route]:
        """Return the rows of the route table."""
        for path in ("/sso/login", "/sso/key/generate"):
            yield self._row("GET", path, self._begin, "Send a browser to the identity provider.")
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
            vault = load("tianji.storage.vault").Vault(salt(office), "sign-in")
            self.close()
            ask = load("tianji.egress.errands").Errands(provider.addresses())
            self._flow = load("tianji.sso.flow").Flow(provider, ask, vault)
            self._made_of = environ
        return self._flow

    async def _begin(self, exchange: Exchange, _match: Match) -> None:
        base = own_address(exchange, self._office().environ())
        back = query(exchange).get("return_to")
        location, sealed = await self.flow().begin(f"{base}/sso/callback", back if back and is_ours(back) else None)
        headers = [(b"location", location.encode()), set_cookie(LOGIN, sealed, 600, base), *_PRIVATE]
        exchange.respond(302, headers, b"")

    async def _finish(self, exchange: Exchange, _match: Match) -> None:
        office, flow = self._office(), self.flow()
        brought = cookie(exchange, LOGIN)
        sealed = None if brought is None else brought.decode("latin-1")
        login, claims = await flow.finish(sealed, query(exchange))
        general, environ = office.config().general_settings, office.environ()
        desk = load("tianji.sso.desk")
        arrival = load("tianji.sso.people").arrival(claims, flow.provider, general, environ)
        session = await desk.open_session(office, arrival)
        lifetime = desk.seconds(environ)
        token = Sessions(salt(office)).make(session, lifetime)
        base = own_address(exchange, environ)
        headers = [set_cookie(COOKIE, token, lifetime, base), set_cookie(LOGIN, "", 0, base), *_PRIVATE]
        if login.return_to is not None:
            exchange.respond(303, [(b"location", f"{root(environ)}{login.return_to}".encode()), *headers], b"")
        else:
            respond_json(exchange, {**session, "token": token, "expires_in": lifetime}, headers=headers)

    async def _ready(self, exchange: Exchange, _match: Match) -> None:
        missing = load("tianji.sso.providers").missing(self._office().environ())
        if missing:
            respond_json(exchange, {"status": "unhealthy", "missing_environment_variables": missing}, 503)
        else:
            respond_json(exchange, {"status": "healthy", "provider": self.flow().provider.name})

    async def _end(self, exchange: Exchange, _match: Match) -> None:
        await load("tianji.sso.desk").end_session(self._office(), exchange.identity)
        base = own_address(exchange, self._office().environ())
        respond_json(exchange, {"message": "signed out"}, headers=[set_cookie(COOKIE, "", 0, base), *_PRIVATE])


def salt(office: Office) -> str:
    """Return the secret that cookies rest on. Raises NotImplementedHere (501) without one."""
    found = office.salt()
    if not found:
        raise NotImplementedHere("signing in needs general_settings.master_key or TIANJI_SALT_KEY: sessions rest on it")
    return found


def query(exchange: Exchange) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(exchange.query.decode("latin-1")))


def root(environ: Mapping[str, str]) -> str:
    """Return the prefix that the gateway's paths have: SERVER_ROOT_PATH."""
    trimmed = environ.get("SERVER_ROOT_PATH", "").strip("/")
    return f"/{trimmed}" if trimmed else ""


def own_address(exchange: Exchange, environ: Mapping[str, str]) -> str:
    """Return where browsers find the gateway: PROXY_BASE_URL, or where this one says that it found it."""
    named = environ.get("PROXY_BASE_URL")
    if named:
        return named.rstrip("/") + root(environ)
    scheme = "https" if exchange.header(b"x-forwarded-proto") == b"https" else "http"
    return f"{scheme}://{(exchange.header(b'host') or b'').decode('latin-1')}{root(environ)}"


def is_ours(path: str) -> bool:
    """Whether a browser that is sent to `path` stays here: no other host, however browsers read it."""
    odd = any(char <= " " or char in "\\\x7f" for char in path) or not path.isascii()
    return path.startswith("/") and not path.startswith("//") and not odd and not urlsplit(path).netloc


def set_cookie(name: str, value: str, seconds: int, base: str) -> Header:
    """Return a cookie that scripts cannot read, and that pages of other sites cannot have sent with what changes."""
    secure = "; Secure" if base.startswith("https:") else ""
    text = f"{name}={value}; Path={urlsplit(base).path or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode("ascii")
