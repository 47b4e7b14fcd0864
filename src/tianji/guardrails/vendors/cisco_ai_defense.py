"""Cisco AI Defense, chat inspection (https://developer.cisco.com/docs/ai-defense-inspection).

A word that it does not know counts as a block. What it redacts is written back where it sends the texts, else refused.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from msgspec import Struct

from tianji.guardrails.content import Content
from tianji.guardrails.vendor import AROUND, PRE_AND_POST, Asking, Hook, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Rewrite, Unavailable, Verdict, replaced

_ALLOWS: Final = frozenset({"allow", "allowed", "safe", "ok"})
_REDACTS: Final = frozenset({"redact", "redacted", "sanitize", "sanitized", "mask"})
_ABOUT: Final = ("src_app", "dst_app", "src_ip", "dst_ip", "dst_host", "sni", "user_agent")


class Cisco(Params, frozen=True, kw_only=True):
    """`enabled_rules`: names of rules, or mappings with `rule_name` and what the vendor's rule takes further."""

    environment: ClassVar = {
        "api_key": ("CISCO_AI_DEFENSE_API_KEY",),
        "api_base": ("CISCO_AI_DEFENSE_API_BASE",),
        "timeout": ("CISCO_AI_DEFENSE_TIMEOUT",),
        "on_flagged_action": ("CISCO_AI_DEFENSE_ON_FLAGGED_ACTION",),
        "fallback_on_error": ("CISCO_AI_DEFENSE_FALLBACK_ON_ERROR",),
    }

    api_key: str
    api_base: str = "https://us.api.inspect.aidefense.security.cisco.com"
    enabled_rules: tuple[str | Mapping[str, Any], ...] = ()
    integration_profile_id: str = ""
    integration_profile_version: str = ""
    integration_tenant_id: str = ""
    integration_type: str = ""

    def config(self) -> dict[str, Any]:
        """Return what is to be looked for."""
        rules = [{"rule_name": rule} if isinstance(rule, str) else rule for rule in self.enabled_rules]
        told = {
            "enabled_rules": rules,
            "integration_profile_id": self.integration_profile_id,
            "integration_profile_version": self.integration_profile_version,
            "integration_tenant_id": self.integration_tenant_id,
            "integration_type": self.integration_type,
        }
        return {name: value for name, value in told.items() if value}


class _Message(Struct):
    content: str | None = None


class _Rule(Struct):
    rule_name: str | None = None


class _Answer(Struct):
    is_safe: bool | None = None
    action: str | None = None
    event_id: str | None = None
    severity: str | None = None
    classifications: list[str] | None = None
    rules: list[_Rule] | None = None
    sanitized_text: str | None = None
    sanitized_messages: list[_Message] | None = None


def _ask(params: Cisco, content: Content, occasion: Occasion) -> Asking:
    about = {name: str(value) for name in _ABOUT if (value := occasion.metadata.get(name))}
    user = occasion.end_user or occasion.user_id
    metadata = {**({"user": user} if user else {}), "client_transaction_id": occasion.call_id, **about}
    body = {"messages": content.turns(), "metadata": metadata, "config": params.config()}
    headers = {"x-cisco-ai-defense-api-key": params.api_key}
    (reply,) = yield [post(under(params.api_base, "/api/v1/inspect/chat"), body, headers)]
    answer = reply.read(_Answer)
    if answer.is_safe is None and not answer.action:
        raise Unavailable("the answer says neither an action nor whether it is safe")
    return _judged(answer, content)


def _judged(answer: _Answer, content: Content) -> Verdict:
    rules = tuple(rule.rule_name for rule in answer.rules or () if rule.rule_name)
    findings = Findings(scan_id=answer.event_id or "", categories=(*(answer.classifications or ()), *rules))
    action = (answer.action or ("allow" if answer.is_safe else "block")).strip().lower()
    if action in _ALLOWS and answer.is_safe is not False:
        return Allow(findings=findings)
    if action in _REDACTS and answer.sanitized_messages:
        return replaced(content, [message.content for message in answer.sanitized_messages], findings)
    if action in _REDACTS and answer.sanitized_text and len(content.texts) == 1:
        return Rewrite({0: answer.sanitized_text}, findings=findings)
    detail = {"event_id": answer.event_id, "severity": answer.severity, "classifications": answer.classifications}
    return Block("Blocked by Cisco AI Defense", {"cisco_ai_defense": {**detail, "rules": rules}}, findings)


TYPE = Type(
    names=("cisco_ai_defense",),
    params=Cisco,
    check=asking(_ask),
    hooks=AROUND | {Hook.LOGGING_ONLY},
    masks=PRE_AND_POST | {Hook.LOGGING_ONLY},
)
