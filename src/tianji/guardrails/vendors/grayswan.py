"""Gray Swan's Cygnal monitor (https://docs.grayswan.ai). If its entry says nothing it only notes, and fails open."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct, to_builtins

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class GraySwan(Params, frozen=True, kw_only=True):
    """`categories`: names and texts of own rules; `policy_id`: rules that the vendor keeps. A request may add some.

    violation_threshold: from which score on, 0 to 1, it is refused
    """

    environment: ClassVar = {
        "api_key": ("GRAYSWAN_API_KEY",),
        "api_base": ("GRAYSWAN_API_BASE",),
        "violation_threshold": ("GRAYSWAN_VIOLATION_THRESHOLD",),
        "reasoning_mode": ("GRAYSWAN_REASONING_MODE",),
    }
    aliases: ClassVar = {"guardrail_timeout": "timeout"}

    api_key: str
    api_base: str = "https://api.grayswan.ai"
    violation_threshold: float = 0.5
    reasoning_mode: Literal["off", "hybrid", "thinking"] | None = None
    categories: Mapping[str, str] = {}
    policy_id: str = ""


class _Answer(Struct):
    violation: float
    violated_rules: list[Any] | None = None
    mutation: Any = None
    ipi: Any = None


def _ask(params: GraySwan, content: Content, occasion: Occasion) -> Asking:
    optional = {
        "tools": content.tools,
        "categories": params.categories,
        "policy_id": params.policy_id,
        "reasoning_mode": params.reasoning_mode,
        "metadata": None,
    }
    chosen = {name: value or occasion.dynamic.get(name) for name, value in optional.items()}
    body = {"messages": content.turns(), **{name: value for name, value in chosen.items() if value}}
    headers = {**bearer(params.api_key), "grayswan-api-key": params.api_key}
    (reply,) = yield [post(under(params.api_base, "/cygnal/monitor"), body, headers)]
    answer = reply.read(_Answer)
    findings = Findings(score=answer.violation)
    if answer.violation < params.violation_threshold:
        return Allow(findings=findings)
    location = "output" if content.answers else "input"
    return Block("Blocked by Gray Swan Guardrail", {"violation_location": location, **to_builtins(answer)}, findings)


TYPE = Type(names=("grayswan",), params=GraySwan, check=asking(_ask), timeout=30.0, fails_open=True, monitors=True)
