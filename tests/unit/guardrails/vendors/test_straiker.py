from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.errors import ConfigurationError
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "metadata": {"zone": "eu"}, "custom_headers": {"x-more": "1"}}
NONE = {"action": "NONE"}


def test_a_request_is_an_event() -> None:
    verdict, (call,) = ask("straiker", ENTRY, REQUEST, NONE)

    assert call.url == "https://api.prod.straiker.ai/api/v1/detect/webhook"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert (call.headers["x-straiker-webhook-format"], call.headers["x-more"]) == ("litellm", "1")
    body = sent(call)
    assert body["event"] == {"type": "pre_call", "id": "call-1:request", "stream": {"phase": "none"}}
    assert body["request"]["structured_messages"] == TURNS
    assert body["identity"]["litellm_key"] == "alias-1"
    assert (body["context"]["model"], body["context"]["session_id"]) == ("gpt-4o", "session-1")
    assert (body["application"], body["metadata"]) == ({"source": "LiteLLM Gateway"}, {"zone": "eu"})
    assert body["context"]["call_surface"] == "/v1/chat/completions"
    assert "response" not in body
    assert verdict == Allow()


def test_an_answer_comes_with_what_was_asked() -> None:
    occasion = replace(OCCASION, metadata={"agent_id": "agent"})
    said = {"action": "GUARDRAIL_INTERVENED", "texts": ["sure, ***"]}
    verdict, (call,) = ask("straiker", ENTRY, ANSWER, said, occasion=occasion)

    body = sent(call)
    assert (body["event"]["type"], body["application"]["source"]) == ("post_call", "agent")
    assert (body["request"]["structured_messages"], body["response"]["texts"]) == (TURNS, ["sure, Ann"])
    assert verdict == Rewrite({0: "sure, ***"})


def test_what_is_blocked_is_refused() -> None:
    assert ask("straiker", ENTRY, ANSWER, {"action": "BLOCKED", "blocked_reason": "No."})[0] == Block("No.")


def test_what_is_too_long_is_not_judged() -> None:
    with pytest.raises(Unavailable):
        ask("straiker", {**ENTRY, "max_payload_bytes": 100}, ANSWER)


def test_a_key_of_an_agent_is_no_key_for_this() -> None:
    with pytest.raises(ConfigurationError):
        ask("straiker", {"api_key": "sk_agt_1"}, ANSWER)
