"""Alice by ActiveFence. Which application's policies apply stands in the key's metadata as `alice_app_id`."""

from typing import ClassVar, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import ANY_REFUSAL, PRE_AND_POST, Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.vendors.generic_guardrail_api import inputs, owner
from tianji.guardrails.verdict import Allow, Block, Findings, Rewrite, Unavailable

_APPLICATION = "alice_app_id"


class Alice(Params, frozen=True, kw_only=True):
    """Nothing but the address and the key."""

    environment: ClassVar = {"api_key": ("ALICE_API_KEY",), "api_base": ("ALICE_API_BASE",)}

    api_key: str
    api_base: str = "https://api.alice.io"


class _Replacement(Struct):
    index: int
    text: str


class _Answer(Struct):
    verdict: Literal["ALLOW", "BLOCK", "DETECT", "MASK"]
    categories: list[str] | None = None
    correlation_id: str | None = None
    message: str | None = None
    replacements: list[_Replacement] | None = None


def _ask(params: Alice, content: Content, occasion: Occasion) -> Asking:
    application = {name: occasion.key_metadata[name] for name in (_APPLICATION,) if name in occasion.key_metadata}
    body = {
        "input_type": content.direction,
        "inputs": {**inputs(content), "model": occasion.model},
        "request_data": {
            "model": occasion.model,
            "litellm_call_id": occasion.call_id,
            "metadata": {**owner(occasion), "user_api_key_metadata": application},
        },
    }
    (reply,) = yield [post(under(params.api_base, "/v2/evaluate/litellm"), body, {"af-api-key": params.api_key})]
    answer = reply.read(_Answer, ANY_REFUSAL)
    findings = Findings(scan_id=answer.correlation_id or "", categories=tuple(answer.categories or ()))
    if answer.verdict == "BLOCK":
        return Block(answer.message or "Blocked by your organization's content policy.", findings=findings)
    if answer.verdict == "MASK":
        texts = {each.index: each.text for each in answer.replacements or ()}
        if not texts or not all(0 <= index < len(content.texts) for index in texts):
            raise Unavailable("the answer masks what the content does not have")
        return Rewrite(texts, findings=findings)
    return Allow("DETECT" if answer.verdict == "DETECT" else "", findings)


TYPE = Type(names=("alice",), params=Alice, check=asking(_ask), masks=PRE_AND_POST)
