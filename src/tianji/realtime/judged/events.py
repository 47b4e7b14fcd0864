"""A conversation in OpenAI's events that guardrails watch.

What is refused is told as an error event. Of an answer that is refused nothing more is said: the upstream is told to
stop and to forget it, and its end says that it was filtered, and what it has used.
"""

from typing import Any, Final

import msgspec

from tianji.errors import TianjiError
from tianji.realtime.judged.judging import Interpreter, Judged, Relaying, Said, Talk, Turn
from tianji.realtime.watching import farewell, told

HEARD: Final = b"conversation.item.input_audio_transcription.completed"
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
_BESIDE: Final = (
    "session.", "transcription_session.", "input_audio_buffer.", "output_audio_buffer.", "rate_limits.", "error",
    "conversation.created", "conversation.item.truncated", "conversation.item.deleted",
    "conversation.item.input_audio_transcription.", "mcp_list_tools.",
)  # fmt: skip
"""How events to a client begin in which no model says anything: they wait for none."""
_ALOUD: Final = ("response.output_audio", "response.audio")
_DONE: Final = "response.done"


class _Item(msgspec.Struct):
    id: str | None = None
    role: str | None = None
    type: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None


class _Event(msgspec.Struct):
    type: str = ""
    event_id: str | None = None
    item_id: str | None = None
    response_id: str | None = None
    item: _Item | None = None
    response: _Response | None = None

    @property
    def answer(self) -> str | None:
        """The response that it belongs to, as far as it says."""
        return self.response_id or (self.response.id if self.response is not None else None)

    @property
    def of_user(self) -> bool:
        """Whether it shows what no model has said: the user and tools were judged when they said it."""
        item = self.item
        if item is None or not self.type.startswith("conversation.item."):
            return False
        return item.role in ("user", "system") or item.type == "function_call_output"


class _Answer:
    """One answer on its way to the client: the hearer of a turn."""

    def __init__(self, judged: "JudgedEvents", name: str | None) -> None:
        self._judged = judged
        self._name = name
        self.end: bytes | None = None  # the message that ends it, once that has come
        self._refused = False
        self._said = False  # all of it
        self.items: dict[str, None] = {}
        self.turn: Turn = judged.talk.turn(self, "realtime")
        judged.order.begin(self)

    @property
    def done(self) -> bool:
        """Whether nothing of it comes or waits any more."""
        return self.end is not None and (self._refused or self._said)

    def take(self, event: _Event, message: bytes, *, last: bool) -> None:
        """Take a message of it."""
        if event.item is not None and event.item.id is not None:
            self.items[event.item.id] = None
        if last:
            self.end = message
        if not self._refused:
            self.turn.take(message, last=last, aloud=event.type.startswith(_ALOUD))
        elif last:
            self._forget()

    def let(self, messages: list[bytes]) -> None:
        """Say what has passed."""
        self._judged.order.say(self, [(False, message) for message in messages])

    def over(self) -> None:
        """Let others go on."""
        self._said = True
        self._judged.order.over(self)

    def refuse(self, error: TianjiError) -> None:
        """Say no more of it, and have the upstream stop."""
        self._refused = True
        self._judged.order.say(self, self._judged.refused(error, b"{}"))
        self._judged.order.over(self)
        if self.end is None:
            self._judged.say(self._judged.upstream({"type": "response.cancel", "response_id": self._name}))
        else:
            self._forget()

    def _forget(self) -> None:
        """Say how it ended, and have the upstream forget it: the client has not heard it."""
        self._judged.unspoken = self.items
        if self.end is not None and read(self.end).type == _DONE:
            self._judged.say([(False, filtered(self.end))])
        for item in self.items:
            self._judged.say(self._judged.upstream({"type": "conversation.item.delete", "item_id": item}))


class JudgedEvents(Judged):
    """One conversation."""

    def __init__(self, talk: Talk, inner: Interpreter | None) -> None:
        """`inner`: stands between the events and another form, where the upstream speaks one."""
        super().__init__(talk, inner or Relaying())
        self._answers: dict[str, _Answer] = {}  # that have begun and not ended
        self.unspoken: dict[str, None] = {}  # items of the last answer that was refused

    @property
    def held(self) -> int:
        """Bytes of answers that wait."""
        return sum(answer.turn.held for answer in self._answers.values())

    def close(self) -> list[bytes]:
        """Judge no more; return the ends of answers that the client did not hear."""
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.turn.close()
        return [*(end for answer in answers.values() if (end := answer.end) is not None), *super().close()]

    def speaks(self, message: bytes) -> bool:
        """Whether words may be said in an event of a client.

        None are in one of sound that names its type once, and whose names cannot be spelled in another way.
        """
        return not (read(message).type in WORDLESS and message.count(b'"type"') == 1 and b"\\" not in message)

    def is_heard(self, message: bytes) -> bool:
        """Whether an event says what the user was heard to say."""
        return HEARD in message and read(message).type == HEARD.decode()

    async def heard(self, message: bytes) -> Said:
        """Judge it."""
        await self.talk.heard(message)
        return [(False, message)]

    def unheard(self, error: TianjiError, message: bytes) -> Said:
        """Return what has nobody answer what was heard, and has it forgotten."""
        forget = {"type": "conversation.item.delete", "item_id": read(message).item_id}
        unsaid = [*self.upstream({"type": "response.cancel"}), *self.upstream(forget)]
        return [(False, emptied(message)), *self.refused(error, b"{}"), *unsaid]

    def answered(self, message: bytes) -> Said:
        """Have a message judged in which a model may say something; any other waits for none."""
        if not self.talk.answers:
            return [(False, message)]
        event = read(message)
        if event.type.startswith(_BESIDE) or event.of_user:
            return [(False, message)]
        self._answers = {name: answer for name, answer in self._answers.items() if not answer.done}
        name = event.answer
        if name is not None:
            answer = self._answers.get(name) or self._answers.setdefault(name, _Answer(self, name))
            answer.take(event, message, last=event.type == _DONE)
            return []
        item = None if event.item is None else event.item.id
        if item is not None and item in self.unspoken:
            return []
        found = next((one for one in self._answers.values() if item in one.items), None)
        found = found or next(reversed(self._answers.values()), None)
        if found is None:  # it says what it says at once
            _Answer(self, None).take(event, message, last=True)
        else:
            found.take(event, message, last=False)
        return []

    def refused(self, error: TianjiError, message: bytes) -> Said:
        """Return the event that says a refusal, unless the conversation ends with it."""
        if self.talk.ends(error):
            self.end(farewell(error, self.talk.message(error)))
            return []
        return [(False, told(error, self.talk.message(error), read(message).event_id))]

    def upstream(self, event: dict[str, Any]) -> Said:
        """Return what follows from an event of the gateway's own to the upstream."""
        return self.inner(False, msgspec.json.encode(event))


def read(message: bytes) -> _Event:
    """Return what is known of an event without its words."""
    try:
        return msgspec.json.decode(message, type=_Event)
    except (msgspec.DecodeError, RecursionError):
        return _Event()


def emptied(message: bytes) -> bytes:
    """Return what was heard without its words: what it has used still counts."""
    found: dict[str, Any] = msgspec.json.decode(message)
    return msgspec.json.encode({**found, "transcript": "", "logprobs": None})


def filtered(message: bytes) -> bytes:
    """Return the end of an answer as that of one that was filtered, without its words."""
    found: dict[str, Any] = msgspec.json.decode(message)
    details = {"type": "incomplete", "reason": "content_filter"}
    response = {**found["response"], "status": "incomplete", "status_details": details, "output": []}
    return msgspec.json.encode({**found, "response": response})
