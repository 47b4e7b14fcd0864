"""A conversation in no form that is known here that guardrails watch: every message that looks like JSON is judged.

Answers are judged message by message, each for itself. A refusal is told as an error event, as OpenAI's.
"""

from collections.abc import Callable

from tianji.errors import TianjiError
from tianji.realtime.judged.judging import Interpreter, Judged, Said, Talk, Turn
from tianji.realtime.watching import farewell, told


class _Message:
    """One message to the client: the hearer of a turn."""

    def __init__(self, judged: "JudgedText", message: bytes) -> None:
        self._judged = judged
        self._kind = type(message)
        judged.order.begin(self)
        self.turn: Turn = judged.talk.turn(self, "message")

    def let(self, messages: list[bytes]) -> None:
        """Say what has passed; what was binary stays so."""
        self._judged.order.say(self, [(False, self._kind(message)) for message in messages])

    def over(self) -> None:
        """Let others go on."""
        self._judged.forget(self.turn)
        self._judged.order.over(self)

    def refuse(self, error: TianjiError) -> None:
        """Tell of the refusal in its place."""
        self._judged.order.say(self, self._judged.refused(error, b""))
        self.over()


class JudgedText(Judged):
    """One conversation. `begins_json`: whether a message may be JSON."""

    def __init__(self, talk: Talk, inner: Interpreter, begins_json: Callable[[bytes], bool]) -> None:
        super().__init__(talk, inner)
        self._begins_json = begins_json
        self._turns: set[Turn] = set()

    @property
    def held(self) -> int:
        """Bytes of messages that wait."""
        return sum(turn.held for turn in self._turns)

    def forget(self, turn: Turn) -> None:
        """Let go of a message that was said."""
        self._turns.discard(turn)

    def close(self) -> list[bytes]:
        """Judge no more."""
        turns, self._turns = self._turns, set()
        for turn in turns:
            turn.close()
        return super().close()

    def speaks(self, message: bytes) -> bool:
        """Whether words may be said in a message of a client."""
        return self._begins_json(message)

    def is_heard(self, message: bytes) -> bool:
        """Nobody knows where it would stand what a user was heard to say."""
        del message
        return False

    async def heard(self, message: bytes) -> Said:
        """Return it as it is: nothing of it was heard."""
        return [(False, message)]

    def unheard(self, error: TianjiError, message: bytes) -> Said:
        """Return the event that says the refusal."""
        return self.refused(error, message)

    def answered(self, message: bytes) -> Said:
        """Have a message judged, and what follows it wait behind."""
        if self.talk.answers and self._begins_json(message):
            one = _Message(self, message)
            self._turns.add(one.turn)
            one.turn.take(bytes(message), last=True, aloud=False)
            return []
        if not self._turns:
            return [(False, message)]
        beside = object()
        self.order.begin(beside)
        self.order.say(beside, [(False, message)])
        self.order.over(beside)
        return []

    def refused(self, error: TianjiError, message: bytes) -> Said:
        """Return the event that says a refusal, unless the conversation ends with it."""
        del message
        if self.talk.ends(error):
            self.end(farewell(error, self.talk.message(error)))
            return []
        return [(False, told(error, self.talk.message(error)))]
