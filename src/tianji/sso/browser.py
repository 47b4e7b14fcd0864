"""What browsers send and are told: forms, where to go on, which cookies to keep."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.sessions import COOKIE, Sessions
from tianji.edge.addresses import own_address, root
from tianji.errors import Header, NotImplementedHere, PayloadTooLarge, PermissionDenied, Unacceptable
from tianji.management.office import Office

PRIVATE: Final[list[Header]] = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
LONGEST: Final = 16 * 1024  # bytes of a body: nobody is known yet who sends it
HOME: Final = "/docs"  # where somebody is sent who did not say where he wants to go
_FORM: Final = b"application/x-www-form-urlencoded"


def salt(office: Office) -> str:
    """Return the secret that cookies rest on. Raises NotImplementedHere (501) without one."""
    found = office.salt()
    if not found:
        raise NotImplementedHere("signing in needs general_settings.master_key or TIANJI_SALT_KEY: sessions rest on it")
    return found


def query(exchange: Exchange) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(exchange.query.decode("latin-1")))


def is_form(exchange: Exchange) -> bool:
    """Whether the body is what a page's form sends, so that whoever reads the answer is a person."""
    return (exchange.header(b"content-type") or b"").partition(b";")[0].strip().lower() == _FORM


def fields(exchange: Exchange) -> dict[str, str]:
    """Return the texts of a body, be it a form or a JSON object.

    Raises Unacceptable (400) for anything else, PayloadTooLarge (413) for more than anybody has to say here.
    """
    if exchange.size > LONGEST:
        raise PayloadTooLarge(f"a body has {LONGEST} bytes at most here")
    if is_form(exchange):
        try:
            return dict(parse_qsl(exchange.body.decode(), keep_blank_values=True, max_num_fields=32))
        except ValueError as error:
            raise Unacceptable("the form cannot be read") from error
    try:
        said = msgspec.json.decode(exchange.body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unacceptable("send a JSON object, or a form", param="request_body") from error
    return {name: value for name, value in said.items() if isinstance(value, str)}


def require_no_foreign_page(exchange: Exchange) -> None:
    """Raise PermissionDenied (403) for what a page of another site sends: it could sign its visitor in as another.

    Programs, which name no page, pass. Source: https://www.w3.org/TR/fetch-metadata/
    """
    site, origin = exchange.header(b"sec-fetch-site"), exchange.header(b"origin")
    if site is not None:
        foreign = site not in (b"same-origin", b"none")
    else:
        host = exchange.header(b"host")
        foreign = origin is not None and urlsplit(origin.decode("latin-1")).netloc.encode("latin-1") != host
    if foreign:
        raise PermissionDenied("a page of another site may not do that")


def is_ours(path: str) -> bool:
    """Whether a browser that is sent to `path` stays here: no other host, however browsers read it."""
    odd = any(char <= " " or char in "\\\x7f" for char in path) or not path.isascii()
    return path.startswith("/") and not path.startswith("//") and not odd and not urlsplit(path).netloc


def set_cookie(name: str, value: str, seconds: int, base: str) -> Header:
    """Return a cookie that scripts cannot read, and that pages of other sites cannot have sent with what changes."""
    secure = "; Secure" if base.startswith("https:") else ""
    text = f"{name}={value}; Path={urlsplit(base).path or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", text.encode("ascii")


def session_cookie(exchange: Exchange, office: Office, session: Mapping[str, Any], seconds: int) -> tuple[str, Header]:
    """Return the token of a session that has begun, and the cookie that holds it."""
    token = Sessions(salt(office)).make(session, seconds)
    return token, set_cookie(COOKIE, token, seconds, own_address(exchange, office.environ()))


def send_to(exchange: Exchange, office: Office, path: str, headers: list[Header]) -> None:
    """Send a browser to a path of ours with another request, which is a GET."""
    exchange.respond(303, [(b"location", f"{root(office.environ())}{path}".encode()), *headers, *PRIVATE], b"")
