"""When a deployment rests: which failures count, how many of them, and for how long."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tianji._core.routing.health import FAILURE_KINDS, Health
from tianji.routing.failure import Failure, Kind

RATE_THRESHOLD: Final = 0.5  # share of failures above which a deployment rests,
RATE_MINIMUM: Final = 5  # of at least so many requests
SINGLE_MINIMUM: Final = 1000  # the same where there is no other deployment: all of at least so many failed
IN_A_ROW: Final = 5
OUTLIER_RATE: Final = 0.3  # moving failure rate above which a deployment rests while another fails a third as often
OUTLIER_FACTOR: Final = 3
_GENERIC: Final = FAILURE_KINDS - 1
_KINDS: Final = {kind: number for number, kind in enumerate(Kind)}


class Limits(Struct, frozen=True):
    """How many failures are allowed before a rest; None: they are compared with the successes instead."""

    allowed: int | None = None
    by_kind: Mapping[Kind, int] = {}

    @property
    def given(self) -> bool:
        """Whether anything is said at all."""
        return self.allowed is not None or bool(self.by_kind)


class Rule(Struct, frozen=True):
    """What holds for one deployment.

    siblings: the deployments that serve a model group beside it
    falls_back: a fallback leads away from its group
    pattern: it serves many models, so a model that the upstream lacks says nothing about it
    """

    siblings: tuple[Health, ...] = ()
    falls_back: bool = False
    pattern: bool = False
    seconds: float | None = None
    limits: Limits = Limits()

    @property
    def single(self) -> bool:
        """Whether no other deployment serves its groups."""
        return not self.siblings

    @property
    def lone(self) -> bool:
        """Whether nothing else serves at all."""
        return not (self.siblings or self.falls_back)


class Cooldowns:
    """Judges failures of deployments.

    The rules are LiteLLM's, with corrections: every failed attempt counts once; connection failures count; a lone
    deployment rests only where a policy names the kind of failure; five failures in a row, or failing three times as
    often as another deployment, are reason enough; and statistics never take the last deployment that is left.
    """

    def __init__(
        self,
        *,
        seconds: float = 5.0,
        cap: float = 600.0,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        rules: Mapping[str, Rule] = {},
        enabled: bool = True,
    ) -> None:
        """`seconds` and `limits` hold where a deployment's rule says nothing; `cap` bounds what an upstream asks for.

        `rules` are by deployment id.
        """
        self._seconds = seconds
        self._cap = cap
        self._limits = limits
        self._rules = dict(rules)
        self._enabled = enabled

    def failed(self, health: Health, failure: Failure, now: float) -> float | None:
        """Count one failed attempt; how many seconds the deployment rests because of it, None when it does not."""
        rule = self._rules.get(health.id, Rule())
        limits = rule.limits if rule.limits.given else self._limits
        named = failure.kind in limits.by_kind
        if failure.by_caller or not (named or _counts(failure)):
            return None
        health.note(now, failed=True)
        seconds = self._duration(rule, failure)
        if not self._enabled or seconds < 0.001:
            return None
        if limits.given:
            rests = (named or not rule.lone) and _too_many(health, limits, failure, now, seconds)
        elif _says_so_itself(rule, failure):
            rests = True
        else:
            return seconds if _stands_out(health, rule, now) and _take_out(health, rule, now, seconds) else None
        if rests:
            health.cool(now + seconds)
        return seconds if rests else None

    def _duration(self, rule: Rule, failure: Failure) -> float:
        if rule.seconds is not None:
            return rule.seconds
        if failure.retry_after:
            return min(failure.retry_after, self._cap)
        return self._seconds


def _counts(failure: Failure) -> bool:
    """Whether the failure says something about the deployment."""
    status = failure.status
    return failure.refuses_us or failure.lacks_model or status in {408, 429} or not 400 <= status < 500


def _says_so_itself(rule: Rule, failure: Failure) -> bool:
    """Whether the upstream's own word is reason enough: no credit, no such model, or come back later."""
    if failure.status in {402, 429}:
        return not rule.single
    if failure.lacks_model:
        return not rule.lone and not rule.pattern
    return failure.refuses_us and not rule.lone


def _too_many(health: Health, limits: Limits, failure: Failure, now: float, seconds: float) -> bool:
    """Count it; the count lives as long as a rest, from its first failure, and no success ends it."""
    own = limits.by_kind.get(failure.kind)
    allowed = own if own is not None else limits.allowed
    if allowed is None:
        return False
    counter = _KINDS[failure.kind] if own is not None else _GENERIC
    return health.count_failure(counter, now, seconds) > allowed


def _stands_out(health: Health, rule: Rule, now: float) -> bool:
    """Compare failures with successes, and with what the others of the group do."""
    good, bad = health.outcomes(now)
    if rule.single:
        return rule.falls_back and good == 0 and bad >= SINGLE_MINIMUM
    if good + bad >= RATE_MINIMUM and bad > RATE_THRESHOLD * (good + bad):
        return True
    if health.failures_in_a_row >= IN_A_ROW:
        return True
    best = min((other.failure_rate for other in _awake(rule, now)), default=1.0)
    return health.failure_rate > OUTLIER_RATE and best * OUTLIER_FACTOR <= health.failure_rate


def _take_out(health: Health, rule: Rule, now: float, seconds: float) -> bool:
    """Cool it unless it is the last one left. Two workers may take out two at once, so look again afterwards."""
    if not rule.single and not _awake(rule, now):
        return False
    health.cool(now + seconds)
    if rule.single or _awake(rule, now):
        return True
    health.wake(now + seconds)
    return False


def _awake(rule: Rule, now: float) -> list[Health]:
    return [other for other in rule.siblings if other.cooled_for(now) == 0]
