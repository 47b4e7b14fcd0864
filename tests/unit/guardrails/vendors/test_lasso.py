from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Kind, Text
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}


def found(action: str, **further: Any) -> dict[str, Any]:
    findings = {"pii": [{"action": action, "severity": "HIGH", "start": 0}], "other": []}
    return {"violations_detected": True, "deputies": {"pii": True, "other": False}, "findings": findings, **further}


def test_a_request_is_classified_in_its_session() -> None:
    verdict, (call,) = ask("lasso", ENTRY, REQUEST, {"violations_detected": False})

    assert call.url == "https://server.lasso.security/gateway/v3/classify"
    assert call.headers["lasso-api-key"] == KEY
    assert (call.headers["lasso-user-id"], call.headers["lasso-conversation-id"]) == ("user-1", "session-1")
    assert sent(call) == {
        "messages": TURNS,
        "messageType": "PROMPT",
        "source": {"type": "litellm"},
        "sessionId": "session-1",
        "userId": "user-1",
    }
    assert verdict == Allow()


def test_tools_and_what_they_bring_have_forms_of_their_own() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {}, "strict": True}}
    content = Content(Direction.REQUEST, (Text("page", "tool", Kind.TOOL_RESULT),), tools=(tool,))
    _, (call,) = ask("lasso", ENTRY, content, {"violations_detected": False}, occasion=replace(OCCASION, session_id=""))

    assert sent(call)["messages"] == [{"role": "developer", "type": "tool_result", "content": "page"}]
    assert sent(call)["tools"] == [{"name": "look", "parameters": {}}]
    assert sent(call)["sessionId"] == "call-1"


def test_a_finding_that_blocks_is_refused() -> None:
    entry = {**ENTRY, "lasso_user_id": "u", "lasso_conversation_id": "c"}
    verdict, (call,) = ask("lasso", entry, ANSWER, found("BLOCK"))

    assert sent(call)["messageType"] == "COMPLETION"
    assert (call.headers["lasso-user-id"], sent(call)["sessionId"]) == ("u", "c")
    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated Lasso guardrail policy"
    assert verdict.detail["detection_message"] == "Guardrail violations detected: pii"
    assert verdict.findings.categories == ("pii",)


@pytest.mark.parametrize("action", ["AUTO_MASKING", "WARN"])
def test_other_findings_mask_or_are_noted(action: str) -> None:
    verdict, _ = ask("lasso", ENTRY, ANSWER, found(action))
    assert isinstance(verdict, Allow)
    assert verdict.flagged

    verdict, (call,) = ask("lasso", {**ENTRY, "mask": True}, ANSWER, found(action, messages=[{"content": "sure, X"}]))
    assert call.url.endswith("/classifix")
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "sure, X"}


@pytest.mark.parametrize("said", [found("DROP"), found("WARN"), found("WARN", messages=[])])
def test_what_it_leaves_open_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("lasso", {**ENTRY, "mask": True}, ANSWER, said)
