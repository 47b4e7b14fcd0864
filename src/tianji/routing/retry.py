"""Whether a failed attempt is made again, how often, and after how long a wait."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from tianji._core.routing.dice import Dice
from tianji._core.routing.health import HealthTable
from tianji.routing.failure import Failure, Kind

FIRST_WAIT: Final = 0.5  # seconds, doubled with each retry
LONGEST_WAIT: Final = 8.0
JITTER: Final = 0.75
LONGEST_ASKED: Final = 60.0  # a longer wait that an upstream asks for is not waited
MOST_RETRIES: Final = 20  # that a request may ask for
BUDGET_PART: Final = 5  # one in so many of the requests under way in a group may be a retry,
BUDGET_LEAST: Final = 3  # and always so many
_AGAIN: Final = frozenset({401, 403, 408, 409, 429})


class Policy(Struct, frozen=True):
    """Retries by kind of failure, and for every other kind; None: the count that holds without a policy."""

    by_kind: Mapping[Kind, int] = {}
    default: int | None = None

    def of(self, kind: Kind) -> int | None:
        """Retries after a failure of this kind. Both refusals of a prompt are bad requests too."""
        found = self.by_kind.get(kind)
        if found is None and kind in {Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY}:
            found = self.by_kind.get(Kind.BAD_REQUEST)
        return self.default if found is None else found


class GroupRetry(Struct, frozen=True):
    """What a model group says itself. Its policy replaces the router's as a whole. Times are seconds."""

    policy: Policy = Policy()
    num_retries: int | None = None
    retry_after: float | None = None


class Allowance(Struct, frozen=True):
    """How many retries a failure has. `named`: a policy said so, and then any kind of failure is tried again."""

    retries: int
    named: bool = False


class Retries:
    """The retry settings of one Snapshot."""

    def __init__(
        self,
        *,
        num_retries: int = 2,
        retry_after: float = 0.0,
        policy: Policy = Policy(),  # noqa: B008 - frozen
        groups: Mapping[str, GroupRetry] = {},
        deployments: Mapping[str, int] = {},
        most: int | None = None,
    ) -> None:
        """Take `groups` by name of a model group or an alias, `deployments` by id; `most` bounds a whole request."""
        self._num_retries = num_retries
        self._retry_after = retry_after
        self._policy = policy
        self._groups = dict(groups)
        self._deployments = dict(deployments)
        self.most = most

    def allowance(
        self, failure: Failure, names: Iterable[str], deployment: str, asked: int | None, *, by_id: bool = False
    ) -> Allowance:
        """Retries in the group that is known by `names`, the first that has a rule counts, after `failure`.

        A request's own number holds, and a policy may only lower it; without one the policy decides, then the
        deployment, the group, the router. One that was named itself is tried again only where a policy says so.
        """
        group = self._group(names)
        policy = self._policy if group is None or group.policy == Policy() else group.policy
        said = policy.of(failure.kind)
        if asked is not None:
            asked = min(asked, MOST_RETRIES)
            return Allowance(asked if said is None else min(asked, said), said is not None)
        if said is not None:
            return Allowance(said, named=True)
        of_group = None if group is None else group.num_retries
        numbers = (self._deployments.get(deployment), of_group, self._num_retries)
        return Allowance(0 if by_id else next(number for number in numbers if number is not None))

    def least_wait(self, names: Iterable[str]) -> float:
        """Seconds that a wait takes at least."""
        group = self._group(names)
        return self._retry_after if group is None or group.retry_after is None else group.retry_after

    def _group(self, names: Iterable[str]) -> GroupRetry | None:
        return next((self._groups[name] for name in names if name in self._groups), None)


def again(failure: Failure, *, deployments: int, own_list: bool) -> bool:
    """Whether a failure without a policy's word is tried again in a group of so many deployments.

    own_list: the configuration has a fallback list for just this kind (context window, content policy).
    """
    if failure.kind in {Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY} and own_list:
        return False
    if failure.status < 500 and failure.status not in _AGAIN:
        return False
    return deployments > 1 or failure.status not in {401, 403}


def wait(failure: Failure, retry: int, least: float, dice: Dice, *, alone: bool) -> float:
    """Seconds before retry number `retry`, from 0, goes to a deployment that had its chance already.

    Exponential with jitter; where there is only one deployment, what the upstream asks for up to a minute.
    """
    jitter = dice.unit() * JITTER
    asked = failure.retry_after
    if alone and asked is not None and 0 < asked <= LONGEST_ASKED:
        return asked + jitter
    return min(max(FIRST_WAIT * 2.0 ** min(retry, 10), least), LONGEST_WAIT) + jitter


class RetryBudget:
    """Bounds how many retries of a group are under way at once, so that a failing upstream sees no storm.

    They are counted in memory that all workers share, and a killed one's are given back as its requests are.
    """

    def __init__(self, group: str, table: HealthTable) -> None:
        self._health = table.health(f"retries of {group}")

    @property
    def used(self) -> int:
        """How many are under way."""
        return self._health.in_flight

    def take(self, active: int) -> bool:
        """Take a permit for a retry while `active` requests are under way; False when there is none."""
        return self._health.enter(max(BUDGET_LEAST, active // BUDGET_PART))

    def give_back(self) -> None:
        """Give a permit back."""
        self._health.leave()
