"""The decisions of one Snapshot about requests that do not succeed at once, and what they are made from."""

import math
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import Health, HealthTable
from tianji._core.routing.needs import Needs
from tianji._core.routing.selection import Selection
from tianji.routing.affinity import Affinity
from tianji.routing.cooldown import Cooldowns
from tianji.routing.failure import Failure, Kind
from tianji.routing.fallback import Fallbacks, Wishes
from tianji.routing.lar1 import TypedDeployments
from tianji.routing.queue import Patience
from tianji.routing.resolution import Resolution
from tianji.routing.retry import Retries, RetryBudget
from tianji.routing.trail import Trail

OVERLOAD: Final = frozenset({429, 503, 529})  # statuses of an upstream that has more requests than it takes


class Group(Protocol):
    """A model group, as far as routing knows one."""

    @property
    def name(self) -> str:
        """The public name of the group that its deployments belong to."""

    @property
    def selection(self) -> Selection:
        """Its deployments, as a choice reads them."""


Resolve = Callable[[str], tuple[Group, Resolution | None]]
"""Find what serves a name; no Resolution where the name needs no search. Raises UnknownModel."""

Admits = Callable[[str, Group], str | None]
"""Say why the caller may not use what serves a name (its key, its budget), or None when he may."""


def everybody(_name: str, _group: Group) -> str | None:
    """Admit all."""
    return None


class Request(Struct, frozen=True):
    """What one request asks of the router.

    model: as the client named it; num_retries: its own word, None when it has none
    deadline: monotonic seconds at which no further attempt begins
    explains: every deployment of every choice goes into the trail
    """

    model: str
    num_retries: int | None = None
    wishes: Wishes = Wishes()
    disable_fallbacks: bool = False
    deadline: float = math.inf
    admits: Admits = everybody
    explains: bool = False


class Switches(Struct, frozen=True):
    """Single settings.

    fails_over: before a fallback each deployment of a group has its turn, whatever the number of retries
    region: where every deployment has to lie
    looks_at_agents: some deployment is chosen by the client's user-agent
    lets_tests: a request may ask for failures
    lets_tags: a request may have tags of its own
    tells_trail: errors name the groups that were tried
    patience: how requests wait for a slot
    affinity: which requests belong to one deployment
    typed: deployments that a request chooses by their type
    """

    fails_over: bool = False
    region: str | None = None
    looks_at_agents: bool = False
    lets_tests: bool = False
    lets_tags: bool = True
    tells_trail: bool = True
    patience: Patience = Patience()
    affinity: Affinity = Affinity()
    typed: TypedDeployments | None = None


class Router:
    """The settings of one Snapshot that Attempts go by. Immutable, apart from what is counted in shared memory."""

    def __init__(
        self,
        *,
        resolve: Resolve,
        cooldowns: Cooldowns,
        dice: Dice,
        table: HealthTable,
        retries: Retries | None = None,
        fallbacks: Fallbacks | None = None,
        switches: "Switches | None" = None,
    ) -> None:
        """Take what each part of the settings was compiled to; `table` is where retries are counted."""
        self.resolve = resolve
        self.cooldowns = cooldowns
        self.dice = dice
        self.retries = Retries() if retries is None else retries
        self.fallbacks = Fallbacks() if fallbacks is None else fallbacks
        self.switches = Switches() if switches is None else switches
        self._table = table
        self._budgets: dict[str, RetryBudget] = {}

    def judge(self, hop: "Hop", needs: Needs, failure: Failure, trail: Trail, now: float) -> Health | None:
        """Give the slot of a failed attempt back and say what that means for its deployment; None when it had none."""
        slow = failure.kind is Kind.TIMEOUT and not failure.by_caller
        health = needs.failed(now, penalty=slow, overload=failure.status in OVERLOAD)
        if health is not None:
            rest = self.cooldowns.failed(health, failure, now)
            detail = f"{failure.status}" if rest is None else f"{failure.status},rests={rest:.3g}"
            trail.add(hop.group.name, "failed", health.id, detail)
        return health

    def budget(self, group: str) -> RetryBudget:
        """Return the retries that are under way in a group."""
        budget = self._budgets.get(group)
        if budget is None:
            budget = self._budgets[group] = RetryBudget(group, self._table)
        return budget


class Hop(Struct, frozen=True):
    """A group that a request has come to; `depth` counts the lists that led here."""

    name: str
    group: Group
    resolution: Resolution | None = None
    depth: int = 0

    @property
    def names(self) -> Sequence[str]:
        """What the group is known by here: as named, what an alias stands for, its own name."""
        meant = self.name if self.resolution is None else self.resolution.name
        return list(dict.fromkeys((self.name, meant, self.group.name)))

    @property
    def by_id(self) -> bool:
        """Whether a single deployment was named."""
        if self.resolution is None:
            return self.name != self.group.name
        return self.resolution.deployment is not None
