from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}


def test_a_request_is_guarded() -> None:
    verdict, (call,) = ask("promptguard", ENTRY, REQUEST, {"decision": "allow"})

    assert (call.url, call.headers["x-api-key"]) == ("https://api.promptguard.co/api/v1/guard", KEY)
    assert sent(call) == {"messages": TURNS, "direction": "input", "model": "gpt-4o"}
    assert verdict == Allow()


def test_images_go_along() -> None:
    content = Content(Direction.REQUEST, (Text("see"),), images=("https://x.example/a.png",))

    assert sent(ask("promptguard", ENTRY, content, {"decision": "allow"})[1][0])["images"] == list(content.images)


def test_it_blocks_and_redacts() -> None:
    said = {"decision": "block", "threat_type": "pii", "event_id": "e1", "confidence": 0.9}
    verdict, (call,) = ask("promptguard", ENTRY, ANSWER, said)
    assert sent(call)["direction"] == "output"
    assert isinstance(verdict, Block)
    assert verdict.reason == "Blocked by PromptGuard: pii"
    assert (verdict.findings.scan_id, verdict.findings.score) == ("e1", 0.9)

    said = {"decision": "redact", "redacted_messages": [{"role": "assistant", "content": "sure, ***"}]}
    assert ask("promptguard", ENTRY, ANSWER, said)[0] == Rewrite({0: "sure, ***"})


@pytest.mark.parametrize("said", [{"decision": "redact"}, {"decision": "drop"}, {"decision": None}])
def test_what_it_leaves_open_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("promptguard", ENTRY, ANSWER, said)
