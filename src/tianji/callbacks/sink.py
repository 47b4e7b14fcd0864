"""What a destination is to the rest: which events it hears, in which batches, and how they become requests."""

import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, Struct

from tianji.callbacks.audit import Audit
from tianji.callbacks.event import LogEvent, Notice, Owner
from tianji.callbacks.lines import Part
from tianji.config.environment import is_true
from tianji.errors import ConfigurationError
from tianji.providers.logins.fetching import Fetch, fetcher

BATCH: Final = 512  # events of a request, where a vendor takes so many
INTERVAL: Final = 5.0  # seconds until what waits is sent
ALL: Final = frozenset({"success", "failure"})
SUCCESSES: Final = frozenset({"success"})


Sift = Callable[[dict[str, Any], LogEvent], dict[str, Any] | None]
"""Returns a record of an event as it shall be written; None for one that shall not. It takes its time."""


class UnwritableError(ValueError):
    """An event lacks what its destination cannot do without; the message says what, and nothing of the content."""


class Delivery(Struct, frozen=True):
    """One HTTP request. accepted: the statuses that mean that the events arrived; empty: all below 300.

    meaning: returns the status that an answer comes to, where its body says that some of the events were not taken
    """

    url: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"
    accepted: frozenset[int] = frozenset()
    meaning: Callable[[int, bytes], int] | None = None

    def accepts(self, status: int) -> bool:
        """Whether a status means that the events arrived."""
        return status in self.accepted if self.accepted else status < 300

    def __repr__(self) -> str:
        """Say what it is without its headers, which hold the key."""
        return f"Delivery({self.method} {self.url}, {len(self.body)} bytes)"


class Sink(Struct, frozen=True):
    """One destination.

    write: makes the requests of a batch; all of them have to arrive for the batch to count as told
    as_is: makes them of the JSON of its events, which is told as it is; None: `write` looks into the events
    hears: the statuses of events that it is told of; share: the part of all traces that it is told of, from 0 to 1
    bare: it is not told what was said; hidden: members of events that it is told empty
    owner: whose requests alone it is told of; None: everybody's
    foreign: not the operator has named its address, which has to be public, or of a host that he allows
    kind: the callback that it is, as who mutes it calls it; empty: as its name says
    at_once: how many batches may be under way together
    apart: its batches are written by a thread of their own: that takes long, since it compresses them
    patience: seconds for which a batch is sent again to a destination that fails on it
    lasting: it is not given up while it does not answer at all, whatever its patience, and what is wrong is logged
    complete: puts into a request what belongs to the moment in which it is sent, again for each try: a signature, a
        token, or an id that had to be asked for. Raises TianjiError or OSError when that cannot be had now.
    beside: what else the same destination is told, and how
    sifted: writes a batch as `write` does, where code of the operator's looks at each record: see `Sift`
    tell: tells a batch by itself, where that is no request, and returns how many events were not taken; `write` makes
        none then
    audited: makes the requests of a batch of entries of the audit log; None where it takes none
    lined: makes the requests of some lines of a batch of requests that is over; None where it takes none
    """

    name: str
    write: Callable[[Sequence[LogEvent]], Iterable[Delivery]]
    hears: frozenset[str] = ALL
    share: float = 1.0
    hidden: frozenset[str] = frozenset()
    owner: Owner | None = None
    foreign: bool = False
    kind: str = ""
    batch: int = BATCH
    interval: float = INTERVAL
    bare: bool = False
    at_once: int = 1
    apart: bool = False
    patience: float = 3600.0
    lasting: bool = True
    complete: Callable[[Delivery], Awaitable[Delivery]] | None = None
    beside: tuple["Sink", ...] = ()
    as_is: Callable[[Sequence[bytes]], Iterable[Delivery]] | None = None
    sifted: Callable[[Sequence[LogEvent], "Sift"], Iterable[Delivery]] | None = None
    tell: Callable[[Sequence[LogEvent]], Awaitable[int]] | None = None
    audited: Callable[[Sequence[Audit]], Iterable[Delivery]] | None = None
    lined: Callable[[Part], Iterable[Delivery]] | None = None

    def wants(self, event: Notice) -> bool:
        """Whether it is to be told of an event. Of a trace it is told everything or nothing, whoever asks again."""
        if event.status not in self.hears:
            return False
        if self.share < 1 and zlib.crc32(event.trace_id.encode()) >= self.share * (1 << 32):
            return False
        audience, kind = event.audience, self.kind or self.name
        if audience is UNSET:
            return self.owner is None
        if kind in audience.muted:
            return False
        return kind not in audience.apart if self.owner is None else self.owner == audience.owner


class Given(Struct, frozen=True):
    """What a destination's own module is given to build it with.

    name: as the configuration calls it; params: its own block of the configuration, where it has one
    environ: the environment; fetch: makes single requests, such as for a token
    """

    name: str
    params: Mapping[str, Any]
    environ: Mapping[str, str]
    fetch: Fetch = fetcher("a callback")

    def variable(self, name: str) -> str | None:
        """Look up the environment."""
        return self.environ.get(name)

    @property
    def bare(self) -> bool:
        """Whether it is not to be told what was said."""
        return self.params.get("turn_off_message_logging") is True or self.params.get("message_logging") is False

    def text(self, param: str, *variables: str, default: str | None = None) -> str:
        """Return a parameter, else the first variable that is set, else the default.

        Raises ConfigurationError that names all of them when there is none.
        """
        value = self.params.get(param)
        found = str(value) if value not in (None, "") else next(filter(None, map(self.variable, variables)), default)
        if found is None:
            raise ConfigurationError(f"callback {self.name}: set {' or '.join(variables) or param}")
        return found

    def optional(self, param: str, *variables: str) -> str:
        """Return the same; empty where there is none."""
        return self.text(param, *variables, default="")

    def address(self, param: str, *variables: str, default: str | None = None) -> str:
        """Return an address without a slash at its end. Raises ConfigurationError for what is none."""
        found = self.text(param, *variables, default=default).rstrip("/")
        if not found.startswith(("http://", "https://")):
            raise ConfigurationError(f"callback {self.name}: {found!r} is no address; begin it with https://")
        return found

    def flag(self, param: str, *variables: str) -> bool:
        """Whether a parameter, else the first variable that is set, is true."""
        return is_true(self.optional(param, *variables))

    def number(self, param: str, *variables: str, default: float) -> float:
        """Return a number. Raises ConfigurationError for what is none, or below zero."""
        written = self.text(param, *variables, default=str(default))
        try:
            found = float(written)
        except ValueError:
            found = -1.0
        if not found >= 0:
            raise ConfigurationError(f"callback {self.name}: {written!r} for {param} is no number from 0 on")
        return found

    def share(self, param: str, *variables: str) -> float:
        """Return a part of all, from 0 to 1. Raises ConfigurationError for what is none."""
        found = self.number(param, *variables, default=1.0)
        if found > 1:
            raise ConfigurationError(f"callback {self.name}: {found:g} for {param} is no number from 0 to 1")
        return found
