"""Pieces of a text that follow each other in a stream become one, so that each need not be decoded by itself."""

import re
from typing import Final

CHAT: Final = b'"delta":{"content":"'
MESSAGES: Final = b'"delta":{"type":"text_delta","text":"'
_END: Final = b"\n\n"  # of an event
_DELTA: Final = b'"delta"'
_LOGPROBS, _NO_LOGPROBS = b'"logprobs"', b'"logprobs":null'
_ENDS: Final = (b'"}', b'","refusal":null}')  # of a delta that says nothing but its text
_STRING: Final = re.compile(rb'(?:[^"\\]|\\.)*+', re.DOTALL)
_OBFUSCATION: Final = re.compile(rb',"obfuscation":"[^"\\]*"(?=}\n)')  # as many letters as hide how long a text is


def joined(events: bytes, mark: bytes) -> bytes:
    """Return a stream in which events in a row that differ in one text alone are one with all of their texts.

    mark: what stands before a text, `CHAT` or `MESSAGES`
    """
    if b'"obfuscation"' in events:
        events = _OBFUSCATION.sub(b"", events)
    out, done, at = [], 0, events.find(mark)
    while at >= 0:
        at += len(mark)
        end = events.find(_END, at)
        between = _between(events, at, len(events) if end < 0 else end)
        if between is not None:
            texts, last = _texts(events, at, between)
            if len(texts) > 1:
                out += [events[done:at], *texts]
                done = last
            at = last
        at = events.find(mark, at)
    return b"".join((*out, events[done:]))


def _between(events: bytes, at: int, end: int) -> bytes | None:
    """Return what stands between two texts where an event follows that has another text, of one whose text is at `at`.

    None where joining them could lose something.
    """
    before = events.rfind(_END, 0, at)
    begin = 0 if before < 0 else before + len(_END)
    if events.count(_DELTA, begin, end) != 1:  # another choice beside it
        return None
    if events.count(_LOGPROBS, begin, end) != events.count(_NO_LOGPROBS, begin, end):  # those of each piece
        return None
    after = _end_of(events, at)
    return events[after:end] + _END + events[begin:at] if events.startswith(_ENDS, after) else None


def _texts(events: bytes, at: int, between: bytes) -> tuple[list[bytes], int]:
    """Return a text and those that follow, and where the last of them ends."""
    texts = []
    while True:
        end = _end_of(events, at)
        texts.append(events[at:end])
        if not events.startswith(between, end):
            return texts, end
        at = end + len(between)


def _end_of(events: bytes, at: int) -> int:
    """Return where a string ends that begins there."""
    end = events.find(b'"', at)
    if end < 0 or events.find(b"\\", at, end) >= 0:
        text = _STRING.match(events, at)
        return at if text is None else text.end()
    return end
