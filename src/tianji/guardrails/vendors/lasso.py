"""Lasso Security: texts are classified, and with `mask` its `classifix` sends masked ones back."""

from typing import Any, ClassVar, Literal

from msgspec import Struct, to_builtins

from tianji.guardrails.content import Content, Kind, Text
from tianji.guardrails.vendor import PRE_AND_POST, Asking, Occasion, Params, Type, asking, post, under
from tianji.guardrails.verdict import Allow, Block, Findings, Unavailable, replaced


class Lasso(Params, frozen=True, kw_only=True):
    """`lasso_conversation_id`: the request's session where the entry names none."""

    environment: ClassVar = {
        "api_key": ("LASSO_API_KEY",),
        "api_base": ("LASSO_API_BASE",),
        "lasso_user_id": ("LASSO_USER_ID",),
        "lasso_conversation_id": ("LASSO_CONVERSATION_ID",),
    }
    secrets: ClassVar = frozenset({"api_key", "lasso_api_key"})
    aliases: ClassVar = {"lasso_api_key": "api_key"}

    api_key: str
    api_base: str = "https://server.lasso.security/gateway/v3"
    lasso_user_id: str = ""
    lasso_conversation_id: str = ""
    mask: bool = False


class _Finding(Struct):
    action: Literal["BLOCK", "AUTO_MASKING", "WARN"]
    severity: str | None = None


class _Message(Struct):
    content: str | None = None


class _Answer(Struct):
    violations_detected: bool
    deputies: dict[str, bool] | None = None
    findings: dict[str, list[_Finding]] | None = None
    messages: list[_Message] | None = None


def _ask(params: Lasso, content: Content, occasion: Occasion) -> Asking:
    conversation = params.lasso_conversation_id or occasion.session_id or occasion.call_id
    user = params.lasso_user_id or occasion.user_id
    headers = {"lasso-api-key": params.api_key, "lasso-user-id": user, "lasso-conversation-id": conversation}
    body: dict[str, Any] = {
        "messages": [_said(text) for text in content.texts],
        "messageType": "COMPLETION" if content.answers else "PROMPT",
        "source": {"type": "litellm"},
        "sessionId": conversation,
    }
    if user:
        body["userId"] = user
    if content.tools:
        body["tools"] = [_declared(tool) for tool in content.tools]
    url = under(params.api_base, "/classifix" if params.mask else "/classify")
    (reply,) = yield [post(url, body, {name: value for name, value in headers.items() if value})]
    answer = reply.read(_Answer)
    if not answer.violations_detected:
        return Allow()
    deputies = tuple(sorted(name for name, hit in (answer.deputies or {}).items() if hit))
    findings = Findings(categories=deputies)
    message = f"Guardrail violations detected: {', '.join(deputies)}"
    actions = {finding.action for found in (answer.findings or {}).values() for finding in found}
    if "BLOCK" in actions:
        said = {"violations_detected": True, "deputies": deputies, "findings": to_builtins(answer.findings)}
        detail = {"detection_message": message, "lasso_response": said}
        return Block("Violated Lasso guardrail policy", detail, findings)
    if not params.mask:
        return Allow(message, findings)
    if answer.messages is None:
        raise Unavailable("the answer lacks the masked texts")
    return replaced(content, [each.content for each in answer.messages], findings)


def _said(text: Text) -> dict[str, str]:
    if text.kind is Kind.TOOL_RESULT:
        return {"role": "developer", "type": "tool_result", "content": text.text}
    return {"role": text.role, "content": text.text}


def _declared(tool: Any) -> dict[str, Any]:
    function = tool.get("function") or tool
    return {name: function[name] for name in ("name", "description", "parameters") if name in function}


TYPE = Type(names=("lasso",), params=Lasso, check=asking(_ask), masks=PRE_AND_POST)
