"""A conversation in the form of Google's Live API that guardrails watch.

That form has no way to tell of an error but the end of the conversation, so a refusal ends it: what is refused went
nowhere, and of an answer nothing is heard that was not judged before.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tianji._core.sockets.farewell import Farewell
from tianji.errors import TianjiError
from tianji.protocol.loose import object_of
from tianji.realtime.judged.judging import Judged, Relaying, Said, Talk, Turn
from tianji.realtime.watching import code_of

_ENDS: Final = ("turnComplete", "generationComplete", "interrupted")
_HEARD: Final = frozenset({"inputTranscription"})
_SILENT: Final = frozenset({"serverContent", "setupComplete", "usageMetadata", "goAway", "sessionResumptionUpdate"})
"""Members of messages that may say nothing."""
_WORDLESS: Final = frozenset({"audio", "video", "mediaChunks", "audioStreamEnd", "activityStart", "activityEnd"})
"""Members of a client's message in which no word is said."""
_ALOUD: Final = (b'"inlineData"', b'"outputTranscription"')
_USED: Final = (b'"usageMetadata"', b'"turnComplete"')
Json = dict[str, Any]
_decode: Final = msgspec.json.Decoder(Json).decode


class JudgedLive(Judged):
    """One conversation, whose client's socket is open. `hear`: counts what a message says was used."""

    def __init__(self, talk: Talk, hear: Callable[[bytes], Farewell | None]) -> None:
        super().__init__(talk, Relaying())
        self.begin()
        self._hear = hear
        self.binary = False  # of a message of the upstream
        self._said = ""  # what the user was heard to say, as far as nobody has judged it
        self._turn: Turn | None = None  # which goes on
        self._turns: set[Turn] = set()  # which are judged

    @property
    def held(self) -> int:
        """Bytes of answers that wait."""
        return sum(turn.held for turn in self._turns)

    def forget(self, turn: Turn) -> None:
        """Let go of a turn that is over."""
        self._turns.discard(turn)

    def __call__(self, upstream: bool, message: bytes) -> Said:
        """Return what follows from a message at once; what it says was used counts, whoever hears it."""
        if upstream:
            self.binary = isinstance(message, bytearray)
        last = self._hear(message) if upstream and any(sign in message for sign in _USED) else None
        if last is not None:
            self.end(last)
        return super().__call__(upstream, message)

    def close(self) -> list[bytes]:
        """Judge no more. What was used was counted when it came."""
        turns, self._turns = self._turns, set()
        for turn in turns:
            turn.close()
        super().close()
        return []

    async def setup(self, setup: Json) -> Json:
        """Return how a conversation is set up, as guardrails leave it. Raises TianjiError."""
        passed = await self.talk.said(msgspec.json.encode({"setup": setup}))
        found: Json = msgspec.json.decode(passed)["setup"]
        return found

    def speaks(self, message: bytes) -> bool:
        """Whether words may be said in a message of a client: in all but those of sound and pictures alone."""
        if b"\\" in message or message.count(b'"realtimeInput"') != 1:
            return True
        tree = read(message)
        sent = tree.get("realtimeInput")
        return len(tree) != 1 or not isinstance(sent, dict) or not sent.keys() <= _WORDLESS

    def is_heard(self, message: bytes) -> bool:
        """Whether a model begins to answer what nobody has judged; what is heard until then is added up."""
        tree = read(message)
        return bool(self._said or heard_in(tree)) and answers(tree)

    async def heard(self, message: bytes) -> Said:
        """Judge what was heard until now, and then what answers it."""
        text, self._said = self._said + heard_in(read(message)), ""
        await self.talk.heard(msgspec.json.encode({"realtimeInput": {"text": text}}))
        return self._passed(message)

    def unheard(self, error: TianjiError, message: bytes) -> Said:
        """End the conversation."""
        return self.refused(error, message)

    def answered(self, message: bytes) -> Said:
        """Have a message judged in which a model may say something, and what follows it wait behind."""
        self._said += heard_in(read(message))
        return self._passed(message)

    def _passed(self, message: bytes) -> Said:
        tree = read(message)
        if not self.talk.answers or (self._turn is None and not answers(tree) and tree.keys() <= _SILENT):
            return [(False, message)]
        turn = self._turn or self._begun()
        content = object_of(tree.get("serverContent"))
        if "toolCall" in tree or any(name in content for name in _ENDS):
            self._turn = None
        turn.take(bytes(message), last=self._turn is None, aloud=any(sign in message for sign in _ALOUD))
        return []

    def _begun(self) -> Turn:
        answer = _Answer(self)
        self._turn = answer.turn
        self._turns.add(answer.turn)
        return answer.turn

    def refused(self, error: TianjiError, message: bytes) -> Said:
        """End the conversation."""
        del message
        self.end(Farewell(code_of(error), self.talk.message(error).encode(), None, error))
        return []


class _Answer:
    """One turn of the model on its way to the client: the hearer of a turn."""

    def __init__(self, judged: JudgedLive) -> None:
        self._judged = judged
        self.turn: Turn = judged.talk.turn(self, "live")
        judged.order.begin(self)

    def let(self, messages: list[bytes]) -> None:
        """Say what has passed, as the upstream says it: Google's messages are binary."""
        said: Said = [(False, message) for message in messages]
        if self._judged.binary:
            said = [(False, bytearray(message)) for message in messages]  # type: ignore[misc]  # as a Dialogue tells it
        self._judged.order.say(self, said)

    def over(self) -> None:
        """Let others go on."""
        self._judged.forget(self.turn)
        self._judged.order.over(self)

    def refuse(self, error: TianjiError) -> None:
        """End the conversation."""
        self._judged.refused(error, b"")


def read(message: bytes) -> Json:
    """Return a message; nothing of what is no object."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, RecursionError):
        return {}


def heard_in(tree: Json) -> str:
    """Return what the user was heard to say."""
    text = object_of(object_of(tree.get("serverContent")).get("inputTranscription")).get("text")
    return text if isinstance(text, str) else ""


def answers(tree: Json) -> bool:
    """Whether a model says something, or has said all."""
    content = object_of(tree.get("serverContent"))
    return "toolCall" in tree or not content.keys() <= _HEARD or not tree
