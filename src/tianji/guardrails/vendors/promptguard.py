"""PromptGuard (https://docs.promptguard.co)."""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Sight, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, replaced


class PromptGuard(Params, frozen=True, kw_only=True):
    """Nothing but the address and the key."""

    environment: ClassVar = {
        "api_key": ("PROMPTGUARD_API_KEY",),
        "api_base": ("PROMPTGUARD_API_BASE",),
        "block_on_error": ("PROMPTGUARD_BLOCK_ON_ERROR",),
    }

    api_key: str
    api_base: str = "https://api.promptguard.co"


class _Message(Struct):
    content: str | None = None


class _Answer(Struct):
    decision: Literal["allow", "block", "redact"]
    threat_type: str | None = None
    event_id: str | None = None
    confidence: float | None = None
    redacted_messages: list[_Message] | None = None


def _ask(params: PromptGuard, content: Content, occasion: Occasion) -> Asking:
    said = [{"role": text.role, "content": text.text} for text in content.texts]
    body: dict[str, Any] = {"messages": said, "direction": "output" if content.answers else "input"}
    optional = {"model": occasion.model, "images": content.images}
    body |= {name: value for name, value in optional.items() if value}
    (reply,) = yield [post(under(params.api_base, "/api/v1/guard"), body, {"x-api-key": params.api_key})]
    answer = reply.read(_Answer)
    threat = answer.threat_type or ""
    findings = Findings(scan_id=answer.event_id or "", score=answer.confidence, categories=(threat,) if threat else ())
    if answer.decision == "allow":
        return Allow(findings=findings)
    if answer.decision == "block":
        return Block(f"Blocked by PromptGuard: {threat or 'unknown'}", {"event_id": answer.event_id}, findings)
    if answer.redacted_messages is None:
        raise Unavailable("the answer lacks the masked texts")
    return replaced(content, [message.content for message in answer.redacted_messages], findings)


TYPE = Type(
    names=("promptguard",),
    params=PromptGuard,
    check=asking(_ask),
    hooks=PRE_AND_POST,
    masks=PRE_AND_POST,
    sees=Sight.IMAGES,
)
