"""Destinations that requests bring along: credentials of a callback in the body, instead of those of the gateway.

The operator allows that with `general_settings.allow_client_side_credentials`; without it such a request is refused
before anybody hears of it. A request may name credentials only for callbacks that the configuration tells anyway, and
is then told to its own account of each and not to the gateway's. It gets no credential of the gateway's beside its own,
and its addresses have to be public, or of a host that the operator names. What is forgotten where nothing came for an
hour; a destination that does not answer is given up after a minute, since a stranger chose it.

https://docs.litellm.ai/docs/proxy/dynamic_logging has the names of what a request may say.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji.callbacks.brought import Brought
from tianji.callbacks.event import Apart, Owner
from tianji.callbacks.settings import hidden_in, listed, made
from tianji.callbacks.sink import Sink
from tianji.callbacks.variables import as_params, brings_place, vault
from tianji.config.loader import Loaded
from tianji.errors import ConfigurationError
from tianji.ledger.credentials import without_secrets
from tianji.ledger.entry import Entry

REQUEST: Final = "request"  # the kind of owner
PURPOSE: Final = "callbacks of requests"  # of the vault that closes what they say
MOST: Final = 50  # guests at a time
FORGOTTEN: Final = 3600.0  # seconds without an event
PATIENCE: Final = 60.0  # seconds for which a destination is asked that does not answer

log = logging.getLogger(__name__)


class Guest(Struct, frozen=True):
    """What one set of credentials is for: an owner of destinations, and the callbacks that are told to it alone."""

    owner: Owner
    kinds: frozenset[str]
    variables: Mapping[str, Any]

    @property
    def apart(self) -> Apart:
        """What an event has to know of him."""
        return self.owner, self.kinds


class Guests:
    """Knows who is there. What is kept of them over a restart is encrypted under the salt."""

    def __init__(self, loaded: Loaded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._there: OrderedDict[str, Guest] = OrderedDict()
        self._seen: dict[str, float] = {}
        self._fresh: list[Owner] = []
        self._said: set[str] = set()
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        self._loaded = loaded
        self._brought = Brought(loaded.config)

    def of(self, entry: Entry) -> Apart | None:
        """Return who is told of an entry alone, and by which callbacks; None where it names nobody."""
        payload = entry.payload
        variables = {} if payload is None else self._brought.variables(payload.guest or payload.request)
        if not variables:
            return None
        kinds = self._brought.kinds(variables)
        if not kinds:
            return None
        name = hashlib.sha256(msgspec.json.encode([sorted(kinds), sorted(variables.items())])).hexdigest()
        return self._met(name, Guest((REQUEST, name), kinds, variables)).apart

    def _met(self, name: str, guest: Guest) -> Guest:
        if name not in self._there:
            if len(self._there) >= MOST:
                self._make_room()
            self._there[name] = guest
            self._fresh.append(guest.owner)
        self._seen[name] = self._monotonic()
        self._there.move_to_end(name)
        return self._there[name]

    def _make_room(self) -> None:
        """Forget who was not there for the longest time. What still waits for him he is not told."""
        name, _ = self._there.popitem(last=False)
        idle = self._monotonic() - self._seen.pop(name)
        if idle < PATIENCE and "room" not in self._said:
            self._said.add("room")
            log.warning("requests name more than %d accounts of callbacks at a time; some are not told", MOST)

    def fresh(self) -> list[Owner]:
        """Return who came since the last time."""
        found, self._fresh = self._fresh, []
        return found

    def sinks(self, owner: Owner) -> Sequence[Sink]:
        """Return his destinations; none once he is forgotten."""
        guest = self._there.get(owner[1])
        if guest is None:
            return ()
        if self._monotonic() - self._seen[owner[1]] > FORGOTTEN:
            del self._there[owner[1]], self._seen[owner[1]]
            return ()
        return [sink for kind in sorted(guest.kinds & self._brought.hears.keys()) for sink in self._built(guest, kind)]

    def _built(self, guest: Guest, kind: str) -> Sequence[Sink]:
        """Return a destination under its own name. What a request says is no reason to log it, so problems are not."""
        house = self._loaded.environment
        environ = {} if brings_place(guest.variables) else without_secrets(dict(house))
        label = f"{REQUEST} {guest.owner[1][:12]} {kind}"
        try:
            found = listed(made(kind, as_params(guest.variables), environ), label, self._brought.hears[kind])
        except (ConfigurationError, ValueError):
            return ()
        given = {"owner": guest.owner, "hidden": hidden_in(self._loaded.config), "patience": PATIENCE, "lasting": False}
        return [msgspec.structs.replace(sink, **given) for sink in found]

    def kept(self) -> dict[str, str]:
        """Return what is kept of them, encrypted; nothing where there is no salt."""
        try:
            closed = vault(self._loaded, PURPOSE)
        except ValueError:
            return {}
        known = list(self._there.items())
        return {name: closed.close(msgspec.json.encode([sorted(one.kinds), one.variables]).decode(), name)
                for name, one in known}  # fmt: skip

    def recall(self, kept: Mapping[str, str]) -> None:
        """Know them again. Who was kept under another salt is forgotten."""
        for name, text in kept.items():
            try:
                said = vault(self._loaded, PURPOSE).open(text, name)
            except ValueError:
                continue
            kinds, variables = msgspec.json.decode(said, type=tuple[frozenset[str], dict[str, Any]])
            self._met(name, Guest((REQUEST, name), kinds, variables))
