"""Onyx Security. It wants its key in the URL, so that is never logged. Fails open unless its entry says otherwise."""

from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class Onyx(Params, frozen=True, kw_only=True):
    """The address without key and path."""

    environment: ClassVar = {
        "api_key": ("ONYX_API_KEY",),
        "api_base": ("ONYX_API_BASE",),
        "timeout": ("ONYX_TIMEOUT",),
    }

    api_key: str
    api_base: str = "https://ai-guard.onyx.security"


class _Answer(Struct):
    allowed: bool
    violated_rules: list[str] | None = None


def _ask(params: Onyx, content: Content, occasion: Occasion) -> Asking:
    payload: dict[str, Any] = {"model": occasion.model, "messages": content.turns()}
    if content.answers:
        said = [{"role": text.role, "content": text.text} for text in content.texts]
        choices = [{"index": index, "message": message} for index, message in enumerate(said)]
        payload = {"model": occasion.model, "choices": choices}
    body = {
        "payload": payload,
        "input_type": content.direction,
        "conversation_id": occasion.session_id or occasion.call_id,
    }
    url = under(params.api_base, f"/guard/evaluate/v1/{quote(params.api_key, safe='')}/litellm")
    (reply,) = yield [post(url, body)]
    answer = reply.read(_Answer)
    rules = tuple(answer.violated_rules or ())
    if answer.allowed:
        return Allow()
    reason = f"Request blocked by Onyx Guard. Violations: {', '.join(rules)}."
    return Block(reason, findings=Findings(categories=rules))


TYPE = Type(names=("onyx",), params=Onyx, check=asking(_ask), fails_open=True)
