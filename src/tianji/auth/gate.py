"""The one place that lets a request in: key, caller, rights; before the body is read."""

from typing import Protocol

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, require
from tianji.auth.credentials import Credentials
from tianji.auth.identity import Identity
from tianji.errors import AuthenticationFailed, TianjiError


class Authenticator(Protocol):
    """Knows keys."""

    def authenticate(self, credential: bytes | None) -> Identity:
        """Say who sent `credential`. Raises AuthenticationFailed."""


class _Row(Protocol):
    @property
    def access(self) -> Access: ...


class _Matched(Protocol):
    @property
    def route(self) -> _Row: ...


class Gate:
    """Authorises a request by the row of the route table that it matched."""

    def __init__(self, credentials: Credentials, authenticator: Authenticator) -> None:
        self._find = credentials.find
        self._authenticate = authenticator.authenticate

    def __call__(self, exchange: Exchange, match: _Matched) -> Identity:
        """Return the caller. Raises AuthenticationFailed (401) or PermissionDenied (403).

        Whatever goes wrong in here is 401: a fault of ours must never let anybody in, nor read as success.
        """
        try:
            identity = self._authenticate(self._find(exchange))
            require(match.route.access, identity, exchange.method)
        except TianjiError:
            raise
        except Exception as error:  # a named boundary, see above
            raise AuthenticationFailed("Authentication Error, the key could not be checked") from error
        return identity
