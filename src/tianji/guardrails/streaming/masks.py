"""Where in a text that grows a rewrite has changed it."""

from collections.abc import Iterator

from tianji.guardrails.slots.texts import Mismatched
from tianji.guardrails.streaming.channels import Channel
from tianji.guardrails.verdict import Span, masked, merged

Mask = tuple[int, int, str]
"""From and to, in code points of a channel, and what stands there instead."""


class Underflow(Exception):  # noqa: N818 - a verdict: the stream ends with it
    """A rewrite changes what was sent already."""


def masks(channel: Channel, start: int, old: str, new: str, spans: list[Span]) -> Iterator[Mask]:
    """Yield the masks of a text that was scanned, `old`, which begins at `start`; what is settled keeps those it has.

    They are in order and never empty, so that each stands in some event. Without spans what differs is one mask.
    Raises Underflow for one that reaches into what is settled, Mismatched for spans that do not make `new`.
    """
    settled = channel.settled
    found: list[Mask]
    if spans:
        own = [Span(0, span.start, span.end, span.replacement) for span in spans]
        if masked((old,), own).get(0, old) != new:
            raise Mismatched("the spans of a rewrite are not its text")
        found = [(start + span.start, start + span.end, span.replacement) for span in merged((old,), own)]
    elif new == old:
        return
    else:
        shown = channel.cut(start, max(start, settled), old[: max(0, settled - start)])
        if not new.startswith(shown):
            raise Underflow
        one = difference(old[max(0, settled - start) :], new[len(shown) :])
        found = [] if one is None else [(one[0] + max(start, settled), one[1] + max(start, settled), one[2])]
    last: Mask | None = None
    for begin, end, text in found:
        if end <= settled and begin < end:
            continue
        if begin < settled:
            raise Underflow
        mask = (begin, end, text) if begin < end else _widened(begin, text, old, start, settled, last)
        if last is not None and mask[0] != last[0]:
            yield last
        last = mask
    if last is not None:
        yield last


def _widened(at: int, text: str, old: str, start: int, settled: int, last: Mask | None) -> Mask:
    """Return an insertion as a mask of the character beside it, or as more of the last mask where that ends there."""
    if last is not None and last[1] == at:
        return last[0], at, last[2] + text
    if at > settled:
        return at - 1, at, old[at - 1 - start] + text
    if at < start + len(old):
        return at, at + 1, text + old[at - start]
    raise Underflow


def difference(old: str, new: str) -> Mask | None:
    """Return the one part in which two texts differ, None where they are the same."""
    if old == new:
        return None
    begin = _common(old, new)
    back = min(min(len(old), len(new)) - begin, _common(old[::-1], new[::-1]))
    return begin, len(old) - back, new[begin : len(new) - back]


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common from the beginning on."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
