"""Secrets of short life that stand for a key: what a browser is given to begin a conversation with.

The secret is sealed by the gateway's salt and remembered nowhere, so every worker and every machine with the same salt
takes it. It says whose key it stands for; whether that key still holds is asked anew each time.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import AuthenticationFailed, Overloaded
from tianji.lazy import load

PREFIX: Final = "ek_tianji_"
SIGN: Final = PREFIX.encode()
_OF: Final = "ephemeral secret"
_VAULT: Final = "tianji.storage.vault"


class Ticket(Struct, frozen=True, array_like=True):
    """What a secret stands for.

    key: as Identity.key names it; model: the only one that may be used, and the name for it
    deployment: which has made `secret`, the upstream's own; expires: seconds since the epoch
    """

    key: str
    model: str
    deployment: str
    secret: str
    expires: int


class Tickets:
    """Seals and opens secrets. `salt()`: what they rest on, None where there is none."""

    def __init__(self, salt: Callable[[], str | None], clock: Clock = SYSTEM) -> None:
        self._salt = salt
        self._clock = clock

    def seal(self, ticket: Ticket) -> str:
        """Return the secret for a ticket. Raises Overloaded where the gateway has no salt."""
        salt = self._salt()
        if not salt:
            raise Overloaded("this gateway gives no secrets: its operator has to set TIANJI_SALT_KEY, or a master key")
        sealed: str = load(_VAULT).Vault(salt, _OF).close(msgspec.json.encode(ticket).decode(), _OF)
        return PREFIX + sealed.removeprefix("tj1:").rstrip("=")

    def open(self, secret: bytes) -> Ticket:
        """Return the ticket behind a secret. Raises AuthenticationFailed for any other text, and when it is over."""
        salt = self._salt()
        if salt and is_secret(secret):
            text = secret[len(SIGN) :].decode("ascii", "replace")
            try:
                opened = load(_VAULT).Vault(salt, _OF).open("tj1:" + text + "=" * (-len(text) % 4), _OF)
                ticket = msgspec.json.decode(opened, type=Ticket)
            except ValueError:  # msgspec's and base64's errors are such, too
                raise _unknown() from None
            if ticket.expires > self._clock.now():
                return ticket
        raise _unknown()


NO_TICKETS: Final = Tickets(lambda: None)


def is_secret(credential: bytes | None) -> bool:
    """Whether a credential looks like a secret of this kind."""
    return credential is not None and credential.startswith(SIGN)


def _unknown() -> AuthenticationFailed:
    return AuthenticationFailed("Authentication Error, the secret is not valid, or its time is over; ask for a new one")
