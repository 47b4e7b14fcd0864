"""Callers whom a proxy in front of the gateway has let in, and names in headers (`enable_oauth2_proxy_auth`).

Anybody can write a header. So they are believed of the proxies of `trusted_proxy_ranges` alone, and they say who
somebody is, never what he may do.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji._core.edges.exchange import Exchange
from tianji.auth.described import Described, Descriptions
from tianji.auth.identity import Identity
from tianji.auth.routes import Row
from tianji.auth.rules import Rules
from tianji.config.schema.general import PROXIED
from tianji.errors import AuthenticationFailed

LONGEST: Final = 1024  # characters of a value
_PREFIX: Final = "Authentication Error, "


class ProxiedCallers:
    """Knows callers by headers; a doorman of `tianji.auth.gate`. Who brings a key is who has that key.

    headers: what is said (`user_id`, `user_email`, `team_id`, `team_alias`, `org_id`, `models`), and in which header
    """

    def __init__(self, headers: Mapping[str, str], rules: Rules, descriptions: Descriptions) -> None:
        self._headers = {name: header.lower().encode() for name, header in headers.items() if name in PROXIED}
        self._rules = rules
        self._descriptions = descriptions

    async def __call__(self, exchange: Exchange, credential: bytes | None, row: Row) -> Identity | None:
        """Say who sent a request, see Doorman. Raises AuthenticationFailed for one that no such proxy let in."""
        del row
        if credential and credential.startswith(b"sk-"):
            return None
        if not self._rules.is_proxy(exchange):
            raise AuthenticationFailed(f"{_PREFIX}come by way of the proxy in front of this gateway, or send a key")
        said = {name: value for name, header in self._headers.items() if (value := _only(exchange, header))}
        found: dict[str, Any] = {**said, "user_id": said.get("user_id") or said.get("user_email")}
        if "models" in said:
            found["models"] = tuple(name.strip() for name in said["models"].split(",") if name.strip())
        if not (found["user_id"] or said.get("team_id")):
            raise AuthenticationFailed(f"{_PREFIX}the proxy in front of this gateway does not say who you are")
        return await self._descriptions.identity(Described(**found), None, stored=True)


def _only(exchange: Exchange, header: bytes) -> str | None:
    """Return the value of a header; two that differ may be a client's and the proxy's, and name nobody."""
    values = {value for name, value in exchange.headers if name == header}
    if len(values) > 1:
        raise AuthenticationFailed(f"{_PREFIX}there is more than one {header.decode()} in this request")
    value = values.pop().decode("utf-8", "replace").strip() if values else ""
    if len(value) > LONGEST:
        raise AuthenticationFailed(f"{_PREFIX}{header.decode()} is longer than {LONGEST} characters")
    return value or None
