from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, TURNS, answer, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import ClientCredentials
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_id": "id", "api_key": KEY}
HERE: dict[str, Any] = {"api_base": "http://hiddenlayer.local:8000/"}


def test_a_request_is_evaluated_with_a_token() -> None:
    occasion = replace(OCCASION, headers={"hl-project-id": "p1", "authorization": "Bearer client"})
    verdict, (call,) = ask("hiddenlayer", ENTRY, REQUEST, {"messages": TURNS}, occasion=occasion)

    assert call.url == "https://api.hiddenlayer.ai/detection/v2/request-evaluations"
    assert call.auth == ClientCredentials(
        "https://auth.hiddenlayer.ai/oauth2/token?grant_type=client_credentials", "id", KEY, basic=True
    )
    assert call.headers == {
        "content-type": "application/json",
        "hl-requester-id": "LiteLLM",
        "hl-roundtrip-id": "call-1",
        "hl-runtime-edge-provider": "litellm",
        "hl-runtime-edge-provider-version": "2",
        "hl-project-id": "p1",
    }
    assert sent(call) == {"messages": TURNS, "model": "gpt-4o"}
    assert verdict == Allow()


def test_tools_go_along() -> None:
    content = Content(Direction.REQUEST, (Text("x"),), tools=({"type": "function"},))
    _, (call,) = ask("hiddenlayer", HERE, content, answer({}, hl_runtime_action="ALLOW"))

    assert sent(call)["tools"] == [{"type": "function"}]


def test_an_installation_of_ones_own_asks_for_no_token() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "sure, Ann"}}
    redacted = {"choices": [{"message": {"content": "sure, [NAME]"}}]}
    verdict, (call,) = ask("hiddenlayer", HERE, ANSWER, redacted)

    assert (call.url, call.auth) == ("http://hiddenlayer.local:8000/detection/v2/response-evaluations", None)
    assert sent(call) == {"choices": [choice]}
    assert verdict == Rewrite({0: "sure, [NAME]"})


@pytest.mark.parametrize("content", [REQUEST, ANSWER])
def test_a_header_blocks(content: Content) -> None:
    verdict, _ = ask("hiddenlayer", HERE, content, answer({}, hl_runtime_action="Block"))

    assert isinstance(verdict, Block)
    assert verdict.detail == {"hiddenlayer_guardrail_response": "Blocked by Hiddenlayer."}


def test_a_header_that_says_otherwise_lets_pass() -> None:
    assert ask("hiddenlayer", HERE, REQUEST, answer({}, hl_runtime_action="ALLOW"))[0] == Allow()


FIRST = {**HERE, "version": 1}


def interaction(action: str, **further: Any) -> dict[str, Any]:
    analysis = [{"name": "prompt_injection", "detected": True}, {"name": "pii", "detected": False}]
    return {"evaluation": {"action": action, "threat_level": "High"}, "analysis": analysis, **further}


def test_the_first_version_has_one_address() -> None:
    verdict, (call,) = ask("hiddenlayer", FIRST, REQUEST, interaction("Alert"))

    assert call.url == "http://hiddenlayer.local:8000/detection/v1/interactions"
    assert call.headers["hl-runtime-edge-provider-version"] == "1"
    assert sent(call) == {
        "metadata": {"model": "gpt-4o", "requester_id": "LiteLLM"},
        "input": {"messages": TURNS},
    }
    assert isinstance(verdict, Allow)


def test_the_first_version_blocks_and_redacts() -> None:
    verdict, _ = ask("hiddenlayer", FIRST, REQUEST, interaction("Block"))
    assert isinstance(verdict, Block)
    assert (verdict.detail["block_reasons"], verdict.detail["threat_level"]) == (("prompt_injection",), "High")

    modified = {"output": {"messages": [{"content": "sure, [NAME]"}]}}
    verdict, _ = ask("hiddenlayer", FIRST, ANSWER, interaction("Redact", modified_data=modified))
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "sure, [NAME]"}


@pytest.mark.parametrize(
    ("entry", "said"),
    [(HERE, {}), (HERE, {"messages": TURNS[:1]}), (FIRST, {}), (FIRST, interaction("Redact"))],
)
def test_what_it_leaves_open_is_no_verdict(entry: dict[str, Any], said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("hiddenlayer", entry, REQUEST, said)
