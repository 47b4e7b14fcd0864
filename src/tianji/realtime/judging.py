"""What is said in a conversation that guardrails watch: it waits, in order, until it was judged.

Loaded with the first such conversation; all others are relayed frame by frame.
"""

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec

from tianji._core.dialogue import Dialogue
from tianji._core.relay import Farewell
from tianji.errors import TianjiError
from tianji.realtime.watching import farewell, told

LOG: Final = logging.getLogger("tianji.guardrails")
MOST: Final = 16 * 1024 * 1024  # bytes that wait to be judged
TOO_BIG: Final = 1009  # RFC 6455 section 7.4.1
HEARD: Final = "conversation.item.input_audio_transcription.completed"
WORDLESS: Final = frozenset(
    {
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "response.cancel",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
    }
)
"""Events of a client in which no word is said."""
Said = list[tuple[bool, bytes]]


class Talk(Protocol):
    """Who judges; see gateway.guarding.talk."""

    async def said(self, event: bytes) -> bytes:
        """Return an event of the client as it goes on. Raises TianjiError."""

    async def heard(self, event: bytes) -> None:
        """Judge what the user was heard to say. Raises TianjiError."""

    def ends(self, error: TianjiError) -> bool:
        """Whether the conversation ends with a refusal."""

    def message(self, error: TianjiError) -> str:
        """Return what the client is told of it."""


class _Event(msgspec.Struct):
    type: str = ""
    event_id: str | None = None
    item_id: str | None = None


class Interpreter(Protocol):
    """What a Dialogue asks of each message."""

    def begin(self) -> Said:
        """Return what is said before anybody has spoken."""

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Return what follows from a message."""


class Relaying:
    """Both sides speak the same form."""

    def begin(self) -> Said:
        """Say nothing."""
        return []

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Hand it on."""
        return [(not upstream, message)]


class Overhearing(Relaying):
    """Somebody hears all that the client says before it goes on, and may end the conversation in its place."""

    def __init__(self, overhears: Callable[[bytes], Farewell | None]) -> None:
        self._overhears = overhears
        self._relay: Dialogue | None = None

    def join(self, relay: Dialogue) -> None:
        """Take the relay that this is for."""
        self._relay = relay

    def close(self) -> None:
        """Hear no more: it is over."""
        self._relay = None

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Hand a message on that may go on."""
        last = None if upstream else self._overhears(message)
        if last is not None and self._relay is not None:
            self._relay.end(last)
            return []
        return super().__call__(upstream, message)


class Line:
    """What one side says, in order. `judge` says what follows from a message that `asks`, `plain` from any other."""

    def __init__(
        self,
        asks: Callable[[bytes], bool],
        judge: Callable[[bytes], Awaitable[Said]],
        plain: Callable[[bytes], Said],
        say: Callable[[Said], None],
    ) -> None:
        self._asks = asks
        self._judge = judge
        self._plain = plain
        self._say = say
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self.size = 0  # bytes that wait

    def take(self, message: bytes) -> Said:
        """Return what follows at once; nothing while somebody judges, who says it later."""
        if self._task is None and not self._asks(message):
            return self._plain(message)
        self._waiting.append(message)
        self.size += len(message)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        return []

    async def _work(self) -> None:
        while self._waiting:
            message = self._waiting.popleft()
            self.size -= len(message)
            self._say(await self._judge(message) if self._asks(message) else self._plain(message))
        self._task = None

    def close(self) -> None:
        """Judge no more."""
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()


class Judged:
    """Has what is said judged, and handed to who understands it: the interpreter of a Dialogue.

    `closed` breaks what points in a circle; until the client's socket is open, what is said to it is kept.
    asks, hears: whether a message of the client, or of the upstream, has to be judged
    """

    def __init__(
        self,
        talk: Talk,
        inner: Interpreter,
        asks: Callable[[bytes], bool] | None = None,
        hears: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._talk = talk
        self._inner = inner
        self._asks = asks or speaks
        self._hears = hears or is_heard
        self._relay: Dialogue | None = None
        self._early: Said | None = []
        self._lines: dict[bool, Line] = {}  # by whether the upstream speaks; made when it does

    def join(self, relay: Dialogue) -> None:
        """Take the relay whose interpreter this is."""
        self._relay = relay

    def begin(self) -> Said:
        """Return what was said before anybody could hear it."""
        early, self._early = self._early or [], None
        return [*self._inner.begin(), *early]

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Return what follows from a message at once."""
        line = self._lines.get(upstream) or self._line(upstream)
        said = line.take(message)
        if line.size > MOST:
            self._end(Farewell(TOO_BIG, b"more was said than can wait to be judged"))
        if self._early is not None:
            self._early += said
            return []
        return said

    def close(self) -> None:
        """Judge no more: it is over."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            line.close()
        self._relay = None

    def _line(self, upstream: bool) -> Line:
        judge, asks = (self._heard, self._hears) if upstream else (self._said, self._asks)
        line = self._lines[upstream] = Line(asks, judge, functools.partial(self._inner, upstream), self._say)
        return line

    async def _said(self, event: bytes) -> Said:
        """Judge an event of the client; one that is refused goes nowhere, and he is told."""
        try:
            passed = await self._talk.said(bytes(event))
        except TianjiError as error:
            return self._refused(error, event)
        except Exception:
            LOG.exception("a guardrail's verdict could not be followed")
            return self._refused(TianjiError("Internal server error"), event)
        return self._inner(False, type(event)(passed))  # what was binary stays so

    async def _heard(self, event: bytes) -> Said:
        """Judge what the user was heard to say; where it is refused nobody answers it, and it is forgotten."""
        try:
            await self._talk.heard(event)
        except TianjiError as error:
            refusal = self._refused(error, b"{}")
        except Exception:
            LOG.exception("a guardrail's verdict could not be followed")
            refusal = self._refused(TianjiError("Internal server error"), b"{}")
        else:
            return self._inner(True, event)
        cancel = {"type": "response.cancel"}
        forget = {"type": "conversation.item.delete", "item_id": read(event).item_id}
        unsaid = [pair for one in (cancel, forget) for pair in self._inner(False, msgspec.json.encode(one))]
        return [*self._inner(True, emptied(event)), *refusal, *unsaid]

    def _refused(self, error: TianjiError, event: bytes) -> Said:
        if self._talk.ends(error):
            self._end(farewell(error, self._talk.message(error)))
            return []
        return [(False, told(error, self._talk.message(error), read(event).event_id))]

    def _say(self, said: Said) -> None:
        if self._early is not None:
            self._early += said
        elif self._relay is not None:
            self._relay.say(said)

    def _end(self, last: Farewell) -> None:
        if self._relay is not None:
            self._relay.end(last)


def read(event: bytes) -> _Event:
    """Return what is known of an event without its words."""
    try:
        return msgspec.json.decode(event, type=_Event)
    except (msgspec.DecodeError, RecursionError):
        return _Event()


def speaks(event: bytes) -> bool:
    """Whether words may be said in an event of a client.

    None are in one of sound that names its type once, and whose names cannot be spelled in another way.
    """
    return not (read(event).type in WORDLESS and event.count(b'"type"') == 1 and b"\\" not in event)


def is_heard(event: bytes) -> bool:
    """Whether an event of the upstream says what the user was heard to say."""
    return HEARD.encode() in event and read(event).type == HEARD


def emptied(event: bytes) -> bytes:
    """Return what was heard without its words: what it has used still counts."""
    found: dict[str, Any] = msgspec.json.decode(event)
    return msgspec.json.encode({**found, "transcript": "", "logprobs": None})
