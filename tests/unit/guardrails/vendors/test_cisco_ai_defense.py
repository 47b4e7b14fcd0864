from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "cisco_ai_defense"
ENTRY: dict[str, Any] = {"api_key": KEY}


def test_the_conversation_is_inspected_by_rules() -> None:
    entry = {**ENTRY, "enabled_rules": ["PII", {"rule_name": "PCI", "rule_id": 3}], "integration_profile_id": "p"}
    occasion = replace(OCCASION, metadata={"src_app": "shop", "other": "x"})
    verdict, (call,) = ask(NAME, entry, REQUEST, {"is_safe": True}, occasion=occasion)

    assert call.url == "https://us.api.inspect.aidefense.security.cisco.com/api/v1/inspect/chat"
    assert call.headers["x-cisco-ai-defense-api-key"] == KEY
    assert sent(call) == {
        "messages": TURNS,
        "metadata": {"user": "end-1", "client_transaction_id": "call-1", "src_app": "shop"},
        "config": {
            "enabled_rules": [{"rule_name": "PII"}, {"rule_name": "PCI", "rule_id": 3}],
            "integration_profile_id": "p",
        },
    }
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"action": "Allow", "is_safe": True}, False),
        ({"action": "ok"}, False),
        ({"action": "Allow", "is_safe": False}, True),
        ({"is_safe": False}, True),
        ({"action": "block"}, True),
        ({"action": "Deny"}, True),
        ({"action": "quarantine", "is_safe": True}, True),
        ({"action": "redact"}, True),
    ],
)
def test_a_word_that_is_not_known_blocks(said: dict[str, Any], refused: bool) -> None:
    verdict, (call,) = ask(NAME, ENTRY, ANSWER, {**said, "event_id": "e1", "rules": [{"rule_name": "PII"}]})

    assert sent(call)["messages"] == ANSWERED
    assert isinstance(verdict, Block) is refused
    assert verdict.findings.scan_id == "e1"
    assert verdict.findings.categories == ("PII",)


@pytest.mark.parametrize(
    "said", [{"sanitized_text": "sure, ***"}, {"sanitized_messages": [*TURNS, {"content": "sure, ***"}]}]
)
def test_what_is_redacted_is_written_back(said: dict[str, Any]) -> None:
    assert ask(NAME, ENTRY, ANSWER, {"action": "redact", **said})[0] == Rewrite({0: "sure, ***"})


@pytest.mark.parametrize("said", [{"error": {"code": 1}}, {"action": ""}])
def test_without_a_word_there_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, ANSWER, said)
