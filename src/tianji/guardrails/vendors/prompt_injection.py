"""prompt_injection: requests that want to talk a model out of its instructions, known by how they are put.

It is LiteLLM's detect_prompt_injection in what it is for. Where that compares every stretch of the text with hundreds
of phrases, here one expression of RE2 holds them all (filtering/injection.yaml): a verb, what it is aimed at, and what
that is called, with other words between them and a slip in each long one (`ingore`, `1gnore`, `instrutcions`). With
`llm_api_check` a model of the gateway's own is asked about what that lets pass, at the same hook, where LiteLLM asks it
beside the call.
"""

import unicodedata
from importlib import resources
from typing import Final

import msgspec
from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails import models
from tianji.guardrails.content import Content, Kind
from tianji.guardrails.matching.expressions import expression_of
from tianji.guardrails.vendor import Asking, Check, Hook, Look, Occasion, Params, Surroundings, Type
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

    def asks(self) -> tuple[str, ...]:
        """Return the model that is asked."""
        return (self.llm_api_name,) if self.llm_api_check and self.llm_api_name else ()


class _Suspecting:
    """What judges contents by how they are put."""

    def __init__(self, params: InjectionParams) -> None:
        self._pattern = expression_of("prompt_injection", _expression())
        self._params = params

    def __call__(self, content: Content, _: Occasion) -> Verdict:
        return Allow() if self._pattern.search(_plain(_said(content))) is None else _refused(self._params)


class _Asking:
    """What has a model judge contents."""

    def __init__(self, params: InjectionParams, model: str, instructions: str, fails: str) -> None:
        self._params = params
        self._model, self._instructions, self._fails = model, instructions, fails

    def __call__(self, content: Content, _: Occasion) -> Asking:
        said = _said(content)
        if not said:
            return Allow()
        (reply,) = yield [models.chat(self._model, self._instructions, said)]
        return _refused(self._params) if self._fails.lower() in models.answer(reply).lower() else Allow()


def _look(params: InjectionParams, _: Surroundings) -> Look | None:
    if params.heuristics_check is False and not params.llm_api_check:
        raise ConfigurationError("heuristics_check is off, so nothing is checked: turn it on or take the entry out")
    heuristics = not params.llm_api_check if params.heuristics_check is None else params.heuristics_check
    return _Suspecting(params) if heuristics else None


def _check(params: InjectionParams, _: Surroundings) -> Check | None:
    if not params.llm_api_check:
        return None
    model, instructions = params.llm_api_name, params.llm_api_system_prompt
    fails = params.llm_api_fail_call_string
    if not model or not instructions or not fails:
        raise ConfigurationError(
            "llm_api_check needs llm_api_name, llm_api_system_prompt and llm_api_fail_call_string: write all three"
        )
    return _Asking(params, model, instructions, fails)


TYPE: Final = Type(
    names=("prompt_injection", "detect_prompt_injection"),
    params=InjectionParams,
    look=_look,
    check=_check,
    fails_open=True,
    hooks=frozenset({Hook.PRE_CALL, Hook.DURING_CALL, Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL}),
    legacy=frozenset({Hook.PRE_CALL}),
)


def _said(content: Content) -> str:
    """Return what the user and tools say; instructions of the application are trusted."""
    said = (text for text in content.texts if text.kind is not Kind.INSTRUCTIONS and text.role != "assistant")
    return "\n".join(text.text for text in said)


def _refused(params: InjectionParams) -> Verdict:
    found = Findings(categories=("prompt_injection",), entities={"prompt_injection": 1})
    return Answer(REASON, found) if params.reject_as_response else Block(REASON, findings=found)


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
