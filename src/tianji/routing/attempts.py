"""One request's way through deployments and groups: retries, tiers, failover, fallbacks, and the answer at the end.

The request drives it: `next()` says what to do now, `failed()` tells how that went. It does no input or output, reads
no clock and sleeps never.
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from tianji._core.routing.needs import Needs
from tianji.errors import TianjiError, UnknownModel, UpstreamFailure
from tianji.routing.failure import Failure, Kind, failure_of
from tianji.routing.fallback import Next, Walk
from tianji.routing.refusal import paused, refusal
from tianji.routing.resolution import Resolution
from tianji.routing.retry import RetryBudget, again, wait
from tianji.routing.router import Group, Hop, Request, Router
from tianji.routing.trail import Trail


class Send(Struct, frozen=True):
    """Send the request to a deployment of a group, whose slot `needs` now holds.

    name: what the group was named by, the request or a list of fallbacks; it may be an alias
    overrides: members that take the place of the body's
    """

    group: Group
    position: int
    name: str
    resolution: Resolution | None = None
    overrides: Mapping[str, object] = {}


class Wait(Struct, frozen=True):
    """Ask again after so many seconds."""

    seconds: float


class Stop(Struct, frozen=True):
    """Answer with this error: the first one, or the reason why nobody could take the request."""

    error: TianjiError


Step = Send | Wait | Stop
_Move = Callable[["Attempts", float], Step | None]
_SPECIAL = frozenset({Kind.CONTEXT_WINDOW, Kind.CONTENT_POLICY})


class Attempts:
    """The attempts of one request.

    `retries` and `fallbacks` count what was sent beyond the first attempt, to the same group and to further ones; a
    tier of a group counts as a further one. `hop` is where it has come to.
    """

    def __init__(
        self, router: Router, request: Request, needs: Needs, group: Group, resolution: Resolution | None = None
    ) -> None:
        """Begin at `group`, found for the requested model as `resolution` says.

        The first attempt may already be under way: then `needs` holds its slot, and `failed()` is called first.
        """
        self.trail = Trail()
        self.retries = 0
        self.fallbacks = 0
        self.most_retries = 0  # that the last failure had
        self._router = router
        self._request = request
        self._needs = needs
        self.hop = Hop(request.model, group, resolution)
        self._walk = router.fallbacks.walk(self.hop.names, request.wishes)
        self._overrides: Mapping[str, object] = {}
        self._entered = 0
        self._retried = 0  # in this group
        self._turns = 0  # taken by failover in this group
        self._queued = False  # has waited for a permit in this group
        self._position = -1
        self._permit: RetryBudget | None = None
        self._failure: Failure | None = None
        self._first: TianjiError | None = None
        self._todo: _Move = Attempts._begin  # no bound method, which would be a circle
        self._otherwise = self._todo

    def next(self, now: float) -> Step:
        """Return what to do now. `now` is in seconds of the clock that rests are measured by, here and below."""
        step = self._todo(self, now)
        while step is None:
            step = self._todo(self, now)
        return step

    def failed(self, failure: Failure, now: float) -> None:
        """Tell that the last attempt failed. Its slot is given back and its deployment judged."""
        self.close()
        health = self._router.judge(self.hop, self._needs, failure, self.trail, now)
        self._note(failure)
        if health is None:
            self._todo = Attempts._leave
            return
        self._position = self.hop.group.selection.healths.index(health)
        self._todo = Attempts._retry if self._may_retry(failure, health.id) else Attempts._leave
        if isinstance(failure.error, UpstreamFailure) and not failure.error.sent:
            self._otherwise, self._todo = self._todo, Attempts._elsewhere

    def lost(self, needs: Needs, other: Needs, failure: Failure, now: float) -> None:
        """Tell that one of two attempts failed, the one with the slot of `needs`; that of `other` goes on alone."""
        health = self._router.judge(self.hop, needs, failure, self.trail, now)
        if health is not None:
            other.leave_out(health)
        if self._first is None:
            self._first = failure.error
        self._needs = other

    def adopt(self, needs: Needs) -> None:
        """Go on with the other one of two attempts, which has the slot of `needs`."""
        self._needs = needs

    def takes_filtered(self) -> bool:
        """Whether an answer that was cut for its content is to be treated as a failure."""
        return not self._request.disable_fallbacks and self._walk.takes_filtered(self._entered)

    def close(self) -> None:
        """Give back what it holds besides the slot. Called at the end, whatever the end is."""
        if self._permit is not None:
            self._permit.give_back()
            self._permit = None

    # -- in one group --------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> Step | None:
        position = self._choose(now)
        if position >= 0:
            return self._send(position)
        hop, group = self.hop, self.hop.group
        verdicts = group.selection.verdicts(now)
        blocked = hop.by_id and verdicts[0][0] == "blocked"
        error = paused(hop.name) if blocked else refusal(group.name, verdicts, group.selection.minute_left(now))
        self.trail.add(group.name, "dropped", detail=getattr(error, "reason", error.code or str(error.status)))
        self._note(failure_of(error))
        self._todo = Attempts._fall_back
        return None

    def _elsewhere(self, now: float) -> Step | None:
        """Ask another deployment. The upstream saw nothing of the request, so this is no repetition of anything."""
        self._todo = self._otherwise
        if self.hop.by_id or now >= self._request.deadline:
            return None
        position = self._choose(now)
        if position < 0:
            return None
        self.retries += 1
        return self._send(position)

    def _may_retry(self, failure: Failure, deployment: str) -> bool:
        retries, hop = self._router.retries, self.hop
        allowance = retries.allowance(failure, hop.names, deployment, self._request.num_retries, by_id=hop.by_id)
        self.most_retries = allowance.retries
        if self._retried >= allowance.retries or (retries.most is not None and self.retries >= retries.most):
            return False
        own_list = self._router.fallbacks.own_table(failure.kind) is not None
        return allowance.named or again(failure, deployments=len(hop.group.selection), own_list=own_list)

    def _retry(self, now: float) -> Step | None:
        """Try a deployment that was not tried; when all were, wait and begin again with any that does not rest."""
        selection = self.hop.group.selection
        self._todo = Attempts._leave
        if now >= self._request.deadline:
            return None
        budget = self._router.budget(self.hop.group.name)
        if not budget.take(selection.in_flight + 1):
            if self._queued:
                return None
            self._queued = True
            return self._wait(now, Attempts._retry)
        self._permit = budget
        position = self._choose(now)
        if position >= 0:
            self._retried += 1
            self.retries += 1
            return self._send(position)
        self.close()
        if all(reason != "tried" for reason, _ in selection.verdicts(now)):
            return None
        return self._wait(now, Attempts._second_round)

    def _second_round(self, _: float) -> Step | None:
        self._needs.forget()
        self._todo = Attempts._retry
        return None

    def _wait(self, now: float, then: _Move) -> Step | None:
        """Wait, unless that would be longer than the request has: then go on at once."""
        router, group = self._router, self.hop.group
        assert self._failure is not None  # noqa: S101 - only a failure leads here
        least = router.retries.least_wait(self.hop.names)
        seconds = wait(self._failure, self._retried, least, router.dice, alone=len(group.selection) == 1)
        if now + seconds >= self._request.deadline:
            return None
        self._todo = then
        self.trail.add(group.name, "waited", detail=f"{seconds:.3f}")
        return Wait(seconds)

    # -- beyond it -----------------------------------------------------------------------------------------------

    def _leave(self, now: float) -> Step | None:
        """Go to the next tier, then through the deployments that are left where that is wanted, then to fallbacks."""
        selection = self.hop.group.selection
        self._todo = Attempts._fall_back
        if self._request.disable_fallbacks or now >= self._request.deadline or self._failure is None:
            return None
        order = selection.order_of(self._position) if self._position >= 0 else None
        if order is not None and self._failure.kind not in _SPECIAL:
            self._needs.order_after = order
            position = self._choose(now)
            if position >= 0:
                self._retried = 0
                self.fallbacks += 1
                return self._send(position)
            self._needs.order_after = None
        if self._router.switches.fails_over and selection.strategy == "shuffle" and self._turns < len(selection):
            position = self._choose(now)
            if position >= 0:
                self._turns += 1
                self.retries += 1
                return self._send(position)
        return None

    def _fall_back(self, now: float) -> Step | None:
        failure, hop = self._failure, self.hop
        self._todo = Attempts._stop
        if failure is None or self._request.disable_fallbacks or now >= self._request.deadline:
            return None
        if not self._router.fallbacks.permits(failure):
            return None
        target = self._walk.next(failure.kind, hop.names, hop.depth, self._entered)
        if target is None:
            return None
        self._todo = Attempts._fall_back
        try:
            group, resolution = self._router.resolve(target.name)
        except UnknownModel:
            self.trail.add(target.name, "skipped", detail="unknown")
            return None
        refused = _passed_over(target, resolution, self._walk) or self._request.admits(target.name, group)
        if refused is not None:
            self.trail.add(target.name, "skipped", detail=refused)
            return None
        self._enter(Hop(target.name, group, resolution, target.depth), target.overrides)
        return None

    def _enter(self, hop: Hop, overrides: Mapping[str, object]) -> None:
        self.hop = hop
        self._overrides = overrides
        self._retried = self._turns = 0
        self._queued = False
        self._position = -1
        self._needs.forget()
        self._needs.order_after = None
        self._needs.pin = None
        self._needs.weights = None
        self._todo = Attempts._begin

    def _stop(self, _: float) -> Step:
        self.close()
        assert self._first is not None  # noqa: S101 - nothing else leads here
        return Stop(self._first)

    # -- what all of them do -------------------------------------------------------------------------------------

    def _choose(self, now: float) -> int:
        selection = self.hop.group.selection
        position = selection.choose(self._needs, now)
        if self._request.explains:
            self.trail.explain(self.hop.group.name, selection, now)
        return position

    def _send(self, position: int) -> Send:
        hop = self.hop
        if self._position < 0 and hop.depth:
            self._entered += 1
            self.fallbacks += 1
        self._position = position
        self.trail.add(hop.group.name, "sent", hop.group.selection.healths[position].id)
        return Send(hop.group, position, hop.name, hop.resolution, self._overrides)

    def _note(self, failure: Failure) -> None:
        self._failure = failure
        if self._first is None:
            self._first = failure.error


def _passed_over(target: Next, resolution: Resolution | None, walk: Walk) -> str | None:
    """Say why a target that leads somewhere is none all the same, or None."""
    if resolution is None:
        return None
    if resolution.how == "default":
        return "unknown"
    return "repeated" if resolution.how == "alias" and walk.repeats(target, resolution.name) else None
