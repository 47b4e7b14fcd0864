"""What follows when the first choice was not enough: the attempts of one request, as the hot path drives them."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.http1 import Timeouts
from tianji._core.needs import Needs
from tianji._core.router import Group, Table
from tianji._core.spans import ObjectSpans
from tianji.accounting.counter import Count
from tianji.errors import Header, TianjiError, UpstreamTimeout
from tianji.gateway.opening import has_content
from tianji.gateway.steering import Steering
from tianji.routing.abilities import needed
from tianji.routing.attempts import Attempts, Send, Wait
from tianji.routing.failure import failure_of, filtered
from tianji.routing.resolution import Resolution
from tianji.routing.router import Request

BYTES_A_TOKEN: Final = 4  # a usual figure, for what is reserved before anybody has counted
_RETRIES, _FALLBACKS = b"attempted-retries", b"attempted-fallbacks"
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Step(Struct, frozen=True):
    """What to do now: answer with `error`, wait for `seconds`, or send to the deployment at `position` of `group`.

    label: the header that names the group; body: with the members of a fallback in it, None for the client's own;
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

    def __init__(
        self,
        table: Table,
        request: Request,
        steer: Steering | None,
        needs: Needs,
        group: Group,
        resolution: Resolution | None,
        body: bytes,
    ) -> None:
        self._router = table.router
        self._steer = steer
        self._group = group
        self._body = body
        self._model = request.model
        self._attempts = Attempts(table.router, request, needs, group, resolution)
        self._errors: list[TianjiError] = []

    @property
    def in_first_group(self) -> bool:
        """Whether no fallback was entered yet."""
        return self._attempts.group is self._group

    def failed(self, error: TianjiError, headers: list[Header] | None, now: float) -> None:
        """Tell that an attempt failed. `headers` are those of the upstream's answer; `now` is monotonic, as below."""
        steer = self._steer
        by_caller = steer is not None and (
            steer.fault is not None
            or _own_timeout(steer, error)
            or (steer.api_key is not None and error.status in {401, 403})
        )
        failure = failure_of(error, headers or (), now=time.time(), by_caller=by_caller)
        self._errors.append(error)
        self._attempts.failed(failure, now)

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
        return Step(error=self._told(step.error))

    def headers(self, own: list[Header]) -> list[Header]:
        """Return the headers of an answer: `own` are those of the deployment, where the counts of attempts are 0."""
        counts = {_RETRIES: self._attempts.retries, _FALLBACKS: self._attempts.fallbacks}
        found = [pair for pair in own if not pair[0].endswith((_RETRIES, _FALLBACKS))]
        found += [(b"x-litellm-%b" % name, b"%d" % count) for name, count in counts.items()]
        if self._attempts.retries:
            found.append((b"x-litellm-max-retries", b"%d" % self._attempts.most_retries))
        if self._steer is not None and self._steer.explains:
            found.append((b"x-tianji-trail", self._attempts.trail.header()))
        if self._steer is not None and self._steer.shows_errors and self._errors:
            found.append((b"x-litellm-fallback-errors", self._shown_errors()))
        return found

    def close(self) -> None:
        """Give back what the attempts hold."""
        self._attempts.close()

    def _send(self, step: Send) -> Step:
        group: Group = step.group  # type: ignore[assignment]  # the protocol that routing knows is a Group here
        name = group.name if step.resolution is None else step.resolution.name
        first = group is self._group
        shown = self._model if first else name
        return Step(
            group=group,
            position=step.position,
            resolution=step.resolution,
            label=group.label_as(shown),
            body=overridden(self._body, step.overrides) if step.overrides else None,
            model_json=None if first else msgspec.json.encode(name),
        )

    def _told(self, error: TianjiError) -> TianjiError:
        """Name the groups that were tried, where there was more than one and the operator lets it be known."""
        groups = self._attempts.trail.groups()
        if len(groups) > 1 and self._router.switches.tells_trail:
            error.message = f"{error.message} Tried: {', '.join(groups)}."
        return error

    def _shown_errors(self) -> bytes:
        shown = [
            {"message": error.message, "type": error.wire_type, "param": error.param, "code": str(error.status)}
            for error in self._errors
        ]
        return msgspec.json.encode(shown)[:4000].decode("ascii", "replace").encode("ascii", "replace")


class Courses:
    """Makes courses, and answers what the hot path asks before one is needed. One per worker."""

    def __init__(self, count: Callable[[ObjectSpans, str], Coroutine[Any, Any, Count]]) -> None:
        self._count = count

    def begin(
        self,
        table: Table,
        steer: Steering | None,
        model: str,
        needs: Needs,
        group: Group,
        resolution: Resolution | None,
        body: ObjectSpans | None,
    ) -> Course:
        """Begin at `group`, whose deployment `needs` holds a slot of when an attempt was made. No body: it is over."""
        request = Request(model=model) if steer is None else steer.request(model)
        return Course(table, request, steer, needs, group, resolution, b"" if body is None else body.source)

    def abilities(self, body: ObjectSpans, asked: int) -> int:
        """Return those of the abilities `asked`, bits, that the request needs."""
        return needed(body.get, asked)

    def reservation(self, body: ObjectSpans) -> int:
        """Return how many tokens a request may use, by its length and what it allows for the answer."""
        most = (body.integer(name) for name in (b"max_completion_tokens", b"max_tokens", b"max_output_tokens"))
        answer = next((number for number in most if number is not None and number > 0), 0)
        return min(len(body.source) // BYTES_A_TOKEN + answer, 1 << 40)

    def count(self, body: ObjectSpans, model: str) -> "asyncio.Task[int]":
        """Begin to count the prompt."""
        return asyncio.get_running_loop().create_task(self._tokens(body, model))

    def has_content(self, events: bytes) -> bool:
        """Whether whole events of a stream hold anything for the reader."""
        return has_content(events)

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
    """Return the body of a request with `members` in the place of its own; whether it streams stays the client's."""
    found: dict[str, object] = dict(_MEMBERS.decode(body))
    found.update((name, value) for name, value in members.items() if name not in {"stream", "model"})
    return msgspec.json.encode(found)


def _own_timeout(steer: Steering, error: TianjiError) -> bool:
    return (steer.timeout, steer.stream_timeout) != (None, None) and isinstance(error, UpstreamTimeout)
