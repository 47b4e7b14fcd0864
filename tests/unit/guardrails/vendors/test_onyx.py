from typing import Any

from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, TURNS, ask, named, sent

from tianji.guardrails.verdict import Allow, Block

ENTRY: dict[str, Any] = {"api_key": f"{KEY}/1"}


def test_a_request_is_evaluated_under_the_key() -> None:
    verdict, (call,) = ask("onyx", ENTRY, REQUEST, {"allowed": True})

    assert call.url == f"https://ai-guard.onyx.security/guard/evaluate/v1/{KEY}%2F1/litellm"
    assert sent(call) == {
        "payload": {"model": "gpt-4o", "messages": TURNS},
        "input_type": "request",
        "conversation_id": "session-1",
    }
    assert verdict == Allow()


def test_violated_rules_are_named() -> None:
    occasion = replace(OCCASION, session_id="")
    said = {"allowed": False, "violated_rules": ["a", "b"]}
    verdict, (call,) = ask("onyx", ENTRY, ANSWER, said, occasion=occasion)

    message = {"role": "assistant", "content": "sure, Ann"}
    assert sent(call)["payload"] == {"model": "gpt-4o", "choices": [{"index": 0, "message": message}]}
    assert sent(call)["conversation_id"] == "call-1"
    assert isinstance(verdict, Block)
    assert verdict.reason == "Request blocked by Onyx Guard. Violations: a, b."


def test_it_fails_open_as_the_vendor_has_it() -> None:
    assert named("onyx").fails_open
