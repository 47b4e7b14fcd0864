"""prompt_injection: requests that want to talk a model out of its instructions, known by how they are put.

It is LiteLLM's detect_prompt_injection in what it is for. Where that compares every stretch of the text with hundreds
of phrases, here one expression of RE2 holds them all (filtering/injection.yaml): a verb, what it is aimed at, and what
that is called, with other words between them and a slip in each long one (`ingore`, `1gnore`, `instrutcions`). There is
no check by a model: `llm_api_check` is refused.
"""

import unicodedata
from importlib import resources
from typing import Final

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Kind
from tianji.guardrails.matching.expressions import expression_of
from tianji.guardrails.vendor import Hook, Occasion, Params, Surroundings, Type
from tianji.guardrails.verdict import Allow, Answer, Block, Findings, Verdict

REASON: Final = "Rejected message. This is a prompt injection attack."
_LOOKALIKES: Final = {"a": "[a4@]", "e": "[e3]", "i": "[i1!|]", "l": "[l1|]", "o": "[o0]", "s": "[s5$]", "t": "[t7]"}
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_SLIPS_FROM: Final = 6  # letters; what is shorter is too much like other words
_GAP: Final = r"[^\w.;?]{1,5}"  # not from one sentence to the next


class InjectionParams(Params, frozen=True, kw_only=True):
    """The keys of `prompt_injection_params` or of an entry; `heuristics_check` is on where no check is named."""

    heuristics_check: bool | None = None
    vector_db_check: bool = False
    llm_api_check: bool = False
    llm_api_name: str | None = None
    llm_api_system_prompt: str | None = None
    llm_api_fail_call_string: str | None = None
    reject_as_response: bool = False


class _Suspecting:
    """What judges contents."""

    def __init__(self, params: InjectionParams, _: Surroundings) -> None:
        if params.llm_api_check:
            raise ConfigurationError("llm_api_check: there is no check by a model, take it out or set it to false")
        if params.heuristics_check is False:
            raise ConfigurationError("heuristics_check is off, so nothing is checked: turn it on or take the entry out")
        self._pattern = expression_of("prompt_injection", _expression())
        self._as_answer = params.reject_as_response

    def __call__(self, content: Content, _: Occasion) -> Verdict:
        """Judge what the user and tools say; instructions of the application are trusted."""
        said = (text for text in content.texts if text.kind is not Kind.INSTRUCTIONS and text.role != "assistant")
        if self._pattern.search(_plain("\n".join(text.text for text in said))) is None:
            return Allow()
        found = Findings(categories=("prompt_injection",), entities={"prompt_injection": 1})
        return Answer(REASON, found) if self._as_answer else Block(REASON, findings=found)


TYPE: Final = Type(
    names=("prompt_injection", "detect_prompt_injection"),
    params=InjectionParams,
    look=_Suspecting,
    hooks=frozenset({Hook.PRE_CALL, Hook.DURING_CALL, Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
    legacy=frozenset({Hook.PRE_CALL}),
)


def _plain(text: str) -> bytes:
    """Return what the text looks like: without invisible characters, and wide letters as plain ones."""
    if not text.isascii():
        for sign in _INVISIBLE:
            text = text.replace(sign, "")
        text = unicodedata.normalize("NFKC", text)
    return text.encode("utf-8", "replace")


class _Words(Struct, frozen=True):
    """What injection.yaml holds."""

    verbs: tuple[str, ...]
    earlier: tuple[str, ...]
    said: tuple[str, ...]
    behind: str
    phrases: tuple[str, ...]


def _expression() -> str:
    data = (resources.files("tianji.guardrails.filtering") / "injection.yaml").read_bytes()
    words = msgspec.yaml.decode(data, type=_Words)
    verbs, earlier, said = map(_any_of, (words.verbs, words.earlier, words.said))
    between = rf"{_GAP}(?:\w{{1,20}}{_GAP})"
    forms = [
        rf"\b{verbs}{between}{{0,4}}{earlier}{between}{{0,2}}{said}\b",
        rf"\b{verbs}{between}{{0,4}}{said} {words.behind}",
        *words.phrases,
    ]
    return "(?i)" + "|".join(form.replace(" ", _GAP) for form in forms)


def _any_of(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(variant for word in words for variant in _variants(word)) + ")"


def _variants(word: str) -> list[str]:
    """Return the word, with letters or what looks like them, and with any two neighbours of a long one mistaken."""
    signs = [_LOOKALIKES.get(sign, sign) for sign in word]
    slips = range(1, len(word) - 2) if len(word) >= _SLIPS_FROM else ()
    return ["".join(signs), *("".join((*signs[:at], r"\w{1,3}", *signs[at + 2 :])) for at in slips)]
