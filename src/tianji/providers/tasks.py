"""Upstreams whose answers are tasks: a request of a client is answered when its task is done.

`protocol.media.tasks` says what a task wants. A look that fails is made again, since the task goes on; what a task has
left at the vendor is removed when the client has its answer, or has gone. That it lies there is noted before anything
else is asked, so that somebody else removes it should this process end first.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.spool import Extent
from tianji.egress.inside import Asked, Inside, Reply
from tianji.errors import StreamFailed, TianjiError, UpstreamConnectFailed, UpstreamProtocolError
from tianji.ids import CallIds
from tianji.lazy import load
from tianji.protocol.chat.seam import Target
from tianji.providers.upstream import MEDIA, Operation, Upstream

LOG: Final = logging.getLogger("tianji.providers")
FORMS: Final = f"{MEDIA}.tasks"
FIRST: Final = 0.25  # seconds between the first two looks
LAST: Final = 2.0  # and between two of the later ones
GROWTH: Final = 1.4
PATIENCE: Final = 10  # looks in a row that may fail
REMOVALS: Final = (
    0.0,
    1.0,
    4.0,
    15.0,
    60.0,
    180.0,
    600.0,
)  # seconds before each try: what is at work cannot be removed
PIECE: Final = 128 * 1024  # bytes that are sent together
MOST: Final = 64 << 20  # bytes of an answer
_new_name: Final = CallIds().new
_TIMEOUTS: Final = Timeouts(connect=10.0, between_chunks=90.0)
_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({401, 403, 405})  # what no further try would change


def inside(upstream: Upstream, tasks: frozenset[Operation], base: str, headers: Mapping[str, str]) -> Upstream:
    """Return an upstream some of whose operations are tasks, asked for at this address with these headers."""
    load(f"{MEDIA}.{upstream.provider}")
    target = Target(provider=upstream.provider, model=upstream.model, drop_params=bool(upstream.shaping.drop_params))
    return replace(
        upstream,
        media={**upstream.media, **dict.fromkeys(tasks, FORMS)},
        answers=Tasks(target, base, headers),
        answered=frozenset(tasks),
    )


class Notes(Protocol):
    """What remembers that something is to be removed, should this process end first. Neither method raises."""

    async def note(self, name: str, call: str) -> None:
        """Remember a call, by this name."""

    async def forget(self, name: str) -> None:
        """Forget what has this name: it was removed, or nobody can."""


class _Lying(Struct):
    """What lies at the vendor. note: by which name that is remembered; None: it is not."""

    left: Any
    note: str | None = None


class _Course:
    """One request under way.

    left: what lies at the vendor. making: whether something is being begun there, which its answer alone can name
    gone: whether nobody waits any more
    """

    def __init__(self) -> None:
        self.left: list[_Lying] = []
        self.making = False
        self.gone = False


class Tasks(Inside):
    """Answers the requests of one deployment. notes: whoever remembers what it leaves; None: nobody does."""

    notes: Notes | None = None

    def __init__(self, target: Target, base: str, headers: Mapping[str, str]) -> None:
        super().__init__(self.answer)
        self._target = target
        self._base = base
        self._headers = headers
        self._clearing: set[asyncio.Task[None]] = set()

    async def answer(self, asked: Asked, reply: Reply) -> None:
        """Answer a request. Raises UpstreamFailure."""
        course, done = _Course(), False
        doing = asyncio.get_running_loop().create_task(self._answered(asked, course))
        try:
            status, body = await asyncio.shield(doing)
            reply.whole(body, status)
            done = status == 200
        except asyncio.CancelledError:
            course.gone = True
            if not course.making:
                doing.cancel()
            raise
        finally:
            clearing = asyncio.get_running_loop().create_task(self._clear(doing, course, done))
            self._clearing.add(clearing)
            clearing.add_done_callback(self._clearing.discard)

    async def _answered(self, asked: Asked, course: _Course) -> tuple[int, bytes]:
        """Return status and body of the answer, or of what refused it."""
        try:
            task = load(FORMS).begun(load(FORMS).received(self._target, asked.body, asked.more))
            async with load("tianji.egress.client").open_client(_TIMEOUTS) as client:
                return await self._done(client, task, course)
        except StreamFailed as failure:
            return 200, failure.payload
        except load("httpx").HTTPError as error:
            why = f"{self._target.provider} cannot be reached: {type(error).__name__}"
            raise UpstreamConnectFailed(why) from error
        except TianjiError as error:
            if error.status >= 500:
                raise
            return error.status, msgspec.json.encode({"error": {"message": error.message, "param": error.param}})

    async def _done(self, client: Any, task: Any, course: _Course) -> tuple[int, bytes]:
        """Do what a task wants until it is done."""
        said: bytes | None = None
        looks: Iterator[float] = iter(())
        at = None
        while True:
            try:
                wanted = next(task) if said is None else task.send(said)
            except StopIteration as end:
                return 200, msgspec.json.encode(end.value)
            if isinstance(wanted, load(FORMS).Left):
                await self._note(course, wanted)
                said = b""
                continue
            if course.gone:
                raise asyncio.CancelledError
            if wanted.body is None and wanted.where == at:
                await asyncio.sleep(next(looks))
            else:
                at, looks = wanted.where, _pauses()
            found = await (self._look(client, wanted) if wanted.body is None else self._make(client, wanted, course))
            if found.status >= 300:
                return found.status, found.body
            said = found.body

    async def _make(self, client: Any, call: Any, course: _Course) -> "_Said":
        """Have something begun or kept; what is large may be broken off, and is not there then."""
        course.making = isinstance(call.body, dict)
        try:
            return await self._say(client, call)
        finally:
            course.making = False

    async def _look(self, client: Any, call: Any) -> "_Said":
        """Look, and again where that fails for no fault of the request's: what is at work goes on."""
        for _, pause in zip(range(PATIENCE), _pauses(), strict=False):
            try:
                found = await self._say(client, call)
            except load("httpx").HTTPError:
                pass
            else:
                if found.status < 500 and found.status != 429:
                    return found
            await asyncio.sleep(pause)
        return await self._say(client, call)

    async def _say(self, client: Any, call: Any) -> "_Said":
        where, body = load(FORMS).place_of(call, self._base), call.body
        if body is None:
            headers = {} if call.bare else self._headers
            return await _asked(client, call.method or "GET", where, headers, b"")
        if isinstance(body, dict):
            headers = {"content-type": "application/json", **self._headers}
            return await _asked(client, "POST", where, headers, msgspec.json.encode(body))
        kind, parts, length = body
        headers = {**self._headers, "content-type": kind.decode("latin-1"), "content-length": str(length)}
        return await _asked(client, "POST", where, headers, _pieces(parts))

    async def _clear(self, doing: "asyncio.Task[tuple[int, bytes]]", course: _Course, done: bool) -> None:
        """Remove what a task has left once it has ended; what cannot be removed is said in the log."""
        await asyncio.wait([doing])
        if not doing.cancelled():
            doing.exception()  # whoever waited was told it
        wanted = [one for one in reversed(course.left) if one.left.done or not done]
        await asyncio.gather(*(self._forget(one) for one in course.left if one not in wanted))
        await asyncio.gather(*(self._remove(one) for one in wanted))

    async def _note(self, course: _Course, left: Any) -> None:
        lying = _Lying(left)
        course.left.append(lying)
        if self.notes is not None:
            lying.note = _new_name()
            await self.notes.note(lying.note, load(FORMS).noted(left.call))

    async def _remove(self, lying: _Lying) -> None:
        await self._removed(lying.left.call)
        await self._forget(lying)

    async def _forget(self, lying: _Lying) -> None:
        if self.notes is not None and lying.note is not None:
            await self.notes.forget(lying.note)

    async def remove(self, call: str) -> None:
        """Do a call that was noted by a process that has ended."""
        await self._removed(load(FORMS).read_note(call))

    async def _removed(self, call: Any) -> None:
        async with load("tianji.egress.client").open_client(_TIMEOUTS) as client:
            why = await self._why_kept(client, call)
        if why is not None:
            LOG.warning("%s keeps %s, which is not wanted any more: %s", self._target.provider, call.where, why)

    async def _why_kept(self, client: Any, call: Any) -> str | None:
        """Have something removed; return why it was not, None when it is gone."""
        why = ""
        for pause in REMOVALS:
            await asyncio.sleep(pause)
            try:
                status = (await self._say(client, call)).status
            except (load("httpx").HTTPError, UpstreamProtocolError) as error:
                why = type(error).__name__
                continue
            if status < 300 or status in _GONE:
                return None
            why = f"status {status}"
            if status in _REFUSED:
                break
        return why


class _Said(NamedTuple):
    """What was answered."""

    status: int
    body: bytes


async def _asked(
    client: Any, method: str, where: str, headers: Mapping[str, str], content: bytes | AsyncIterator[bytes]
) -> _Said:
    """Ask, and read the answer. Raises UpstreamProtocolError for one that has no end, and httpx.HTTPError."""
    async with client.stream(method, where, headers=headers, content=content or None) as found:
        pieces, size = [], 0
        async for piece in found.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > MOST:
                raise UpstreamProtocolError(f"the upstream's answer is over {MOST} bytes")
        return _Said(found.status_code, b"".join(pieces))


def _pauses() -> Iterator[float]:
    pause = FIRST
    while True:
        yield pause
        pause = min(pause * GROWTH, LAST)


async def _pieces(parts: Iterable[bytes | Extent]) -> AsyncIterator[bytes]:
    """Yield a body piece by piece; it can be sent again."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        for at in range(0, part.size, PIECE):
            yield part.spool.read(part.at + at, min(PIECE, part.size - at))
