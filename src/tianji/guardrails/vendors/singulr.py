"""Singulr's control of gateways: it is told of the whole exchange and says whether to block it."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from msgspec import Struct

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Check,
    Hook,
    Occasion,
    Params,
    Surroundings,
    Type,
    asking,
    post,
    under,
)
from tianji.guardrails.vendors.generic_guardrail_api import owner
from tianji.guardrails.verdict import Allow, Block, Findings

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Singulr(Params, frozen=True, kw_only=True):
    """`singulr_application_id`: the enforcement entity there; another machine is asked over TLS alone."""

    environment: ClassVar = {
        "singulr_api_key": ("SINGULR_API_KEY",),
        "singulr_api_base": ("SINGULR_API_BASE",),
        "singulr_application_id": ("SINGULR_ENFORCEMENT_ENTITY_ID",),
        "singulr_guardrail_id": ("SINGULR_GUARDRAIL_ID",),
        "block_on_error": ("SINGULR_BLOCK_ON_ERROR",),
    }
    aliases: ClassVar = {
        "api_key": "singulr_api_key",
        "api_base": "singulr_api_base",
        "enforcement_entity_id": "singulr_application_id",
        "guardrail_id": "singulr_guardrail_id",
    }
    secrets: ClassVar = frozenset({"singulr_api_key"})

    singulr_api_key: str = ""
    singulr_api_base: str = "http://localhost:8003"
    singulr_application_id: str = ""
    singulr_guardrail_id: str = ""


class _Answer(Struct):
    should_block: bool
    blocking_due_to: Any = None


def _build(params: Singulr, surroundings: Surroundings) -> Check:
    parts = urlsplit(params.singulr_api_base)
    if parts.scheme != "https" and parts.hostname not in _HERE:
        raise ConfigurationError("singulr_api_base: use https, for keys and conversations go there")
    return asking(_ask)(params, surroundings)


def _ask(params: Singulr, content: Content, occasion: Occasion) -> Asking:
    said = [{"role": text.role, "content": text.text} for text in content.texts]
    choices = [{"index": index, "message": message} for index, message in enumerate(said)]
    asked = [{"role": text.role, "content": text.text} for text in content.asked]
    body = {
        "litellm_call_id": occasion.call_id,
        "input_type": content.direction,
        "request_data": {
            "model": occasion.model,
            "messages": asked if content.answers else said,
            "tools": content.tools,
            "model_response": {"choices": choices} if content.answers else None,
            "litellm_metadata": owner(occasion),
        },
        "is_playground_request": False,
        "playground_text": None,
    }
    headers = {
        "x-singulr-gateway-token": params.singulr_api_key,
        "x-singulr-enforcement-entity-id": params.singulr_application_id,
        "x-singulr-guardrail-id": params.singulr_guardrail_id,
    }
    url = under(params.singulr_api_base, "/api/v1/ai-gateway/litellm-v2")
    (reply,) = yield [post(url, body, {name: value for name, value in headers.items() if value})]
    answer = reply.read(_Answer)
    if not answer.should_block:
        return Allow()
    cause = answer.blocking_due_to if isinstance(answer.blocking_due_to, str) else "unknown"
    return Block(f"Blocked by Singulr: {cause}", findings=Findings(categories=(cause,)))


TYPE = Type(
    names=("singulr",),
    params=Singulr,
    check=_build,
    hooks=PRE_AND_POST | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL},
    timeout=30.0,
)
