"""Pillar Security. If its entry says nothing it only notes, and fails open.

The vendor also speaks the generic interface: `generic_guardrail_api` with its address.
"""

from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import msgspec
from msgspec import Struct

from tianji import __version__
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
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, replaced

_LONGEST: Final = 8192  # of a header


class Pillar(Params, frozen=True, kw_only=True):
    """`on_flagged_action`: `mask` writes the vendor's masked messages back."""

    environment: ClassVar = {
        "api_key": ("PILLAR_API_KEY",),
        "api_base": ("PILLAR_API_BASE",),
        "timeout": ("PILLAR_TIMEOUT",),
        "on_flagged_action": ("PILLAR_ON_FLAGGED_ACTION",),
        "fallback_on_error": ("PILLAR_FALLBACK_ON_ERROR",),
        "async_mode": ("PILLAR_ASYNC",),
        "persist_session": ("PILLAR_PERSIST",),
        "include_scanners": ("PILLAR_INCLUDE_SCANNERS",),
        "include_evidence": ("PILLAR_INCLUDE_EVIDENCE",),
    }

    api_key: str
    api_base: str = "https://api.pillar.security"
    on_flagged_action: Literal["monitor", "block", "mask"] = "monitor"
    async_mode: bool | None = None
    persist_session: bool | None = None
    include_scanners: bool = True
    include_evidence: bool = True

    def headers(self, occasion: Occasion) -> dict[str, str]:
        """Return the headers of a call: what the service is to do, and whose request it is."""
        switches = {
            "plr_scanners": self.include_scanners,
            "plr_evidence": self.include_evidence,
            "plr_async": self.async_mode,
            "plr_persist": self.persist_session,
        }
        owner = {
            "x-litellm-key-name": occasion.key_hash,
            "x-litellm-key-alias": occasion.key_alias,
            "x-litellm-user-id": occasion.user_id,
            "x-litellm-user-email": occasion.user_email,
            "x-litellm-team-id": occasion.team_id,
            "x-litellm-team-name": occasion.team_alias,
            "x-litellm-org-id": occasion.organization_id,
        }
        said = {name: str(switch).lower() for name, switch in switches.items() if switch is not None}
        return {**bearer(self.api_key), **said, **{name: value for name, value in owner.items() if value}}


class _Evidence(Struct):
    category: str | None = None
    type: str | None = None


class _Message(Struct):
    content: str | None = None


class _Answer(Struct):
    flagged: bool
    session_id: str | None = None
    scanners: dict[str, bool] | None = None
    evidence: list[_Evidence] | None = None
    masked_session_messages: list[_Message] | None = None


def _ask(params: Pillar, content: Content, occasion: Occasion) -> Asking:
    session = occasion.metadata.get("pillar_session_id")
    body: dict[str, Any] = {
        "messages": content.turns(),
        "tools": content.tools,
        "metadata": {"source": "litellm", "version": __version__},
        "model": occasion.model,
        "provider": "litellm",
    }
    optional = {"user_id": occasion.user_id, "session_id": session}
    body |= {name: value for name, value in optional.items() if value}
    (reply,) = yield [post(under(params.api_base, "/api/v1/protect"), body, params.headers(occasion))]
    answer = reply.read(_Answer)
    scanners = {name: hit for name, hit in (answer.scanners or {}).items() if hit}
    findings = Findings(categories=tuple(sorted(scanners)), headers=_headers(params, answer))
    if not answer.flagged:
        return Allow(findings=findings)
    if params.on_flagged_action == "mask":
        if answer.masked_session_messages is None:
            raise Unavailable("the answer lacks the masked texts")
        return replaced(content, [message.content for message in answer.masked_session_messages], findings)
    response = {
        "session_id": answer.session_id,
        "scanners": answer.scanners if params.include_scanners else None,
        "evidence": msgspec.to_builtins(answer.evidence) if params.include_evidence else None,
    }
    detail = {"detection_message": "Security threats detected", "pillar_response": response}
    return Block("Blocked by Pillar Security Guardrail", detail, findings)


def _headers(params: Pillar, answer: _Answer) -> dict[str, str]:
    """Return what is shown with the gateway's answer; evidence, which quotes texts, is not."""
    headers = {"x-pillar-flagged": str(answer.flagged).lower(), "x-pillar-session-id": quote(answer.session_id or "")}
    if params.include_scanners and answer.scanners is not None:
        headers["x-pillar-scanners"] = quote(msgspec.json.encode(answer.scanners))[:_LONGEST]
    return {name: value for name, value in headers.items() if value}


TYPE = Type(
    names=("pillar",),
    params=Pillar,
    check=asking(_ask),
    hooks=AROUND | {Hook.PRE_MCP_CALL, Hook.DURING_MCP_CALL},
    masks=PRE_AND_POST | {Hook.PRE_MCP_CALL},
    timeout=5.0,
    fails_open=True,
    monitors=True,
)
