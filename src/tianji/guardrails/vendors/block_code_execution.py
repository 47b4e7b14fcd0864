"""block_code_execution: code between fences (```), in requests that may have it run and in answers that may be run.

How sure it is that something is code follows from the language that the fence names, or else from the lines: what
`confidence_threshold` is above passes. With `detect_execution_intent` a request that asks to run something is refused
without code, too, and code is let through where the request says that it is not to be run.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct

from tianji.guardrails.content import Content, Kind
from tianji.guardrails.matching.expressions import Expression, Expressions, expression_of
from tianji.guardrails.vendor import AROUND, Hook, Occasion, Params, Surroundings, Type
from tianji.guardrails.verdict import Allow, Answer, Block, Findings, Span, Verdict, masking

MASK: Final = "[CODE_BLOCK_REDACTED]"
_FENCES: Final = ("```", "~~~")
_SIGNS: Final = (  # how lines of code begin and end
    r"(?m)^[ \t]{0,40}(?:def \w|class \w|import \w|from \w+ import|function\b|const \w|let \w|var \w|public "
    r"|private |#!/|#include\b|\$ \w|sudo \w|curl \w|rm -|echo \b|SELECT\b|INSERT\b|UPDATE\b|DELETE FROM|print\("
    r"|return\b|if \(|for \(|while \()|[;{}][ \t]{0,5}$"
)
_NO_ORDERS: Final = frozenset({Kind.INSTRUCTIONS, Kind.TOOL_ARGUMENTS, Kind.DESCRIPTION})
_RUN: Final = (
    r"(?i)\b(?:run|execute|exec|eval|launch)\s{1,5}(?:this|the|that|these|my|following|it)?\s{0,5}(?:following\s{1,5})?"
    r"(?:python |shell |bash |sql )?(?:code|script|command|commands|program|snippet|query)\b"
)
_NOT_RUN: Final = (
    r"(?i)\b(?:(?:do not|don't|without|never|not)\s{1,5}(?:run|execut|actually run)|just explain|only explain"
    r"|explain what|what (?:does|would|will) (?:this|the|it)|review (?:this|the|my) code)"
)
_REASON: Final = "Code execution is not allowed here"


class CodeParams(Params, frozen=True, kw_only=True):
    """The keys of an entry; without `blocked_languages` all are."""

    blocked_languages: tuple[str, ...] | None = None
    confidence_threshold: float = 0.5
    action: Literal["block", "mask"] = "block"
    detect_execution_intent: bool = True


class Fenced(NamedTuple):
    """What stands between fences, with them: its place, the language, and how sure it is that it is code."""

    start: int
    end: int
    language: str
    confidence: float


class _Refusing:
    """What judges contents."""

    def __init__(self, params: CodeParams, _: Surroundings) -> None:
        languages = params.blocked_languages
        self._blocked = None if languages is None else frozenset(_language(each) for each in languages)
        self._threshold = params.confidence_threshold
        self._masks = params.action == "mask"
        self._intent = params.detect_execution_intent
        self._run, self._not_run = expression_of("run", _RUN), expression_of("not run", _NOT_RUN)

    def __call__(self, content: Content, _: Occasion) -> Verdict:
        """Judge what is said; instructions of the application and arguments of tools are no code blocks."""
        said = [(index, text.text) for index, text in enumerate(content.texts) if text.kind not in _NO_ORDERS]
        wanted = not content.answers and self._intent
        if wanted and any(self._not_run.search(text) is not None for _, text in said):
            return Allow()
        found = [(index, block) for index, text in said for block in blocks(text) if self._counts(block)]
        if found and self._masks:
            spans = [Span(index, block.start, block.end, MASK) for index, block in found]
            return masking(content.texts, spans, _told(found))
        if found or (wanted and any(self._run.search(text) is not None for _, text in said)):
            return Block(_REASON, findings=_told(found)) if content.answers else Answer(_REASON, _told(found))
        return Allow()

    def _counts(self, block: Fenced) -> bool:
        named = self._blocked is None or block.language in self._blocked
        return named and block.confidence >= self._threshold


TYPE: Final = Type(
    names=("block_code_execution",),
    params=CodeParams,
    look=_Refusing,
    hooks=AROUND,
    masks=frozenset({Hook.PRE_CALL, Hook.POST_CALL}),
)


def blocks(text: str) -> Iterator[Fenced]:
    """Yield what stands between fences; one that is never closed goes to the end."""
    at = 0
    while True:
        starts = [start for fence in _FENCES if (start := text.find(fence, at)) >= 0]
        if not starts:
            return
        start = min(starts)
        opened = start
        while opened < len(text) and text[opened] == text[start]:
            opened += 1
        fence = text[start:opened]
        line = text.find("\n", opened)
        line = len(text) if line < 0 else line
        closed = text.find(fence, opened)
        body = (opened if 0 <= closed < line else line, len(text) if closed < 0 else closed)
        at = len(text) if closed < 0 else closed + len(fence)
        named = text[opened : min(line, body[0])].split()
        yield Fenced(start, at, *_judged(named[0] if named else "", text[slice(*body)]))


def _judged(named: str, body: str) -> tuple[str, float]:
    language, languages = _language(named), _languages()
    if language in languages.code:
        return language, 1.0
    if language in languages.text:
        return language, 0.0
    return language, (0.2, 0.5, 0.8, 0.9)[min(len(_signs().find(body)), 3)]


@lru_cache(maxsize=1)
def _signs() -> Expressions:
    return Expressions([Expression("code", _SIGNS)])


class _Languages(Struct, frozen=True):
    """What languages.yaml holds."""

    code: Mapping[str, tuple[str, ...]]
    text: frozenset[str]

    @property
    def aliases(self) -> Mapping[str, str]:
        return {alias: name for name, aliases in self.code.items() for alias in aliases}


@lru_cache(maxsize=1)
def _languages() -> _Languages:
    data = (resources.files("tianji.guardrails.filtering") / "languages.yaml").read_bytes()
    return msgspec.yaml.decode(data, type=_Languages)


@lru_cache(maxsize=256)
def _language(name: str) -> str:
    name = name.strip("{}.").lower()
    return _languages().aliases.get(name, name)


def _told(found: list[tuple[int, Fenced]]) -> Findings:
    languages = tuple(dict.fromkeys(block.language or "code" for _, block in found)) or ("execution_intent",)
    return Findings(categories=languages, entities={"code_block": len(found)} if found else {})
