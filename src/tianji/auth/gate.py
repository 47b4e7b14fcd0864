"""The one place that lets a request in: key, caller, rights; before the body is read."""

from collections.abc import Callable, Coroutine
from typing import Final, Protocol

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import require
from tianji.auth.credentials import Credentials
from tianji.auth.ephemeral import NO_TICKETS, Tickets, is_secret
from tianji.auth.identity import ANYONE, Identity
from tianji.auth.routes import Row, permitted
from tianji.auth.rules import Rules
from tianji.clock import SYSTEM, Clock
from tianji.errors import AuthenticationFailed, KeyExpired, RouteRefused, TianjiError

TAKES_SECRETS: Final = frozenset({"conversations"})  # tags of routes where a secret stands for a key


class Authenticator(Protocol):
    """Knows keys."""

    def authenticate(
        self, credential: bytes | None, field: Callable[[bytes], bytes | None]
    ) -> Identity | Coroutine[None, None, Identity]:
        """Say who sent `credential`, or how to find that out. `field`: looks a header of the request up.

        Raises AuthenticationFailed, StoreUnavailable.
        """

    def holder(self, key: str) -> Identity | Coroutine[None, None, Identity]:
        """Say who has the key that identities name so. Raises the same."""

    def knows(self, value: bytes) -> bool:
        """Whether what stands in a header is a key that is known here."""


class Doorman(Protocol):
    """Knows callers by something else than keys, or puts a key in the place of what they send."""

    async def __call__(self, exchange: Exchange, credential: bytes | None, row: Row) -> Identity | bytes | None:
        """Say who sent a request, or which key counts instead of `credential`; None: what was sent counts.

        Raises AuthenticationFailed, and whatever else a client is to be refused with.
        """


class _Row(Row, Protocol):
    @property
    def key_of(self) -> Callable[[Exchange], bytes | None] | None: ...


class _Matched(Protocol):
    @property
    def route(self) -> _Row: ...


class Gate:
    """Authorises a request by the row of the route table that it matched, and by `rules`, where there are some."""

    def __init__(
        self,
        credentials: Credentials,
        authenticator: Authenticator,
        rules: Rules | None = None,
        clock: Clock = SYSTEM,
        *,
        tickets: Tickets = NO_TICKETS,
        doorman: Doorman | None = None,
    ) -> None:
        """Let in whom `authenticator` knows. `doorman`: whom is asked before."""
        self._find, self._others = credentials.find, credentials.others
        self._authenticator = authenticator
        self._rules = rules
        self._tickets = tickets
        self._doorman = doorman
        self._clock = clock

    def __call__(self, exchange: Exchange, match: _Matched) -> Identity | Coroutine[None, None, Identity]:
        """Return the caller, or a coroutine of him where a database has to be asked.

        Raises AuthenticationFailed (401) or PermissionDenied (403); StoreUnavailable (503) where the database does not
        answer. Whatever else goes wrong in here is 401: a fault of ours must never let anybody in, nor read as success.
        """
        try:
            if self._rules is not None:
                self._rules.require_served(exchange, match.route)
            own = match.route.key_of
            credential = None if own is None else own(exchange)
            found = self._ask(self._find(exchange) if credential is None else credential, exchange, match.route)
            if isinstance(found, Identity):
                return self._admit(found, exchange, match.route)
        except AuthenticationFailed as error:
            return self._anonymous(error, exchange, match.route)
        except TianjiError:
            raise
        except Exception as error:  # a named boundary, see above
            raise _failed() from error
        return self._admit_later(found, exchange, match.route)

    def _ask(
        self, credential: bytes | None, exchange: Exchange, row: Row
    ) -> Identity | Coroutine[None, None, Identity]:
        if credential is None or not is_secret(credential):
            if self._doorman is not None:
                return self._meet(self._doorman, credential, exchange, row)
            return self._authenticator.authenticate(credential, exchange.header)
        if not TAKES_SECRETS.intersection(row.tags):
            raise AuthenticationFailed("Authentication Error, this secret is for conversations alone; send a key")
        return self._authenticator.holder(self._tickets.open(credential).key)

    async def _meet(self, doorman: Doorman, credential: bytes | None, exchange: Exchange, row: Row) -> Identity:
        said = await doorman(exchange, credential, row)
        if isinstance(said, Identity):
            return said
        found = self._authenticator.authenticate(credential if said is None else said, exchange.header)
        if not isinstance(found, Identity):
            return await found
        if found is ANYONE:  # without a master key; where somebody says who may come in, not all may
            raise AuthenticationFailed("Authentication Error, nobody knows who sends this request")
        return found

    async def _admit_later(self, pending: Coroutine[None, None, Identity], exchange: Exchange, row: Row) -> Identity:
        try:
            return self._admit(await pending, exchange, row)
        except AuthenticationFailed as error:
            return self._anonymous(error, exchange, row)
        except TianjiError:
            raise
        except Exception as error:  # the same boundary
            raise _failed() from error

    def _admit(self, identity: Identity, exchange: Exchange, row: Row) -> Identity:
        if identity.expires is not None and identity.expires <= self._clock.now():
            raise KeyExpired("Authentication Error, the key has expired; ask for a new one", param=identity.key[:8])
        require(row.access, identity, exchange.method)
        if self._rules is not None:
            self._rules.require_rank(identity, exchange, row)
        if identity.allowed_routes and not permitted(identity.allowed_routes, exchange.path, row):
            raise RouteRefused(f"this key is confined to other routes than {exchange.path[:200]}; use another key")
        others = [pair for pair in self._others(exchange) if not self._authenticator.knows(pair[1])]
        exchange.logins = tuple(others) or None
        return identity

    def _anonymous(self, error: AuthenticationFailed, exchange: Exchange, row: Row) -> Identity:
        """Return who calls a public route, where nobody has to be known; raise the error for any other."""
        found = None if self._rules is None else self._rules.anonymous(exchange, row)
        if found is None:
            raise error
        return found


def _failed() -> AuthenticationFailed:
    return AuthenticationFailed("Authentication Error, the key could not be checked")
