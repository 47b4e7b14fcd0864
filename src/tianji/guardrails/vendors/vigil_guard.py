"""Vigil Guard: each text is analyzed, and may come back sanitized."""

from typing import ClassVar, Final, Literal

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.verdict import Block, Findings, Unavailable, replaced

_LONGEST: Final = 500  # of a reason


class VigilGuard(Params, frozen=True, kw_only=True):
    """Nothing but the address and the key."""

    environment: ClassVar = {"api_key": ("VIGIL_GUARD_API_KEY",), "api_base": ("VIGIL_GUARD_URL",)}

    api_key: str
    api_base: str


class _Answer(Struct, rename="camel"):
    decision: Literal["ALLOWED", "SANITIZED", "BLOCKED"]
    sanitized_text: str | None = None
    redacted_text: str | None = None
    output_text: str | None = None
    block_message: str | None = None
    decision_reason: str | None = None
    categories: list[str] | None = None


def _ask(params: VigilGuard, content: Content, occasion: Occasion) -> Asking:
    about = {
        "model": occasion.model,
        "user_id": occasion.user_id,
        "session_id": occasion.session_id,
        "org_id": occasion.organization_id,
        "litellm_call_id": occasion.call_id,
    }
    fixed = {
        "source": "model_output" if content.answers else "user_input",
        "mode": "full",
        "metadata": {name: value for name, value in about.items() if value},
    }
    indexes = [index for index, text in enumerate(content.texts) if text.text.strip()]
    url, headers = under(params.api_base, "/v1/guard/analyze"), bearer(params.api_key)
    replies = yield [post(url, {**fixed, "text": content.texts[index].text}, headers) for index in indexes]
    texts: list[str | None] = [None] * len(content.texts)
    for index, answer in zip(indexes, [reply.read(_Answer) for reply in replies], strict=True):
        if answer.decision == "BLOCKED":
            reason = answer.block_message or answer.decision_reason or "Blocked by policy"
            return Block(reason[:_LONGEST], findings=Findings(categories=tuple(answer.categories or ())))
        if answer.decision == "SANITIZED":
            options = (answer.sanitized_text, answer.redacted_text, answer.output_text)
            texts[index] = next((text for text in options if text is not None), None)
            if texts[index] is None:
                raise Unavailable("the answer lacks the sanitized text")
    return replaced(content, texts)


TYPE = Type(names=("vigil_guard",), params=VigilGuard, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
