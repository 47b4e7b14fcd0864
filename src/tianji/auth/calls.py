"""The ids of calls that clients see: which deployment has a call, what it is called there, and whose it is, sealed.

Nobody can make one up or change one, so whoever presents an id was given it, and every worker and every machine with
the same salt takes it. Nothing is remembered of it.
"""

from typing import Final

import msgspec
from msgspec import Struct

from tianji.auth.identity import Identity, Role
from tianji.auth.owners import UNSET, owner_of
from tianji.errors import ObjectNotFound
from tianji.lazy import load

PREFIX: Final = "rtc_tj"
_OF: Final = "realtime call"
_VAULT: Final = "tianji.storage.vault"


class Call(Struct, frozen=True, array_like=True):
    """What an id says. owner: see tianji.auth.owners; id: what the call is called at its upstream.

    deployment: which has it, by its id; model: a name by which that is found
    """

    owner: bytes
    model: str
    deployment: str
    id: str


class CallSeal:
    """Makes ids and reads them. `salt`: what they rest on, None where there is none."""

    def __init__(self, salt: str | None) -> None:
        self._salt = salt or UNSET

    def seal(self, caller: Identity, model: str, deployment: str, ident: str) -> str:
        """Return the id of a call of this caller's."""
        call = Call(owner_of(caller), model, deployment, ident)
        sealed: str = load(_VAULT).Vault(self._salt, _OF).close(msgspec.json.encode(call).decode(), _OF)
        return PREFIX + sealed.removeprefix("tj1:").rstrip("=")

    def open(self, text: str, caller: Identity) -> Call:
        """Return what an id says that is this caller's. Raises ObjectNotFound for any other."""
        sealed = text.removeprefix(PREFIX)
        try:
            opened = load(_VAULT).Vault(self._salt, _OF).open("tj1:" + sealed + "=" * (-len(sealed) % 4), _OF)
            call = msgspec.json.decode(opened, type=Call)
        except ValueError:  # msgspec's and base64's errors are such, too
            raise _unknown(text) from None
        if not text.startswith(PREFIX) or (call.owner != owner_of(caller) and caller.role is not Role.PROXY_ADMIN):
            raise _unknown(text)
        return call


def _unknown(text: str) -> ObjectNotFound:
    return ObjectNotFound(f"No such call: {text[:200]!r}.", param="call_id")
