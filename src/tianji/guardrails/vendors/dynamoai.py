"""Dynamo AI's moderation. What it would redact it does not send back, so that passes with a note."""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class DynamoAI(Params, frozen=True, kw_only=True):
    """`policy_ids`: the policies there that apply, a list or one text with commas."""

    environment: ClassVar = {
        "api_key": ("DYNAMOAI_API_KEY",),
        "api_base": ("DYNAMOAI_API_BASE",),
        "model_id": ("DYNAMOAI_MODEL_ID",),
        "policy_ids": ("DYNAMOAI_POLICY_IDS",),
    }

    api_key: str
    api_base: str = "https://api.dynamo.ai"
    model_id: str = ""
    policy_ids: tuple[str, ...] | str = ()

    def policies(self) -> list[str]:
        """Return the policies as a list."""
        ids = self.policy_ids.split(",") if isinstance(self.policy_ids, str) else self.policy_ids
        return [each.strip() for each in ids if each.strip()]


class _Policy(Struct):
    name: str = ""


class _Outputs(Struct):
    action: str | None = None


class _Applied(Struct):
    policy: _Policy | None = None
    outputs: _Outputs | None = None
    action: str | None = None


class _Answer(Struct, rename="camel"):
    final_action: Literal["BLOCK", "WARN", "REDACT", "SANITIZE", "NONE"]
    applied_policies: list[_Applied] | None = None


def _ask(params: DynamoAI, content: Content, _occasion: Occasion) -> Asking:
    body: dict[str, Any] = {
        "messages": content.turns(),
        "textType": "MODEL_RESPONSE" if content.answers else "MODEL_INPUT",
    }
    if params.policies():
        body["policyIds"] = params.policies()
    if params.model_id:
        body["modelId"] = params.model_id
    (reply,) = yield [post(under(params.api_base, "/v1/moderation/analyze/"), body, bearer(params.api_key))]
    answer = reply.read(_Answer)
    if answer.final_action == "NONE":
        return Allow()
    names = tuple(_name(applied) for applied in answer.applied_policies or () if _acts(applied, answer.final_action))
    findings = Findings(categories=names)
    if answer.final_action != "BLOCK":
        return Allow(f"{answer.final_action}: {', '.join(names)}", findings)
    return Block("Guardrail failed: policy violation detected", {"violated_policies": names}, findings)


def _name(applied: _Applied) -> str:
    return applied.policy.name if applied.policy else ""


def _acts(applied: _Applied, action: str) -> bool:
    return action == (applied.action or (applied.outputs.action if applied.outputs else None))


TYPE = Type(names=("dynamoai",), params=DynamoAI, check=asking(_ask))
