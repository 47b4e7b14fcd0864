"""Upstreams that are code of this process: a call is answered by a coroutine, as HTTP would be from outside."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from tianji._core.upstreams.multiplex import Stream
from tianji._core.upstreams.spool import Extent
from tianji.errors import Header, UpstreamFailure

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream"


class Asked(NamedTuple):
    """One call: the path that it is for, its body, and the files that lie behind that."""

    path: str
    body: bytes
    more: Sequence[bytes | Extent] = ()


class Reply:
    """The answer of one call. A piece of a stream waits until whoever reads has room for it."""

    def __init__(self, stream: Stream) -> None:
        self.begun = False
        self._stream = stream
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def whole(self, body: bytes, status: int = 200) -> None:
        """Answer at once."""
        self._head(status, JSON)
        if body:
            self._stream.data(body)
        self._stream.end()

    async def send(self, piece: bytes) -> None:
        """Send a piece of a stream of server-sent events."""
        if not self.begun:
            self._head(200, EVENTS)
        while self._stream.paused:
            self._room.clear()
            await self._room.wait()
        if piece:
            self._stream.data(piece)

    def end(self) -> None:
        """End a stream."""
        self._stream.end()

    def fail(self, error: UpstreamFailure) -> None:
        """Break off."""
        self._stream.fail(error)

    def carry(self, task: "asyncio.Task[None]") -> None:
        """Let the call be answered by a task, which ends when the call does."""
        self._task = task
        self._stream.wait(self)
        self._stream.begin(reused=False)

    # what the stream says

    def dropped(self) -> None:
        """Give up: the call is over."""
        if self._task is not None:
            self._task.cancel()

    def read_on(self) -> None:
        """Go on."""
        self._room.set()

    def _head(self, status: int, content_type: bytes) -> None:
        self.begun = True
        headers: list[Header] = [(b"content-type", content_type)]
        self._stream.head(status, headers)


class Inside:
    """What answers calls: the `answers` of an Origin. `answer` raises UpstreamFailure alone."""

    def __init__(self, answer: Callable[[Asked, Reply], Awaitable[None]]) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, stream: Stream) -> None:
        """Begin to answer a call; nothing of it is said before this returns."""
        reply = Reply(stream)
        task = asyncio.get_running_loop().create_task(self._run(_asked(stream), reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        reply.carry(task)

    async def _run(self, asked: Asked, reply: Reply) -> None:
        try:
            await self._answer(asked, reply)
        except UpstreamFailure as error:
            reply.fail(error)


def _asked(stream: Stream) -> Asked:
    parcel = stream.parcel
    if parcel is None:
        head, _, body = stream.request.partition(b"\r\n\r\n")
        return Asked(_path(head), body)
    start, said, *more = parcel.parts
    if isinstance(start, Extent) or isinstance(said, Extent):
        raise TypeError("a request to code of the gateway is a head and a body in memory, and files behind them")
    return Asked(_path(start), said, more)


def _path(head: bytes) -> str:
    return head.split(b" ", 2)[1].decode("ascii").partition("?")[0]
