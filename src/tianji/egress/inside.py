"""Upstreams that are code of this process: a call is answered by a coroutine, as HTTP would be from outside."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from tianji._core.multiplex import Stream
from tianji.errors import Header, UpstreamFailure

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream"


class Asked(NamedTuple):
    """One call: the path that it is for, and its body."""

    path: str
    body: bytes


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
        task = asyncio.get_running_loop().create_task(self._run(_asked(stream.request), reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        reply.carry(task)

    async def _run(self, asked: Asked, reply: Reply) -> None:
        try:
            await self._answer(asked, reply)
        except UpstreamFailure as error:
            reply.fail(error)


def _asked(request: bytes) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    target = head.split(b" ", 2)[1].decode("ascii")
    return Asked(target.partition("?")[0], body)
