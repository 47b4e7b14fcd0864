"""Akto: the exchange is mirrored to it as HTTP, and it says whether it is allowed.

Bodies and headers are JSON inside JSON, as its connectors send them. Answers are told to it, too, and kept there.
"""

import json
from typing import Any, ClassVar

from msgspec import Struct

from tianji.clock import SYSTEM
from tianji.guardrails.content import Content
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Hook, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings


class Akto(Params, frozen=True, kw_only=True):
    """`akto_account_id`, `akto_vxlan_id`: where it files what it is told."""

    environment: ClassVar = {
        "akto_base_url": ("AKTO_GUARDRAIL_API_BASE",),
        "akto_api_key": ("AKTO_API_KEY",),
        "akto_account_id": ("AKTO_ACCOUNT_ID",),
        "akto_vxlan_id": ("AKTO_VXLAN_ID",),
    }
    aliases: ClassVar = {
        "api_base": "akto_base_url",
        "api_key": "akto_api_key",
        "guardrail_timeout": "timeout",
    }
    secrets: ClassVar = frozenset({"akto_api_key"})

    akto_base_url: str
    akto_api_key: str
    akto_account_id: str | int = "1000000"
    akto_vxlan_id: str | int = "0"


class _Judged(Struct, rename="pascal"):
    allowed: bool
    reason: str | None = None


class _Data(Struct, rename="camel"):
    guardrails_result: _Judged


class _Answer(Struct):
    data: _Data


def _ask(params: Akto, content: Content, occasion: Occasion) -> Asking:
    query = "akto_connector=litellm&guardrails=true" + ("&ingest_data=true" if content.answers else "")
    url = under(params.akto_base_url, f"/api/http-proxy?{query}")
    headers = {"authorization": params.akto_api_key}
    (reply,) = yield [post(url, _mirrored(params, content, occasion), headers)]
    judged = reply.read(_Answer).data.guardrails_result
    if judged.allowed:
        return Allow()
    return Block(judged.reason or "Blocked by Akto Guardrails", findings=Findings(categories=("akto",)))


def _mirrored(params: Akto, content: Content, occasion: Occasion) -> dict[str, Any]:
    said = [{"role": text.role, "content": text.text} for text in content.texts]
    asked = [{"role": text.role, "content": text.text} for text in content.asked]
    request: dict[str, Any] = {"model": occasion.model, "messages": asked if content.answers else said}
    if content.tools:
        request["tools"] = content.tools
    choices = [{"index": index, "message": message} for index, message in enumerate(said)]
    kind = {"content-type": "application/json"}
    owner = {"user_id": occasion.user_id, "team_id": occasion.team_id}
    tag = {"gen-ai": "Gen AI", **{name: value for name, value in owner.items() if value}}
    return {
        "path": occasion.path or "/v1/chat/completions",
        "requestHeaders": json.dumps(kind),
        "responseHeaders": json.dumps(kind if content.answers else {}),
        "method": "POST",
        "requestPayload": _wrapped(request),
        "responsePayload": _wrapped({"choices": choices}) if content.answers else json.dumps({}),
        "ip": occasion.ip,
        "destIp": "127.0.0.1",
        "time": str(int(SYSTEM.now() * 1000)),
        "statusCode": "200",
        "type": "HTTP/1.1",
        "status": "200",
        "akto_account_id": str(params.akto_account_id),
        "akto_vxlan_id": str(params.akto_vxlan_id),
        "is_pending": "false",
        "source": "MIRRORING",
        "tag": json.dumps(tag),
        "metadata": json.dumps(tag),
        "contextSource": "AGENTIC",
    }


def _wrapped(document: dict[str, Any]) -> str:
    return json.dumps({"body": json.dumps(document)})


TYPE = Type(
    names=("akto",),
    params=Akto,
    check=asking(_ask),
    hooks=PRE_AND_POST | {Hook.LOGGING_ONLY, Hook.PRE_MCP_CALL, Hook.POST_MCP_CALL},
    timeout=5.0,
)
