"""One answer on its way through all its guardrails."""

from collections.abc import Iterable, Sequence

from tianji.errors import TianjiError
from tianji.guardrails.streaming.events import Event
from tianji.guardrails.streaming.forms.form import Form
from tianji.guardrails.streaming.gate import Gate
from tianji.guardrails.streaming.questions import Question
from tianji.guardrails.verdict import Answer, Block, Verdict


class Stream:
    """Takes the bytes of a stream and gives those that may go out; the gates see it in their order.

    begun: whether anything went out, so that a refusal can have no status of its own any more
    """

    def __init__(self, form: Form, gates: Sequence[Gate]) -> None:
        self.begun = False
        self._form = form
        self._gates = tuple(gates)
        self._ended = False

    @property
    def stopped(self) -> tuple[int, Block | Answer] | None:
        """The number of the gate that has ended the stream, and why: nothing of what is held will go out."""
        return next(
            ((number, gate.stopped) for number, gate in enumerate(self._gates) if gate.stopped is not None), None
        )

    @property
    def done(self) -> bool:
        """Whether the stream has ended, and all of it went out."""
        return self._ended and all(gate.done for gate in self._gates)

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what may go out. Raises Unreadable for an event that nobody can judge."""
        return self._pass(self._read(self._form.framing.feed(data)))

    def end(self) -> bytes:
        """Take the end of the stream, likewise."""
        out = self._pass(self._read(self._form.framing.end()))
        self._ended = True
        return out + self._moved(0)

    def questions(self) -> list[tuple[int, Question]]:
        """Return what is to be judged now, each with the number of its gate; the same until it was."""
        if self.stopped is not None:
            return []
        asked = ((number, gate.question()) for number, gate in enumerate(self._gates))
        return [(number, question) for number, question in asked if question is not None]

    def judged(self, number: int, verdict: Verdict) -> bytes:
        """Take the verdict on the question of a gate; return what may go out. Raises Mismatched for what is none."""
        self._gates[number].judged(verdict)
        return self._moved(number)

    def failed(self, error: TianjiError) -> bytes:
        """Return what ends the stream with an error."""
        return self._form.failed(error)

    def refused(self, text: str) -> bytes:
        """Return what ends the stream well, with a text in the model's place, after the beginning where that waits."""
        begins = b""
        if self.stopped is not None and not self.begun:
            begins = self._out(self._gates[self.stopped[0]].beginning())
        return begins + self._form.refused(text)

    def _read(self, events: Iterable[Event]) -> Iterable[Event]:
        for event in events:
            self._form.read(event)
            yield event

    def _pass(self, events: Iterable[Event], first: int = 0) -> bytes:
        """Hand events through the gates from this one on."""
        for number in range(first, len(self._gates)):
            gate = self._gates[number]
            for event in events:
                gate.feed(event)
            events = gate.take()
        return self._out(events)

    def _out(self, events: Iterable[Event]) -> bytes:
        out = []
        for event in events:
            self._form.passed(event)
            out.append(event.written())
        self.begun = self.begun or bool(out)
        return b"".join(out)

    def _moved(self, number: int) -> bytes:
        """Hand on what a gate has let go, and tell those behind it where that was the end."""
        out = []
        for at in range(number, len(self._gates)):
            gate = self._gates[at]
            if self._ended and (at == 0 or self._gates[at - 1].done):
                gate.end()
            out.append(self._pass(gate.take(), at + 1))
        return b"".join(out)
