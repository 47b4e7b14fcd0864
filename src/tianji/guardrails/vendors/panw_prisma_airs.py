"""Palo Alto Networks Prisma AIRS, synchronous scan (https://pan.dev/prisma-airs/api/airuntimesecurity).

Each text is a scan of its own, and so is each call of a tool. What it allows but masks is always written back; what it
blocks with a mask only where the entry says to mask that direction. Every refusal of a call is a matter of the set-up
and lets nothing pass.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    ANY_REFUSAL,
    AROUND,
    PRE_AND_POST,
    Asking,
    Hook,
    Occasion,
    Params,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.verdict import Block, Findings, Verdict, replaced

_MCP = frozenset({Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL, Hook.POST_MCP_CALL})


class PrismaAirs(Params, frozen=True, kw_only=True):
    """`profile_name`: the security profile, unless the request names one; `mask_on_block`: both directions."""

    environment: ClassVar = {
        "api_key": ("PANW_PRISMA_AIRS_API_KEY",),
        "api_base": ("PANW_PRISMA_AIRS_API_BASE",),
    }

    api_key: str
    api_base: str = "https://service.api.aisecurity.paloaltonetworks.com"
    profile_name: str = ""
    app_name: str = ""
    mask_request_content: bool = False
    mask_response_content: bool = False
    mask_on_block: bool = False

    def masks(self, content: Content) -> bool:
        """Whether what is blocked may pass masked."""
        own = self.mask_response_content if content.answers else self.mask_request_content
        return own or self.mask_on_block


class _Masked(Struct):
    data: str


class _Answer(Struct):
    action: Literal["allow", "block"]
    category: str | None = None
    scan_id: str | None = None
    report_id: str | None = None
    profile_name: str | None = None
    prompt_detected: dict[str, Any] | None = None
    response_detected: dict[str, Any] | None = None
    prompt_masked_data: _Masked | None = None
    response_masked_data: _Masked | None = None

    def masked(self, content: Content) -> str | None:
        """Return the masked text, if there is one."""
        masked = self.response_masked_data if content.answers else self.prompt_masked_data
        return masked.data if masked and masked.data else None


def _ask(params: PrismaAirs, content: Content, occasion: Occasion) -> Asking:
    indexes = [index for index, text in enumerate(content.texts) if text.text]
    scanned = [content.texts[index].text for index in indexes]
    scanned += [f"{call.name}\n{call.arguments}" for call in content.calls]
    fixed = _about(params, content, occasion)
    side = "response" if content.answers else "prompt"
    url, headers = under(params.api_base, "/v1/scan/sync/request"), {"x-pan-token": params.api_key}
    replies = yield [post(url, {**fixed, "contents": [{side: text}]}, headers) for text in scanned]
    texts: list[str | None] = [None] * len(content.texts)
    scan_id = ""
    for number, answer in enumerate([reply.read(_Answer, ANY_REFUSAL) for reply in replies]):
        scan_id = answer.scan_id or scan_id
        masked = answer.masked(content) if number < len(indexes) else None
        if answer.action == "block" and not (masked and params.masks(content)):
            return _refusal(answer, content, occasion)
        if masked is not None:
            texts[indexes[number]] = masked
    return replaced(content, texts, Findings(scan_id=scan_id))


def _about(params: PrismaAirs, content: Content, occasion: Occasion) -> dict[str, Any]:
    said = occasion.metadata
    name = said.get("app_name") or params.app_name
    metadata = {
        "app_user": said.get("app_user") or occasion.end_user or occasion.user_id or "litellm_user",
        "ai_model": occasion.model,
        "app_name": f"LiteLLM-{name}" if name else "LiteLLM",
        "source": "litellm_builtin_guardrail",
        "user_ip": said.get("user_ip"),
        "litellm_trace_id": occasion.trace_id,
        "is_response": True if content.answers else None,
    }
    profile = {"profile_id": said.get("profile_id"), "profile_name": said.get("profile_name") or params.profile_name}
    chosen = next(({key: value} for key, value in profile.items() if isinstance(value, str) and value), None)
    return {
        "tr_id": occasion.call_id,
        "metadata": {key: value for key, value in metadata.items() if value},
        **({"ai_profile": chosen} if chosen else {}),
    }


def _refusal(answer: _Answer, content: Content, occasion: Occasion) -> Verdict:
    side = "Response" if content.answers else "Prompt"
    category = answer.category or "unknown"
    reason = f"{side} blocked by PANW Prisma AI Security policy (Category: {category})"
    code = "panw_prisma_airs_response_blocked" if content.answers else "panw_prisma_airs_blocked"
    detected = answer.response_detected if content.answers else answer.prompt_detected
    found = tuple(sorted(name for name, hit in (detected or {}).items() if hit is True))
    error = {
        "message": reason,
        "type": "guardrail_violation",
        "code": code,
        "guardrail": occasion.name,
        "category": category,
        "scan_id": answer.scan_id,
        "report_id": answer.report_id,
        "profile_name": answer.profile_name,
        "detected": found,
    }
    return Block(reason, {"error": error}, Findings(scan_id=answer.scan_id or "", categories=(category, *found)))


TYPE = Type(
    names=("panw_prisma_airs",),
    params=PrismaAirs,
    check=asking(_ask),
    hooks=AROUND | _MCP | {Hook.LOGGING_ONLY},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL, Hook.LOGGING_ONLY},
)
