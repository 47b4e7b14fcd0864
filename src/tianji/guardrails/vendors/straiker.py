"""Straiker's DefendAI, the webhook for gateways. Keys of its agents (`sk_agt_`) speak another form and are refused."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tianji import __version__
from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    PRE_AND_POST,
    Asking,
    Check,
    Occasion,
    Params,
    Surroundings,
    Type,
    asking,
    bearer,
    post,
    under,
)
from tianji.guardrails.vendors.generic_guardrail_api import Answer, inputs, verdict
from tianji.guardrails.verdict import Unavailable


class Straiker(Params, frozen=True, kw_only=True):
    """`default_app`: the application there, unless the request's metadata has `agent_id`; sizes are bytes."""

    environment: ClassVar = {"api_key": ("STRAIKER_API_KEY",), "api_base": ("STRAIKER_API_BASE",)}
    secrets: ClassVar = frozenset({"api_key", "custom_headers"})

    api_key: str
    api_base: str = "https://api.prod.straiker.ai"
    default_app: str = "LiteLLM Gateway"
    max_payload_bytes: int = 512 * 1024
    custom_headers: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}


def _build(params: Straiker, surroundings: Surroundings) -> Check:
    if params.api_key.startswith("sk_agt_"):
        raise ConfigurationError("straiker: api_key is an agent's; use one of an environment")
    return asking(_ask)(params, surroundings)


def _ask(params: Straiker, content: Content, occasion: Occasion) -> Asking:
    headers = {**params.custom_headers, **bearer(params.api_key), "x-straiker-webhook-format": "litellm"}
    call = post(under(params.api_base, "/api/v1/detect/webhook"), _event(params, content, occasion), headers)
    if len(call.body) > params.max_payload_bytes:
        raise Unavailable("it is longer than the vendor takes")
    (reply,) = yield [call]
    return verdict(reply.read(Answer), content)


def _event(params: Straiker, content: Content, occasion: Occasion) -> dict[str, Any]:
    said = inputs(content)
    asked = [{"role": text.role, "content": text.text} for text in content.asked]
    agent = occasion.metadata.get("agent_id")
    kind = "post_call" if content.answers else "pre_call"
    event: dict[str, Any] = {
        "schema_version": "1",
        "event": {"type": kind, "id": f"{occasion.call_id}:{content.direction}", "stream": {"phase": "none"}},
        "request": {"structured_messages": asked} if content.answers else said,
        "context": {
            "call_surface": occasion.path or "unknown",
            "mode": [occasion.hook],
            "model": occasion.model,
            "session_id": occasion.session_id or None,
            "litellm_call_id": occasion.call_id,
            "litellm_trace_id": occasion.trace_id or None,
            "litellm_version": __version__,
        },
        "identity": {
            "litellm_key": occasion.key_alias or occasion.key_hash or None,
            "litellm_team": occasion.team_alias or occasion.team_id or None,
            "litellm_user_id": occasion.user_id or None,
            "litellm_user_email": occasion.user_email or None,
            "litellm_org_id": occasion.organization_id or None,
            "end_user_id": occasion.end_user or None,
        },
        "application": {"source": agent if isinstance(agent, str) and agent else params.default_app},
        "metadata": params.metadata,
    }
    return {**event, "response": said} if content.answers else event


TYPE = Type(
    names=("straiker",),
    params=Straiker,
    check=_build,
    hooks=PRE_AND_POST,
    masks=PRE_AND_POST,
    timeout=5.0,
    attempts=3,
    transient=frozenset({408, 429, 500, 502, 503, 504}),
)
