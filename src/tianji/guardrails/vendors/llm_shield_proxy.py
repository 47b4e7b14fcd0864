"""LLM Shield Proxy: personal data of a request is replaced by placeholders of its vault, and put back in the answer.

The vault has a number of its own for every request, which no client can choose or guess: it begins with a secret of
this process and names the key.
"""

import secrets
from functools import partial
from typing import ClassVar

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Check,
    Occasion,
    Params,
    Surroundings,
    Type,
    bearer,
    post,
    under,
)
from tianji.guardrails.verdict import replaced


class Shield(Params, frozen=True, kw_only=True):
    """Nothing but the address, and the key if it asks for one."""

    environment: ClassVar = {
        "api_key": ("LLM_SHIELD_PROXY_API_KEY",),
        "api_base": ("LLM_SHIELD_PROXY_API_BASE",),
    }

    api_key: str = ""
    api_base: str = "http://localhost:8000"


class _Answer(Struct):
    texts: list[str]


def _build(params: Shield, _surroundings: Surroundings) -> Check:
    return partial(_ask, params, secrets.token_hex(16))


def _ask(params: Shield, vaults: str, content: Content, occasion: Occasion) -> Asking:
    headers = {"x-session-id": f"{vaults}-{occasion.key_hash[:16]}-{occasion.call_id}"}
    if params.api_key:
        headers |= bearer(params.api_key)
    path = "/v1/guard/rehydrate" if content.answers else "/v1/guard/redact"
    body = {"texts": [text.text for text in content.texts]}
    (reply,) = yield [post(under(params.api_base, path), body, headers)]
    return replaced(content, reply.read(_Answer).texts)


TYPE = Type(names=("llm_shield_proxy",), params=Shield, check=_build, hooks=PRE_AND_POST, masks=PRE_AND_POST)
