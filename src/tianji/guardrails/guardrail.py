"""One guardrail that was built: when it runs, what it looks at, how it judges, and what follows from that."""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from tianji.guardrails.slots.scope import Scope
from tianji.guardrails.vendor import Check, Hook, Look, Service, Sight, Type


class Action(StrEnum):
    """What follows where a guardrail refuses."""

    BLOCK = "block"
    MONITOR = "monitor"  # it is noted, and passes
    ANSWER = "answer"  # the reason is the answer, with status 200


class Modes(Struct, frozen=True):
    """When it runs: at `usual`, or by the first tag of the request that is in `tags`."""

    usual: frozenset[Hook]
    tags: Mapping[str, frozenset[Hook]] = {}

    def of(self, tags: Collection[str]) -> frozenset[Hook]:
        """Return the hooks for a request with these tags."""
        return next((self.tags[tag] for tag in tags if tag in self.tags), self.usual)

    @property
    def all(self) -> frozenset[Hook]:
        """Return the hooks that it may have."""
        return self.usual.union(*self.tags.values())


class Route(Struct, frozen=True):
    """Where a request goes instead of being refused; sticky: the later ones of its session, too."""

    model: str
    sticky: bool = True


class Talks(Struct, frozen=True):
    """What follows from refusals in conversations. refusals: as many end one, 0: none do; message: told instead."""

    refusals: int = 0
    message: str = ""


class Guardrail(Struct, frozen=True, kw_only=True):
    """One of those that a name stands for.

    kind: the name of its type; type: what that declares; look, check, service: how it judges, one of them; where there
        are a look and a check, the check judges what the look lets pass
    asks: the models of the gateway's own that its check asks
    shown: its parameters as lists show them, without secrets; info, template_label: what the operator wrote beside
    stored: it comes from the database, so it may only ask public addresses
    sees: what it looks at beside texts
    strict: what is attached and it cannot look at is refused
    timeout: seconds of one check; reach: see Type
    parallel: it sees the request as those before it left it, beside others, and changes nothing
    raw: it sees the request as the client sent it
    only_new: of a conversation it sees what it has not let pass before
    streams: "streaming", "non_streaming" or "both", by hook; streaming: how it waits in a stream, as its entry says it
    logs: which directions the `logging_only` hook looks at
    """

    id: str
    name: str
    kind: str
    type: Type[Any]
    modes: Modes
    check: Check | None = None
    look: Look | None = None
    service: Service | None = None
    asks: tuple[str, ...] = ()
    default_on: bool = False
    fails_open: bool = False
    action: Action = Action.BLOCK
    template: str | None = None
    scope: Scope = Scope()
    timeout: float = 10.0
    reach: int | None = None
    parallel: bool = False
    raw: bool = False
    only_new: bool = False
    streams: Mapping[Hook, Literal["streaming", "non_streaming", "both"]] = {}
    streaming: Mapping[str, Any] = {}
    logs: frozenset[str] = frozenset({"input", "output"})
    route: Route | None = None
    talks: Talks = Talks()
    shown: Mapping[str, Any] = {}
    info: Mapping[str, Any] = {}
    template_label: object = None
    stored: bool = False
    sees: Sight = Sight.TEXT
    strict: bool = False

    def applies(self, hook: Hook, tags: Collection[str], *, streamed: bool) -> bool:
        """Whether it runs at a hook for a request with these tags that asks for a stream, or not."""
        scope = self.streams.get(hook, "both")
        return hook in self.modes.of(tags) and (scope == "both" or (scope == "streaming") is streamed)

    def close(self) -> None:
        """End what it has started."""
        if self.service is not None:
            self.service.close()


Judge = Callable[..., Any]
