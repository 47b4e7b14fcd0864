"""One guardrail in the way of a stream: events wait here until what they say was judged."""

from collections import deque
from collections.abc import Mapping
from itertools import takewhile
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tianji.guardrails.content import Text, ToolCall
from tianji.guardrails.slots.arguments import with_leaves
from tianji.guardrails.slots.texts import Mismatched, Path, Unmaskable, quoted
from tianji.guardrails.streaming.book import Book, Mark
from tianji.guardrails.streaming.channels import Channel
from tianji.guardrails.streaming.events import Event, Name, Piece, changed
from tianji.guardrails.streaming.masks import Underflow, masks
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.streaming.questions import Part, Question, ask, made
from tianji.guardrails.verdict import Answer, Block, Rewrite, Span, Verdict

UNDERFLOW: Final = Block(
    "The answer was changed where it had been sent already.", {"code": "stream_transform_underflow"}
)


class Held(Struct, frozen=True):
    """An event that waits, for texts and for calls."""

    event: Event
    marks: tuple[Mark, ...]
    calls: tuple[Channel, ...]

    def ready(self) -> bool:
        """Return whether all that it says was judged."""
        return all(mark.channel.settled >= mark.end for mark in self.marks) and all(
            channel.judged for channel in self.calls
        )


class Gate:
    """Holds the events of one answer back for one guardrail. `asked`: the texts of the request.

    stopped: the verdict that ended the stream here; nothing goes out from then on
    """

    def __init__(self, policy: Policy, asked: tuple[Text, ...] = ()) -> None:
        self.stopped: Block | Answer | None = None
        self._policy = policy
        self._asked = asked
        self._held: deque[Held] = deque()
        self._out: list[Event] = []
        self._book = Book()
        self._question: Question | None = None
        self._begun = False
        self._ended = False
        self._events = 0  # that came after the last question
        self._doubt: int | None = None  # length at which a finding counts that the next words may undo
        self._removed: set[int | None] = set()  # the blocks of calls that were taken out, None for what is no block

    @property
    def done(self) -> bool:
        """Whether the stream has ended, and all of it went out."""
        return self._ended and not self._held

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if self.stopped is not None:
            return
        held = Held(event, *self._book.read(event.reading))
        self._events += 1
        if self._begun and (event.reading.idle or (not self._held and held.ready())):
            self._release(held)
        else:
            self._held.append(held)

    def end(self) -> None:
        """Take the end of the stream."""
        self._ended = True
        self._book.close(())
        if not self._book.unjudged():
            self._advance()

    def take(self) -> list[Event]:
        """Return the events that may go on."""
        out, self._out = self._out, []
        return out

    def beginning(self) -> list[Event]:
        """Return the events that begin the stream and say nothing, where none has gone out yet."""
        if self._begun:
            return []
        return [held.event for held in takewhile(lambda held: not (held.marks or held.calls), self._held)]

    def question(self) -> Question | None:
        """Return what is to be judged now, the same until it was; None for nothing."""
        if self._question is None and self.stopped is None and self._due():
            windowed = self._policy.scan is Scan.WINDOW
            self._question = ask(
                self._book.channels.values(), self._policy.hold if windowed else None, self._asked, self._ended
            )
            self._book.fresh = self._events = 0
        return self._question

    def judged(self, verdict: Verdict) -> None:
        """Take the verdict on the question. Raises Mismatched for a rewrite of what was not asked about."""
        question, self._question = self._question, None
        if question is None:
            raise ValueError("nobody asked")
        if isinstance(verdict, Rewrite) and not self._policy.masks:
            verdict = Block("The answer holds what this guardrail cannot mask.", findings=verdict.findings)
        if isinstance(verdict, Block | Answer):
            self._refuse(question, verdict)
            return
        self._doubt = None
        rewrite = verdict if isinstance(verdict, Rewrite) else Rewrite()
        try:
            self._settle(question, rewrite)
        except Underflow:
            self.stopped = UNDERFLOW
        except Unmaskable as error:
            self.stopped = Block(f"The answer cannot be masked: {error}.", findings=rewrite.findings)
        else:
            self._advance()

    def _due(self) -> bool:
        if self._ended:
            return self._book.unjudged()
        policy = self._policy
        if policy.scan is Scan.END or (self._doubt is not None and self._book.length < self._doubt):
            return False
        if policy.scan is Scan.WINDOW and self._book.unjudged():
            return True
        return policy.due(self._book.fresh, self._events, self._book.length)

    def _refuse(self, question: Question, verdict: Block | Answer) -> None:
        """End the stream, unless what comes next may undo what was found at the end of what was said."""
        hold = self._policy.hold
        if self._doubt is None and hold and any(not part.final for part in question.parts):
            self._doubt = self._book.length + hold
        else:
            self.stopped = verdict

    def _settle(self, question: Question, rewrite: Rewrite) -> None:
        if any(not 0 <= index < len(question.parts) for index in rewrite.texts):
            raise Mismatched(f"a rewrite names another text than the {len(question.parts)} that there are")
        if any(not 0 <= index < len(question.calls) for index in rewrite.calls):
            raise Mismatched(f"a rewrite names another call than the {len(question.calls)} that there are")
        spans: dict[int, list[Span]] = {}
        for span in rewrite.spans:
            spans.setdefault(span.index, []).append(span)
        leaves: dict[Channel, dict[Path | None, str]] = {}
        for index, part in enumerate(question.parts):
            text = rewrite.texts.get(index, part.text)
            if not part.channel.call:
                self._settle_text(part, text, spans.get(index, []))
            elif text != part.text:
                leaves.setdefault(part.channel, {})[part.inner] = text
        for index, channel in enumerate(question.calls):
            self._settle_call(channel, index, rewrite.calls, leaves.get(channel))

    def _settle_text(self, part: Part, text: str, spans: list[Span]) -> None:
        channel, end = part.channel, part.start + len(part.text)
        limit = end if part.final else max(channel.settled, end - self._policy.hold)
        for start, behind, replacement in masks(channel, part.start, part.text, text, spans):
            if start < limit < behind:
                limit = start
            if behind <= limit:
                channel.mask(start, behind, replacement)
        channel.settled = max(channel.settled, limit)
        channel.judged = channel.settled == channel.length

    def _settle_call(
        self,
        channel: Channel,
        index: int,
        calls: Mapping[int, ToolCall | None],
        leaves: Mapping[Path | None, str] | None,
    ) -> None:
        if channel.judged:
            if (index in calls and calls[index] != made(channel)) or leaves:
                raise Underflow
            return
        given = channel.text()
        if index in calls:
            call = calls[index]
            if leaves:
                raise Mismatched("a rewrite changes a part of what it replaces")
            if call is None:
                channel.removed = True
                self._removed.add(channel.block)
            else:
                if channel.bare and call.name != channel.name:
                    raise Mismatched("a rewrite names a tool whose calls say no name")
                channel.renamed = call.name if call.name != channel.name else None
                given = call.arguments
        elif leaves:
            given = with_leaves(given, leaves)
        if given != channel.text():
            if not channel.length or channel.settled:  # there is no event for it, or that is gone
                raise Underflow
            channel.mask(0, channel.length, given)
        channel.settled = channel.length
        channel.judged = True

    def _advance(self) -> None:
        """Let go what was judged. What begins a stream waits for the first of that, so that it can still be refused."""
        ready = 0
        begins = self._begun or self._ended
        for held in self._held:
            if not held.ready():
                break
            ready += 1
            begins = begins or bool(held.marks or held.calls)
        for _ in range(ready if begins else 0):
            self._release(self._held.popleft())

    def _release(self, held: Held) -> None:
        self._begun = True
        event, reading = held.event, held.event.reading
        if self._removed and not self._without_calls(event):
            return
        pieces: list[Piece] = []
        for piece, mark in zip((piece for piece in reading.pieces if piece.text), held.marks, strict=True):
            if not mark.channel.removed:
                pieces.append(_masked(event, piece, mark))
        reading.names = [self._renamed(event, name) for name in reading.names]
        reading.pieces = pieces
        self._out.append(event)

    def _renamed(self, event: Event, name: Name) -> Name:
        other = self._book.channels[name.channel].renamed
        if other is None:
            return name
        event.change(name.path, quoted(other))
        return replace(name, name=other)

    def _without_calls(self, event: Event) -> bool:
        """Take calls that are no more out of an event; return whether anything is left of it."""
        reading = event.reading
        if reading.block is not None:
            number, path = reading.block
            if number in self._removed:
                return False
            before = sum(removed is not None and removed < number for removed in self._removed)
            if before:
                reading.block = (number - before, path)
                event.change(path, b"%d" % (number - before))
        channels = self._book.channels
        gone = [name for name in reading.names if channels[name.channel].removed]
        entries = {name.entry for name in gone}
        entries |= {piece.entry for piece in reading.pieces if piece.call and channels[piece.channel].removed}
        for entry in sorted(entries):
            event.change(entry, None)
        reading.names = [name for name in reading.names if name not in gone]
        if reading.reason is not None and all(channel.removed for channel in channels.values() if channel.call):
            path, otherwise = reading.reason
            event.change(path, quoted(otherwise))
        return True


def _masked(event: Event, piece: Piece, mark: Mark) -> Piece:
    """Put into an event what stands for a piece now, and return that."""
    text = mark.channel.cut(mark.start, mark.end, piece.text)
    if text == piece.text:
        return piece
    changed(event, piece, text)
    return replace(piece, text=text)
