"""Lakera Guard, the first version of its interface, which knows injections and jailbreaks; see `lakera_v2`."""

from typing import ClassVar

from msgspec import Struct, to_builtins

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Hook, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable


class Thresholds(Struct, frozen=True):
    """From which score on a category is refused; None: as the vendor says."""

    prompt_injection: float | None = None
    jailbreak: float | None = None


class Lakera(Params, frozen=True, kw_only=True):
    """`category_thresholds` are asked instead of the vendor's own verdict where there are any."""

    environment: ClassVar = {"api_key": ("LAKERA_API_KEY",), "api_base": ("LAKERA_API_BASE",)}

    api_key: str
    api_base: str = "https://api.lakera.ai"
    category_thresholds: Thresholds = Thresholds()


class _Result(Struct):
    flagged: bool
    categories: dict[str, bool] = {}
    category_scores: dict[str, float] = {}


class _Answer(Struct):
    results: list[_Result]


def _ask(params: Lakera, content: Content, _occasion: Occasion) -> Asking:
    call = post(under(params.api_base, "/v1/prompt_injection"), {"input": content.turns()}, bearer(params.api_key))
    (reply,) = yield [call]
    answer = reply.read(_Answer)
    if not answer.results:
        raise Unavailable("the answer holds no result")
    result = answer.results[0]
    reason = _violated(result, params.category_thresholds)
    findings = Findings(categories=tuple(name for name, hit in result.categories.items() if hit))
    return Block(reason, {"lakera_ai_response": to_builtins(answer)}, findings) if reason else Allow(findings=findings)


def _violated(result: _Result, thresholds: Thresholds) -> str:
    asked = {"jailbreak": thresholds.jailbreak, "prompt_injection": thresholds.prompt_injection}
    if not any(least is not None for least in asked.values()):
        return "Violated content safety policy" if result.flagged else ""
    for name, least in asked.items():
        if least is not None and name not in result.category_scores:
            raise Unavailable(f"the answer has no score of {name}")
        if least is not None and result.category_scores[name] >= least:
            return f"Violated {name} threshold"
    return ""


TYPE = Type(
    names=("lakera",),
    params=Lakera,
    check=asking(_ask),
    hooks=frozenset({Hook.PRE_CALL, Hook.DURING_CALL}),
    legacy=frozenset({Hook.PRE_CALL}),
)
