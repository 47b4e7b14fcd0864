"""What a destination is to the rest: which events it hears, in which batches, and how they become requests."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tianji.callbacks.event import LogEvent
from tianji.errors import ConfigurationError

BATCH: Final = 512  # events of a request, where a vendor takes so many
INTERVAL: Final = 5.0  # seconds until what waits is sent


class Delivery(Struct, frozen=True):
    """One HTTP request. accepted: the statuses that mean that the events arrived; empty: all below 300."""

    url: str
    body: bytes
    headers: Mapping[str, str] = {}
    method: str = "POST"
    accepted: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        """Say what it is without its headers, which hold the key."""
        return f"Delivery({self.method} {self.url}, {len(self.body)} bytes)"


class Sink(Struct, frozen=True):
    """One destination.

    write: makes the requests of a batch; all of them have to arrive for the batch to count as told
    hears: the statuses of events that it is told of; bare: it is not told what was said
    at_once: how many batches may be under way together
    patience: seconds for which a batch is sent again to a destination that fails on it
    complete: puts into a request what belongs to the moment in which it is sent, again for each try: a signature, a
        token, or an id that had to be asked for. Raises TianjiError or OSError when that cannot be had now.
    traces: it is told of the ends of requests, too; beside: what else the same destination is told, and how
    """

    name: str
    write: Callable[[Sequence[LogEvent]], Iterable[Delivery]]
    hears: frozenset[str] = frozenset({"success", "failure"})
    batch: int = BATCH
    interval: float = INTERVAL
    bare: bool = False
    at_once: int = 1
    patience: float = 3600.0
    complete: Callable[[Delivery], Awaitable[Delivery]] | None = None
    traces: bool = False
    beside: tuple["Sink", ...] = ()


class Given(Struct, frozen=True):
    """What a destination's own module is given to build it with.

    name: as the configuration calls it; params: its own block of the configuration, where it has one
    variable: looks up the environment
    """

    name: str
    params: Mapping[str, Any]
    variable: Callable[[str], str | None]

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
