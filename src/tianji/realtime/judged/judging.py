"""What is said in a conversation that guardrails watch: it waits, in order, until it was judged.

Loaded with the first such conversation; all others are relayed frame by frame.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from tianji._core.sockets.dialogue import Dialogue
from tianji._core.sockets.farewell import Farewell
from tianji.errors import TianjiError

LOG: Final = logging.getLogger("tianji.guardrails")
MOST: Final = 16 * 1024 * 1024  # bytes that wait to be judged, on each side
UNFORESEEN: Final = "a guardrail's verdict could not be followed"
TOO_BIG: Final = 1009  # RFC 6455 section 7.4.1
Said = list[tuple[bool, bytes]]
"""What follows from a message: pairs of whether it goes upstream, and a text."""


class Hearer(Protocol):
    """Who hears of an answer that is judged; see gateway.guarding.answers.turn."""

    def let(self, messages: list[bytes]) -> None:
        """Say messages that have passed."""

    def refuse(self, error: TianjiError) -> None:
        """Say no more of the answer."""

    def over(self) -> None:
        """Hear that all of it was said."""


class Turn(Protocol):
    """One answer on its way; see gateway.guarding.answers.turn."""

    @property
    def held(self) -> int:
        """Bytes that wait."""

    def take(self, message: bytes, *, last: bool, aloud: bool) -> None:
        """Take a message."""

    def close(self) -> None:
        """Judge no more."""


class Talk(Protocol):
    """Who judges; see gateway.guarding.talk."""

    @property
    def answers(self) -> bool:
        """Whether what a model says is judged."""

    def turn(self, hearer: Hearer, form: str) -> Turn:
        """Return who takes the messages of an answer that begins. `form`: which they have, see streaming.forms."""

    async def said(self, event: bytes) -> bytes:
        """Return an event of the client as it goes on. Raises TianjiError."""

    async def heard(self, event: bytes) -> None:
        """Judge what the user was heard to say. Raises TianjiError."""

    def ends(self, error: TianjiError) -> bool:
        """Whether the conversation ends with a refusal."""

    def message(self, error: TianjiError) -> str:
        """Return what the client is told of it."""


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
            message = self._waiting[0]
            said = await self._judge(message) if self._asks(message) else self._plain(message)
            self._waiting.popleft()
            self.size -= len(message)
            self._say(said)
        self._task = None

    def close(self) -> list[bytes]:
        """Judge no more; return what waits."""
        if self._task is not None:
            self._task.cancel()
        waiting, self._waiting = list(self._waiting), deque()
        return waiting


class Order:
    """Has answers heard one after another, in the order in which they began. `say`: says something now."""

    def __init__(self, say: Callable[[Said], None]) -> None:
        self._say = say
        self._waiting: dict[object, Said] = {}  # what was said of each that has begun, until those before it are over
        self._over: set[object] = set()
        self.size = 0  # bytes that wait

    def begin(self, answer: object) -> None:
        """Take an answer that begins."""
        self._waiting[answer] = []

    def say(self, answer: object, said: Said) -> None:
        """Say something of an answer, as soon as those before it are over."""
        if answer in self._waiting and answer is not next(iter(self._waiting)):
            self._waiting[answer] += said
            self.size += _size(said)
        else:
            self._say(said)

    def over(self, answer: object) -> None:
        """Go on with what comes after an answer of which nothing more is said in its turn."""
        self._over.add(answer)
        while self._waiting and (first := next(iter(self._waiting))) in self._over:
            del self._waiting[first]
            self._over.discard(first)
            for following in self._waiting:
                said, self._waiting[following] = self._waiting[following], []
                self.size -= _size(said)
                self._say(said)
                break


def _size(said: Said) -> int:
    return sum(len(message) for _, message in said)


class Judged:
    """Has what is said judged, and handed to who understands it: the interpreter of a Dialogue.

    What its client says is judged as it comes, what is said to him as he would hear it. A form of conversations says
    which messages hold words, and what follows where some are refused.
    """

    def __init__(self, talk: Talk, inner: Interpreter) -> None:
        self.talk = talk
        self.inner = inner
        self._relay: Dialogue | None = None
        self._early: Said | None = []  # until the client's socket is open, what is said to it is kept
        self._gathered: Said | None = None  # what is said while a message is looked at
        self._client = Line(self.speaks, self._judge_said, self._hand_on, self.say)
        self._upstream = Line(self.is_heard, self._judge_heard, self.answered, self.say)
        self.order = Order(self.say)

    def join(self, relay: Dialogue) -> None:
        """Take the relay whose interpreter this is."""
        self._relay = relay

    def begin(self) -> Said:
        """Return what was said before anybody could hear it."""
        early, self._early = self._early or [], None
        return [*self.inner.begin(), *early]

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Return what follows from a message at once."""
        said: Said = []
        self._gathered = said
        try:
            if upstream:
                for back, one in self.inner(True, message):
                    said += [(True, one)] if back else self._upstream.take(one)
            else:
                said += self._client.take(message)
        finally:
            self._gathered = None
        if max(self._client.size, self._upstream.size + self.order.size + self.held) > MOST:
            self.end(Farewell(TOO_BIG, b"more was said than can wait to be judged"))
        if self._early is not None:
            self._early += said
            return []
        return said

    def close(self) -> list[bytes]:
        """Judge no more: it is over, and nothing points in a circle any more. Return what the client did not hear."""
        self._client.close()
        self._relay = None
        return self._upstream.close()

    # -- what a form says ----------------------------------------------------------------------------------------------

    @property
    def held(self) -> int:
        """Bytes of answers that wait."""
        raise NotImplementedError

    def speaks(self, message: bytes) -> bool:
        """Whether words may be said in a message of a client."""
        raise NotImplementedError

    def is_heard(self, message: bytes) -> bool:
        """Whether what the user was heard to say has to be judged before a message goes on."""
        raise NotImplementedError

    async def heard(self, message: bytes) -> Said:
        """Judge what the user was heard to say; return what follows. Raises TianjiError where that is refused."""
        raise NotImplementedError

    def answered(self, message: bytes) -> Said:
        """Return what follows at once from a message to the client."""
        raise NotImplementedError

    def refused(self, error: TianjiError, message: bytes) -> Said:
        """Return what follows where a message of the client is refused."""
        raise NotImplementedError

    def unheard(self, error: TianjiError, message: bytes) -> Said:
        """Return what follows where what the user was heard to say is refused."""
        raise NotImplementedError

    # -- judging -------------------------------------------------------------------------------------------------------

    def _hand_on(self, message: bytes) -> Said:
        return self.inner(False, message)

    async def _judge_said(self, message: bytes) -> Said:
        """Judge a message of the client; one that is refused goes nowhere."""
        try:
            passed = await self.talk.said(bytes(message))
            return self._hand_on(type(message)(passed))  # what was binary stays so
        except TianjiError as error:
            return self.refused(error, message)
        except Exception:  # boundary: a verdict that nobody foresaw
            LOG.exception(UNFORESEEN)
            return self.refused(TianjiError("Internal server error"), message)

    async def _judge_heard(self, message: bytes) -> Said:
        try:
            return await self.heard(message)
        except TianjiError as error:
            return self.unheard(error, message)
        except Exception:  # boundary: likewise
            LOG.exception(UNFORESEEN)
            return self.unheard(TianjiError("Internal server error"), message)

    def say(self, said: Said) -> None:
        """Say something now."""
        if self._gathered is not None:
            self._gathered += said
        elif self._early is not None:
            self._early += said
        elif self._relay is not None:
            self._relay.say(said)

    def end(self, last: Farewell) -> None:
        """End the conversation."""
        if self._relay is not None:
            self._relay.end(last)
