"""Airia's gateway: the words of the generic interface under an address of its own. A word it does not have blocks."""

from typing import ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, bearer, post, under
from tianji.guardrails.vendors.generic_guardrail_api import Answer, document, verdict
from tianji.guardrails.verdict import Block


class Airia(Params, frozen=True, kw_only=True):
    """`api_base`: the address of the customer's gateway there."""

    environment: ClassVar = {
        "api_base": ("AIRIA_GATEWAY_URL",),
        "api_key": ("AIRIA_API_KEY",),
        "timeout": ("AIRIA_TIMEOUT",),
    }

    api_key: str
    api_base: str


class _Word(Struct):
    action: str


def _ask(params: Airia, content: Content, occasion: Occasion) -> Asking:
    url = under(params.api_base, "/v1/guardrails/litellm")
    (reply,) = yield [post(url, document(content, occasion, {}), bearer(params.api_key))]
    action = reply.read(_Word).action
    if action not in {"NONE", "BLOCKED", "GUARDRAIL_INTERVENED"}:
        return Block("Blocked by Airia")
    return verdict(reply.read(Answer), content)


TYPE = Type(names=("airia",), params=Airia, check=asking(_ask), hooks=PRE_AND_POST, masks=PRE_AND_POST)
