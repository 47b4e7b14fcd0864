"""What follows when the first choice was not enough: the attempts of one request, as the hot path drives them."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.edges.exchange import Exchange
from tianji._core.limits.terms import BYTES_A_TOKEN, bounded
from tianji._core.requests.asked import Asked
from tianji._core.requests.forward import Endpoint
from tianji._core.routing.dice import Dice
from tianji._core.routing.needs import Needs
from tianji._core.routing.router import Group, Table
from tianji._core.upstreams.http1 import Timeouts
from tianji.accounting.counter import Count
from tianji.auth.identity import Identity
from tianji.errors import Header, NoDeployment, QueueTimeout, TianjiError, UpstreamTimeout
from tianji.gateway.admission.caller import Refuses, request_of, scope_of, weights_for
from tianji.gateway.admission.demands import enforce
from tianji.gateway.admission.steering import Steering
from tianji.gateway.attempts.continuation import continuation
from tianji.gateway.attempts.opening import from_content
from tianji.gateway.beforehand.several import Deliver, Several, divide
from tianji.gateway.beforehand.shadows import Shadows, Silent
from tianji.gateway.translation.bodies import with_members
from tianji.gateway.translation.costing import with_cost
from tianji.routing.abilities import needed
from tianji.routing.affinity import Affinity, session_of
from tianji.routing.attempts import Attempts, Send, Wait
from tianji.routing.auto import AutoRouter, Content, Decision
from tianji.routing.eligibility import Scope
from tianji.routing.failure import Failure, failure_of, filtered
from tianji.routing.queue import Patience, Waiter
from tianji.routing.resolution import Resolution

_BOUNDS: Final = (b"max_completion_tokens", b"max_tokens", b"max_output_tokens")  # of an answer
LONGEST_SHOWN: Final = 4000  # bytes of a header that tells errors
LONGEST_MESSAGE: Final = 500  # characters of each
_RETRIES, _FALLBACKS = b"attempted-retries", b"attempted-fallbacks"
_REFUSALS = frozenset({401, 403, 429})  # with which upstreams refuse an account


class Pending(Protocol):
    """What a request waits for."""

    def cancel(self) -> object:
        """Wait no longer."""


class Step(Struct, frozen=True):
    """What to do now: answer with `error`, wait for `seconds`, or send to the deployment at `position` of `group`.

    position: -1 means to wait for a slot of the group; label: the header that names it
    body: with the members of a fallback in it, None for the client's own
    model_json: the name that the answer has from here on, None where that does not change
    """

    error: TianjiError | None = None
    seconds: float = -1.0
    group: Group | None = None
    position: int = -1
    resolution: Resolution | None = None
    label: Header | None = None
    body: bytes | None = None
    model_json: bytes | None = None


class Course:
    """The attempts of one request after the first, or all of them where the client wants to see why."""

    def __init__(self, asked: Asked, refuses: Refuses) -> None:
        """Begin at the group of `asked`, whose deployment it holds a slot of when an attempt was made.

        `refuses`: says why the caller's budgets do not allow a fallback to a group, or None.
        """
        table, steer = asked.table, asked.steer
        self._router = table.router
        self._steer: Steering | None = steer
        self._group = asked.group
        self._resolution = asked.resolution
        self._needs = asked.needs
        self._body = b"" if asked.spans is None else asked.spans.source
        self._tenant = asked.exchange.identity.key if asked.exchange.identity is not None else ""
        request = request_of(table, asked.exchange, steer, asked.routed, refuses)
        if table.total_timeout:
            request = msgspec.structs.replace(request, deadline=asked.began + table.total_timeout)
        self._request = request
        self._attempts = self._begin()
        self._errors: list[TianjiError] = []
        self._queued = False

    def _begin(self) -> Attempts:
        return Attempts(self._router, self._request, self._needs, self._group, self._resolution)

    @property
    def in_first_group(self) -> bool:
        """Whether no fallback was entered yet; one may lead to the same group under another name."""
        return self._attempts.hop.depth == 0

    def failed(self, error: TianjiError, headers: list[Header] | None, now: float) -> None:
        """Tell that an attempt failed. `headers` are those of the upstream's answer; `now` is monotonic, as below."""
        self._errors.append(error)
        self._attempts.failed(self._failure(error, headers, self._needs), now)

    def lost(self, needs: Needs, other: Needs, error: TianjiError, headers: list[Header] | None, now: float) -> None:
        """Tell that one of two attempts failed, the one with the slot of `needs`; that of `other` goes on alone."""
        self._errors.append(error)
        self._needs = other
        self._attempts.lost(needs, other, self._failure(error, headers, needs), now)

    def adopt(self, needs: Needs) -> None:
        """Go on with the attempt that has the slot of `needs`."""
        self._needs = needs
        self._attempts.adopt(needs)

    def filtered(self, now: float) -> None:
        """Tell that the last answer was cut by a content filter, and that this is a failure."""
        failure = filtered()
        self._errors.append(failure.error)
        self._attempts.failed(failure, now)

    def takes_filtered(self) -> bool:
        """Whether an answer that a content filter cut is a failure."""
        return self._attempts.takes_filtered()

    def next(self, now: float) -> Step:
        """Return what to do now."""
        step = self._attempts.next(now)
        if isinstance(step, Wait):
            return Step(seconds=step.seconds)
        if isinstance(step, Send):
            return self._send(step)
        if not self._queued and isinstance(step.error, NoDeployment) and self._worth_waiting(now):
            return self._at_home(position=-1)
        return Step(error=self._told(step.error))

    def stand_in_line(self, waiter: Waiter, now: float) -> Pending:
        """Let `waiter` wait for a slot in the first group. Raises NoDeployment when the line is full."""
        priority = self._router.switches.patience.priority(
            None if self._steer is None else self._steer.members.get("priority")
        )
        self._queued = True
        self._needs.forget()
        self._needs.order_after = None
        self._attempts.close()
        self._attempts = self._begin()
        place: Pending | None = self._group.line.join(priority, self._tenant, waiter, now, self._request.deadline)
        if place is None:
            raise self.turned_away("displaced")
        return place

    def turned_away(self, reason: str) -> TianjiError:
        """Return the error of a request that has waited in vain, for one of the reasons of a Waiter."""
        if reason == "timeout":
            return QueueTimeout(f"model {self._group.name}: no slot became free in time; try again later")
        return NoDeployment(
            f"model {self._group.name}: too many requests wait for it already",
            reason="parallel",
            wire_type="throttling_error",
            retry_after=1,
        )

    def go_on_from(self, sent: list[bytes]) -> bool:
        """Let further attempts go on from the events that the client has; whether that is possible."""
        continued = continuation(self._body, b"".join(sent))
        if continued is None:
            return False
        self._body = continued
        self._attempts.trail.add(self._attempts.hop.group.name, "continued")
        return True

    def seam(self) -> bytes:
        """Return what stands in a stream where another deployment goes on: the trail, as a comment, for who asked."""
        if self._steer is None or not self._steer.explains:
            return b""
        return b": x-tianji-trail: %b\n\n" % self._attempts.trail.header()

    def headers(self, own: list[Header]) -> list[Header]:
        """Return the headers of an answer: `own` are those of the deployment, where the counts of attempts are 0."""
        counts = {_RETRIES: self._attempts.retries, _FALLBACKS: self._attempts.fallbacks}
        found = [pair for pair in own if not pair[0].endswith((_RETRIES, _FALLBACKS))]
        found += [(b"x-litellm-%b" % name, b"%d" % count) for name, count in counts.items()]
        if self._queued:
            found.append((b"x-litellm-request-prioritization-used", b"True"))
        if self._attempts.retries:
            found.append((b"x-litellm-max-retries", b"%d" % self._attempts.most_retries))
        if self._steer is not None and self._steer.explains:
            found.append((b"x-tianji-trail", self._attempts.trail.header()))
        if self._steer is not None and self._steer.shows_errors and self._errors:
            found.append((b"x-litellm-fallback-errors", shown(self._errors)))
        return found

    def close(self) -> None:
        """Give back what the attempts hold."""
        self._attempts.close()

    def _failure(self, error: TianjiError, headers: list[Header] | None, needs: Needs) -> Failure:
        steer = self._steer
        by_caller = steer is not None and (
            steer.fault is not None
            or _own_timeout(steer, error)
            or _own_account(steer, error, self._attempts.hop.group, needs)
        )
        return failure_of(error, headers or (), now=time.time(), by_caller=by_caller)

    def _worth_waiting(self, now: float) -> bool:
        if self._group.line is None or now >= self._request.deadline:
            return False
        _, verdicts = self._group.selection.explain(self._needs, now)
        left = self._group.selection.minute_left(now)
        patience: Patience = self._router.switches.patience
        return patience.worth_it(verdicts, left)

    def _at_home(self, position: int, body: bytes | None = None) -> Step:
        """Return a step in the first group."""
        label = self._group.label if self._resolution is None else self._group.label_as(self._request.model)
        return Step(group=self._group, position=position, resolution=self._resolution, label=label, body=body)

    def _send(self, step: Send) -> Step:
        group: Group = step.group  # type: ignore[assignment]  # the protocol that routing knows is a Group here
        body = overridden(self._body, step.overrides) if step.overrides else self._body
        if self.in_first_group:
            return self._at_home(step.position, body)
        return Step(
            group=group,
            position=step.position,
            resolution=step.resolution,
            label=group.label_as(step.name),
            body=body,
            model_json=msgspec.json.encode(step.name),
        )

    def _told(self, error: TianjiError) -> TianjiError:
        """Name the groups that were tried, where there was more than one and the operator lets it be known."""
        groups = self._attempts.trail.groups()
        if len(groups) > 1 and self._router.switches.tells_trail:
            error.message = f"{error.message} Tried: {', '.join(groups)}."
        return error


class Courses:
    """Makes courses, and answers what the hot path asks before one is needed. One per worker."""

    def __init__(
        self, count: Callable[[ObjectSpans, str], Coroutine[Any, Any, Count]], dice: Dice, refuses: Refuses
    ) -> None:
        self._count = count
        self._refuses = refuses
        self._shadows = Shadows(dice)

    def begin(self, asked: Asked) -> Course:
        """Begin the course of a request."""
        return Course(asked, self._refuses)

    def several(self, asked: Asked, deliver: Deliver) -> Several:
        """Divide a request for several models."""
        return divide(asked, Endpoint(asked.pipeline, asked.operation), deliver)

    def enforce(self, members: tuple[str, ...], body: ObjectSpans) -> None:
        """Raise InvalidRequest for the first of `members` that the body lacks."""
        enforce(members, body)

    def enforce_for(self, caller: Identity, table: Table, body: ObjectSpans) -> None:
        """Raise InvalidRequest for the first member that the body lacks of those that this caller's must have."""
        enforce(caller.demands, body)
        if caller.account:
            enforce(table.enforced_of_accounts, body)

    def remaining(self, group: Group, now: float) -> list[Header]:
        """Return what a group's deployments may do in a minute, and what is left of it."""
        usage = [health.usage(now) for health in group.selection.healths]
        found: list[Header] = []
        for kind, (name, limit) in enumerate(zip((b"requests", b"tokens"), group.limits or (), strict=False)):
            if limit:
                left = max(0, limit - sum(used[kind] for used in usage))
                found.append((b"x-ratelimit-limit-%b" % name, b"%d" % limit))
                found.append((b"x-ratelimit-remaining-%b" % name, b"%d" % left))
        return found

    def decide(self, router: AutoRouter, body: ObjectSpans, exchange: Exchange) -> "Decision | asyncio.Task[Decision]":
        """Send a request where an auto router says; a task where that has to ask an upstream first."""
        decision = decision_of(router, body, exchange)
        if isinstance(decision, Decision):
            return _taken(decision)
        return asyncio.get_running_loop().create_task(_awaited(decision))

    def scope(self, asked: Asked) -> Scope | None:
        """Return what narrows the deployments of a request."""
        return scope_of(asked.table, asked.exchange, asked.steer)

    def weights(self, asked: Asked) -> bytes | None:
        """Return `Needs.weights` of a request whose key or strategy has a word on that."""
        own = weights_for(asked.exchange, asked.group)
        steer: Steering | None = asked.steer
        return own if own is not None or steer is None else steer.weights(asked.group)

    def abilities(self, body: ObjectSpans, asked: int) -> int:
        """Return those of the abilities `asked`, bits, that the request needs."""
        return needed(body.get, asked)

    def affinity(self, asked: Asked) -> int:
        """Return the number that stands for what the request belongs to; see routing.affinity."""
        spans = asked.spans
        return 0 if spans is None else belonging(asked.table, asked.group, asked.exchange, spans)

    def shadow(self, silent: Silent, exchange: Exchange, endpoint: Endpoint) -> None:
        """Send a copy of a request to other models; nobody reads what they answer."""
        self._shadows.send(silent, exchange, endpoint)

    def reservation(self, body: ObjectSpans) -> int:
        """Return how many tokens a request may use, by its length and what it allows for the answer."""
        return len(body.source) // BYTES_A_TOKEN + bounded(body, _BOUNDS)

    def count(self, body: ObjectSpans, model: str) -> "asyncio.Task[int]":
        """Begin to count the prompt."""
        return asyncio.get_running_loop().create_task(self._tokens(body, model))

    def from_content(self, events: bytes) -> bytes:
        """Return whole events from the first that has content on."""
        return from_content(events)

    def costed(self, events: bytes, dollars: bytes) -> bytes:
        """Return whole events of a stream with what it cost beside their usage."""
        return with_cost(events, dollars)

    def within(self, timeouts: Timeouts, seconds: float, streamed: bool) -> Timeouts:
        """Return timeouts that leave at most so many seconds until the answer, or until a stream begins."""
        if seconds <= 0:
            raise UpstreamTimeout("the request's total_timeout has run out", "total", sent=False)
        least = min(timeouts.connect, seconds) if timeouts.connect else seconds
        if streamed:
            first = min(timeouts.first_byte, seconds) if timeouts.first_byte else seconds
            return Timeouts(
                connect=least, first_byte=first, between_chunks=timeouts.between_chunks, total=timeouts.total
            )
        total = min(timeouts.total, seconds) if timeouts.total else seconds
        return Timeouts(
            connect=least, first_byte=timeouts.first_byte, between_chunks=timeouts.between_chunks, total=total
        )

    async def _tokens(self, body: ObjectSpans, model: str) -> int:
        return (await self._count(body, model)).tokens


def overridden(body: bytes, members: Mapping[str, object]) -> bytes:
    """Return the body of a request for a fallback with `members` of its own; whether it streams stays the client's."""
    return with_members(body, {name: value for name, value in members.items() if name not in {"stream", "model"}})


def belonging(table: Table, group: Group, exchange: Exchange, body: ObjectSpans) -> int:
    """Return the number that stands for what a request to `group` belongs to, 0 when that is nothing."""
    affinity: Affinity = table.router.switches.affinity
    kinds = affinity.of(group.name)
    if not kinds:
        return 0
    metadata = body.get(b"metadata") if "session" in kinds else None
    members = {} if metadata is None else {"metadata": msgspec.json.decode(metadata)}
    session = session_of(members, dict(exchange.headers)) if "session" in kinds else None
    tenant = exchange.identity.key.encode()
    return affinity.number(group.name, tenant, session=session, messages=body.get(b"messages") or b"")


def decision_of(router: AutoRouter, body: ObjectSpans, exchange: Exchange) -> Decision | Awaitable[Decision]:
    """Return what an auto router makes of a request, which need not go there."""
    identity = exchange.identity
    caller = "" if identity is None else f"{identity.key} {identity.user_id} {identity.team_id}"
    return router.decide(Content(body.get, lambda: dict(exchange.headers), caller))


async def _awaited(decision: Awaitable[Decision]) -> Decision:
    return _taken(await decision)


def _taken(decision: Decision) -> Decision:
    if decision.taken is not None:
        decision.taken()
    return decision


def shown(errors: Iterable[TianjiError]) -> bytes:
    """Return errors as the value of a header: JSON in ASCII, of as many of the first as have room."""
    entries = [
        {
            "message": error.message[:LONGEST_MESSAGE],
            "type": error.wire_type,
            "param": error.param,
            "code": str(error.status),
        }
        for error in errors
    ]
    while True:
        text = json.dumps(entries, separators=(",", ":"))
        if len(text) <= LONGEST_SHOWN:
            return text.encode()
        entries.pop()


def _own_timeout(steer: Steering, error: TianjiError) -> bool:
    return (steer.timeout, steer.stream_timeout) != (None, None) and isinstance(error, UpstreamTimeout)


def _own_account(steer: Steering, error: TianjiError, group: Any, needs: Needs) -> bool:
    """Whether an upstream refused the client's own credential, which says nothing of the deployment's."""
    if error.status not in _REFUSALS or needs.holding is None:
        return False
    position = group.selection.healths.index(needs.holding)
    return steer.pays(group.deployments[position])
