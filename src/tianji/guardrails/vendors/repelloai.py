"""Repello's Argus: everything that is said is analyzed for an asset there. A verdict that it does not know blocks."""

from typing import ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class Repello(Params, frozen=True, kw_only=True):
    """`asset_id`: the asset there whose policies apply."""

    environment: ClassVar = {
        "api_key": ("ARGUS_API_KEY", "REPELLOAI_API_KEY"),
        "api_base": ("REPELLOAI_API_BASE",),
    }

    api_key: str
    asset_id: str
    api_base: str = "https://argusapi.repello.ai/sdk/v1"


class _Policy(Struct):
    policy_name: str | None = None
    action_taken: str | None = None


class _Answer(Struct):
    verdict: str
    policies_violated: list[_Policy] | None = None


def _ask(params: Repello, content: Content, _occasion: Occasion) -> Asking:
    stage = "response" if content.answers else "prompt"
    body = {"asset_id": params.asset_id, "scan_data": {stage: content.joined()}}
    (reply,) = yield [post(under(params.api_base, f"/analyze/{stage}"), body, {"x-api-key": params.api_key})]
    answer = reply.read(_Answer, frozenset({400, 401, 403, 404, 422}))
    names = tuple(policy.policy_name or "unknown_policy" for policy in answer.policies_violated or ())
    findings = Findings(categories=names)
    if answer.verdict == "passed":
        return Allow(findings=findings)
    if answer.verdict == "flagged":
        return Allow(f"flagged: {', '.join(names)}", findings)
    policies = f" Policies violated: {'; '.join(names)}." if names else ""
    return Block(f"Blocked by RepelloAI Argus guardrail.{policies}", findings=findings)


TYPE = Type(names=("repelloai",), params=Repello, check=asking(_ask), hooks=PRE_AND_POST, timeout=30.0)
