"""CyCraft's XecGuard: the whole conversation is scanned, and an answer held against documents that the request names.

The documents stand in the request's metadata as `xecguard_grounding_documents`.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import AROUND, Asking, Hook, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Allow, Block


class XecGuard(Params, frozen=True, kw_only=True):
    """`policy_names`: the vendor's policies that apply; these three are its usual ones."""

    environment: ClassVar = {
        "api_key": ("XECGUARD_API_KEY",),
        "api_base": ("XECGUARD_API_BASE",),
        "block_on_error": ("XECGUARD_BLOCK_ON_ERROR",),
    }

    api_key: str
    api_base: str = "https://api-xecguard.cycraft.ai"
    xecguard_model: str = "xecguard_v2"
    policy_names: tuple[str, ...] = (
        "Default_Policy_SystemPromptEnforcement",
        "Default_Policy_HarmfulContentProtection",
        "Default_Policy_GeneralPromptAttackProtection",
    )
    grounding_strictness: str = "BALANCED"


class _Answer(Struct):
    decision: Literal["SAFE", "UNSAFE"]


def _ask(params: XecGuard, content: Content, occasion: Occasion) -> Asking:
    scan = {
        "model": params.xecguard_model,
        "scan_type": "response" if content.answers else "input",
        "messages": content.turns(),
        "policy_names": params.policy_names,
    }
    headers = bearer(params.api_key)
    calls = [post(under(params.api_base, "/xecguard/v1/scan"), scan, headers)]
    documents = occasion.metadata.get("xecguard_grounding_documents")
    if content.answers and documents:
        url = under(params.api_base, "/xecguard/v1/grounding")
        calls.append(post(url, _grounding(params, content, documents), headers))
    replies = yield calls
    decisions = [reply.read(_Answer).decision for reply in replies]
    if "UNSAFE" not in decisions:
        return Allow()
    failed = "scan" if decisions[0] == "UNSAFE" else "grounding"
    return Block("Blocked by XecGuard", {"xecguard": {"check": failed, "decision": "UNSAFE"}})


def _grounding(params: XecGuard, content: Content, documents: object) -> dict[str, Any]:
    asked = [text.text for text in content.asked if text.role == "user"]
    return {
        "model": params.xecguard_model,
        "prompt": asked[-1] if asked else "",
        "response": content.joined(),
        "documents": documents,
        "strictness": params.grounding_strictness,
    }


TYPE = Type(names=("xecguard",), params=XecGuard, check=asking(_ask), hooks=AROUND | {Hook.LOGGING_ONLY})
