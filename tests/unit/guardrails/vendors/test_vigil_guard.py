from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "vigil_guard"
ENTRY: dict[str, Any] = {"api_key": KEY, "api_base": "https://vigil.example/"}
ALLOWED = {"decision": "ALLOWED"}


def test_each_text_is_analyzed() -> None:
    verdict, calls = ask(NAME, ENTRY, REQUEST, ALLOWED, ALLOWED, ALLOWED)

    assert {call.url for call in calls} == {"https://vigil.example/v1/guard/analyze"}
    assert calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert sent(calls[0]) == {
        "text": "be kind",
        "source": "user_input",
        "mode": "full",
        "metadata": {
            "model": "gpt-4o",
            "user_id": "user-1",
            "session_id": "session-1",
            "org_id": "org-1",
            "litellm_call_id": "call-1",
        },
    }
    assert verdict == Allow()


def test_empty_texts_are_not_sent() -> None:
    content = Content(Direction.RESPONSE, (Text(" ", "assistant"), Text("x", "assistant", message=1)))
    verdict, (call,) = ask(NAME, ENTRY, content, {"decision": "SANITIZED", "sanitizedText": "y"})

    assert sent(call)["source"] == "model_output"
    assert verdict == Rewrite({1: "y"})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"blockMessage": "No.", "decisionReason": "x"}, "No."),
        ({"decisionReason": "x" * 600}, "x" * 500),
        ({}, "Blocked by policy"),
    ],
)
def test_what_is_blocked_is_refused(said: dict[str, Any], reason: str) -> None:
    verdict, _ = ask(NAME, ENTRY, ANSWER, {"decision": "BLOCKED", **said})

    assert isinstance(verdict, Block)
    assert verdict.reason == reason


@pytest.mark.parametrize("said", [{"decision": "SANITIZED"}, {"decision": "HELD"}])
def test_what_it_leaves_open_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, ANSWER, said)
