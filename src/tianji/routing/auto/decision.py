"""What an auto router decides, and what every one of them promises."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from tianji.errors import Header
from tianji.printable import printable
from tianji.routing.auto.content import Content


class Decision(Struct, frozen=True):
    """The model group that takes a request. `reason` is for the answer's headers, `facts` are further ones.

    taken: to be called once when the request goes there, for a router that learns; a decision may be asked for without
    """

    group: str
    reason: str
    facts: tuple[Header, ...] = ()
    taken: Callable[[], None] | None = None

    @property
    def headers(self) -> tuple[Header, ...]:
        """What the answer's headers tell of this decision."""
        reason = printable(self.reason).encode("ascii", "backslashreplace")
        return ((b"x-tianji-auto-router", reason), *self.facts)


class AutoRouter(Protocol):
    """Chooses a model group by the content of a request."""

    def decide(self, content: Content) -> Decision | Awaitable[Decision]:
        """Return the decision, or an awaitable of it where an upstream has to be asked. Never raises."""


class Default:
    """Sends every request to one group: what decides when nothing else has."""

    def __init__(self, group: str, reason: str = "nothing fits") -> None:
        self._decision = Decision(group, f"default: {reason}")

    def decide(self, content: Content) -> Decision:  # noqa: ARG002 - it does not look
        """Return the same decision always."""
        return self._decision
