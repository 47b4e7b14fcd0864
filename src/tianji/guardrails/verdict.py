"""What a guardrail says of a content. That it cannot say anything is no verdict: `Unavailable` is raised then."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tianji.guardrails.content import Content, Text, ToolCall

UNSEEN: Final = "An attachment cannot be scanned by the guardrail"
"""The reason of a refusal of what a guardrail cannot look at."""


class Findings(Struct, frozen=True, kw_only=True):
    """What a check found, for headers and logs; never the text that it found.

    scan_id: the vendor's own number of the check; score: as the vendor counts it
    entities: how many of each type were masked or refused; headers: to be shown with the answer
    """

    scan_id: str = ""
    score: float | None = None
    categories: tuple[str, ...] = ()
    entities: Mapping[str, int] = {}
    headers: Mapping[str, str] = {}


NOTHING = Findings()


class Allow(Struct, frozen=True):
    """Let it pass. `flagged`: why somebody should look at it all the same."""

    flagged: str = ""
    findings: Findings = NOTHING


class Block(Struct, frozen=True):
    """Refuse it.

    reason: for the client, without the text that was found; detail: further members of the error that clients of the
    vendor know
    """

    reason: str
    detail: Mapping[str, Any] = {}
    findings: Findings = NOTHING


class Rewrite(Struct, frozen=True):
    """Let it pass, changed.

    texts: what stands at a position of `Content.texts` instead
    tools: what the request declares instead; None: as it was
    calls: what stands at a position of `Content.calls` instead; None there: no call at all
    spans: the parts of the texts that differ, where the type knows them. A type with a `reach` has to say them, since a
        stream goes out between two of them.
    restore: of a request, what a token that stands in its texts now has replaced; put back in the answer
    """

    texts: Mapping[int, str] = {}
    tools: tuple[Mapping[str, Any], ...] | None = None
    calls: Mapping[int, ToolCall | None] = {}
    restore: Mapping[str, str] = {}
    findings: Findings = NOTHING
    spans: "tuple[Span, ...]" = ()


class Answer(Struct, frozen=True):
    """Answer in the model's place, with status 200 and finish reason `content_filter`."""

    text: str
    findings: Findings = NOTHING


class Advise(Struct, frozen=True):
    """Let it pass with further instructions for the model; of an answer, the same as allowing it."""

    instructions: str
    findings: Findings = NOTHING


Verdict = Allow | Block | Rewrite | Answer | Advise


class Span(Struct, frozen=True):
    """A part of the text at `index`, the code points from `start` to `end`, and what stands there instead."""

    index: int
    start: int
    end: int
    replacement: str


def merged(texts: tuple[str, ...], spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, without any that overlap: both are covered by the first one's mask then.

    Raises Unavailable for a span that lies outside its text: what a vendor meant by it nobody knows.
    """
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.index, span.start, -span.end)):
        if not 0 <= span.index < len(texts) or not 0 <= span.start <= span.end <= len(texts[span.index]):
            raise Unavailable("the answer names a place that the text does not have")
        last = found[-1] if found else None
        if last is None or last.index != span.index or span.start >= last.end:
            found.append(span)
        elif span.end > last.end:
            found[-1] = Span(last.index, last.start, span.end, last.replacement)
    return found


def masked(texts: tuple[str, ...], spans: Iterable[Span]) -> dict[int, str]:
    """Return the texts that spans change, by position. Where two overlap, both are covered by the first one's mask.

    Raises Unavailable for a span that lies outside its text.
    """
    pieces: dict[int, list[str]] = {}
    behind: dict[int, int] = {}
    for span in merged(texts, spans):
        at = behind.get(span.index, 0)
        pieces.setdefault(span.index, []).extend((texts[span.index][at : span.start], span.replacement))
        behind[span.index] = span.end
    return {index: "".join(parts) + texts[index][behind[index] :] for index, parts in pieces.items()}


def masking(texts: Iterable[Text], spans: Iterable[Span], findings: Findings = NOTHING) -> Rewrite | Allow:
    """Return the verdict that masks these parts of a content's texts; without any it lets them pass."""
    said = tuple(text.text for text in texts)
    found = tuple(merged(said, spans))
    if not found:
        return Allow(findings=findings)
    return Rewrite(texts=masked(said, found), spans=found, findings=findings)


def replaced(content: Content, texts: Sequence[str | None], findings: Findings = NOTHING) -> Allow | Rewrite:
    """Return what a vendor makes of a content that sends back all its texts in their order; None: as it was.

    What was asked may stand before the texts of an answer, as in `Content.turns`; no check of an answer changes it.
    Raises Unavailable where it sends more or fewer: which belongs where nobody knows.
    """
    if len(texts) == len(content.asked) + len(content.texts):
        texts = texts[len(content.asked) :]
    if len(texts) != len(content.texts):
        raise Unavailable("the answer has another number of texts")
    pairs = enumerate(zip(texts, content.texts, strict=True))
    changed = {index: new for index, (new, old) in pairs if new is not None and new != old.text}
    return Rewrite(changed, findings=findings) if changed else Allow(findings=findings)


class Unavailable(Exception):  # noqa: N818 - no error of ours: the fail mode of its entry decides
    """A guardrail could not judge: the vendor is away, refuses the call, or says what nobody understands.

    permanent: a matter of configuration (a wrong key), for which no guardrail lets anything pass
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        """`reason`: for logs; it holds no key and nothing of the text."""
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
