"""Noma Security's gateway interface: the words of the generic one, with what is judged in a member of its own."""

from typing import Any, ClassVar

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import (
    AROUND,
    PRE_AND_POST,
    Asking,
    Hook,
    Occasion,
    Params,
    Type,
    asking,
    bearer,
    post,
    under,
)
from tianji.guardrails.vendors.generic_guardrail_api import Answer, inputs, owner, verdict


class NomaV2(Params, frozen=True, kw_only=True):
    """`api_key`: for the vendor's cloud. `application_id`: where neither request nor client's header names one."""

    environment: ClassVar = {
        "api_key": ("NOMA_API_KEY",),
        "api_base": ("NOMA_API_BASE",),
        "application_id": ("NOMA_APPLICATION_ID",),
        "gateway_name": ("NOMA_GATEWAY_NAME",),
        "monitor_mode": ("NOMA_MONITOR_MODE",),
        "block_failures": ("NOMA_BLOCK_FAILURES",),
    }

    api_key: str = ""
    api_base: str = "https://api.noma.security"
    application_id: str = ""
    gateway_name: str = ""
    monitor_mode: bool = False

    def application(self, occasion: Occasion) -> str:
        """Return the application that a request is counted for."""
        named = occasion.dynamic.get("application_id")
        own = named if isinstance(named, str) else occasion.headers.get("x-noma-application-id", "")
        return own or self.application_id


def ask(params: NomaV2, content: Content, occasion: Occasion) -> Asking:
    """Ask the gateway interface."""
    body: dict[str, Any] = {
        "inputs": {**inputs(content), "model": occasion.model},
        "request_data": {**owner(occasion), "litellm_call_id": occasion.call_id, "model": occasion.model},
        "input_type": content.direction,
        "monitor_mode": params.monitor_mode,
    }
    optional = {"application_id": params.application(occasion), "gateway_name": params.gateway_name}
    body |= {name: value for name, value in optional.items() if value}
    headers = bearer(params.api_key) if params.api_key else {}
    (reply,) = yield [post(under(params.api_base, "/litellm/guardrail"), body, headers)]
    return verdict(reply.read(Answer), content)


TYPE = Type(
    names=("noma_v2",),
    params=NomaV2,
    check=asking(ask),
    hooks=AROUND | {Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL},
)
