"""The texts of a stream: what was said so far, what of it is settled, and what stands there instead."""

from bisect import bisect_left
from typing import Final

from tianji.guardrails.content import FUNCTION
from tianji.guardrails.slots.texts import Path

_SPACE: Final = (" ", "\n", "\t", "\r")


class Channel:
    """One text that grows. Offsets count code points from its beginning.

    settled: what is before was judged, and stays as it is; judged: that is all of it, or a call was judged as a whole
    closed: nothing follows
    name, id, kinds, block: of a call, and the number of the block that it is; removed, renamed: what becomes of it
    bare: it says no name, which is that of its kind
    """

    def __init__(self, key: Path, *, call: bool = False) -> None:
        self.key = key
        self.call = call
        self.message = key[1] if len(key) > 1 and isinstance(key[1], int) else 0
        self.closed = False
        self.judged = not call
        self.settled = 0
        self.length = 0
        self.name = ""
        self.id = ""
        self.kinds = FUNCTION
        self.bare = False
        self.block: int | None = None
        self.removed = False
        self.renamed: str | None = None
        self._parts: list[str] = []
        self._tail: list[str] = []  # the same from `_base` on
        self._base = 0
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._masks: list[str] = []

    def named(self, name: str, call_id: str, kinds: tuple[str, ...], *, bare: bool) -> None:
        """Take what is said of the call."""
        self.name, self.id = name or self.name, call_id or self.id
        self.kinds, self.bare = kinds, bare

    def add(self, text: str) -> None:
        """Take what follows."""
        self._parts.append(text)
        self._tail.append(text)
        self.length += len(text)

    def text(self) -> str:
        """Return all of it."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def window(self, before: int) -> tuple[int, str]:
        """Return what is not settled with at least so much before it, from the beginning of a word on; and its start.

        What is farther back is looked at no more.
        """
        tail = "".join(self._tail)
        start = max(0, self.settled - before - self._base)
        space = max(tail.rfind(space, max(0, start - before), start + 1) for space in _SPACE)
        start = space if start and space >= 0 else start
        kept = max(0, start - before)
        self._tail = [tail[kept:]]
        begin = self._base + start
        self._base += kept
        return begin, tail[start:]

    def mask(self, start: int, end: int, replacement: str) -> None:
        """Have something else stand for a part that is not settled yet, behind those that were masked before."""
        self._starts.append(start)
        self._ends.append(end)
        self._masks.append(replacement)

    def cut(self, start: int, end: int, text: str) -> str:
        """Return what stands for `text`, which is what was said from `start` to `end`.

        What replaces a part stands where that began.
        """
        at = bisect_left(self._ends, start + 1)
        pieces: list[str] = []
        position = start
        while at < len(self._starts) and self._starts[at] < end:
            if self._starts[at] >= start:
                pieces += (text[position - start : self._starts[at] - start], self._masks[at])
            position = min(end, self._ends[at])
            at += 1
        if not pieces and position == start:
            return text
        return "".join(pieces) + text[position - start :]
