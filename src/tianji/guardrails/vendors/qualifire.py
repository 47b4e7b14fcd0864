"""Qualifire: an evaluation that the vendor keeps, or checks that the entry names; injections if it names none."""

from typing import Any, ClassVar, Final

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings

_CHECKS: Final = (
    "prompt_injections",
    "hallucinations_check",
    "grounding_check",
    "pii_check",
    "content_moderation_check",
    "tool_selection_quality_check",
)


class Qualifire(Params, frozen=True, kw_only=True):
    """A request may choose `evaluation_id` and `assertions` where the entry does not."""

    environment: ClassVar = {"api_key": ("QUALIFIRE_API_KEY",), "api_base": ("QUALIFIRE_BASE_URL",)}

    api_key: str
    api_base: str = "https://proxy.qualifire.ai"
    evaluation_id: str = ""
    assertions: tuple[str, ...] = ()
    prompt_injections: bool | None = None
    hallucinations_check: bool = False
    grounding_check: bool = False
    pii_check: bool = False
    content_moderation_check: bool = False
    tool_selection_quality_check: bool = False

    def checks(self, assertions: object) -> dict[str, Any]:
        """Return what is to be checked."""
        chosen: dict[str, Any] = {name: True for name in _CHECKS if getattr(self, name)}
        if assertions:
            chosen["assertions"] = assertions
        return chosen or ({} if self.prompt_injections is False else {"prompt_injections": True})


class _Result(Struct):
    flagged: bool
    label: str | None = None


class _Evaluation(Struct):
    results: list[_Result]
    type: str = ""


class _Answer(Struct, rename="camel"):
    evaluation_results: list[_Evaluation]
    score: float | None = None
    status: str | None = None


def _ask(params: Qualifire, content: Content, occasion: Occasion) -> Asking:
    evaluation = params.evaluation_id or occasion.dynamic.get("evaluation_id")
    body: dict[str, Any] = {"messages": content.turns()}
    if content.answers:
        body["output"] = content.joined()
    if content.tools:
        body["available_tools"] = content.tools
    if evaluation:
        body |= {"evaluation_id": evaluation, "input": _last(content)}
    else:
        body |= params.checks(params.assertions or occasion.dynamic.get("assertions"))
    path = "/api/evaluation/invoke" if evaluation else "/api/evaluation/evaluate"
    (reply,) = yield [post(under(params.api_base, path), body, {"x-qualifire-api-key": params.api_key})]
    answer = reply.read(_Answer)
    flagged = {each.type for each in answer.evaluation_results if any(one.flagged for one in each.results)}
    findings = Findings(score=answer.score, categories=tuple(sorted(flagged)))
    if not flagged:
        return Allow(findings=findings)
    detail = {"qualifire_response": {"score": answer.score, "status": answer.status}}
    return Block("Violated guardrail policy", detail, findings)


def _last(content: Content) -> str:
    """Return what the user said last."""
    said = [text.text for text in (content.asked if content.answers else content.texts) if text.role == "user"]
    return said[-1] if said else content.joined()


TYPE = Type(names=("qualifire",), params=Qualifire, check=asking(_ask), timeout=30.0)
