from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.errors import ConfigurationError
from tianji.guardrails.verdict import Allow, Block

ENTRY: dict[str, Any] = {"singulr_api_key": KEY, "enforcement_entity_id": "app", "singulr_guardrail_id": "g"}


def test_it_is_told_of_a_request() -> None:
    verdict, (call,) = ask("singulr", ENTRY, REQUEST, {"should_block": False})

    assert call.url == "http://localhost:8003/api/v1/ai-gateway/litellm-v2"
    assert call.headers == {
        "content-type": "application/json",
        "x-singulr-gateway-token": KEY,
        "x-singulr-enforcement-entity-id": "app",
        "x-singulr-guardrail-id": "g",
    }
    body = sent(call)
    assert (body["litellm_call_id"], body["input_type"]) == ("call-1", "request")
    assert (body["request_data"]["messages"], body["request_data"]["model_response"]) == (TURNS, None)
    assert verdict == Allow()


def test_it_is_told_of_an_answer_and_may_block() -> None:
    verdict, (call,) = ask("singulr", ENTRY, ANSWER, {"should_block": True, "blocking_due_to": "pii"})

    message = {"role": "assistant", "content": "sure, Ann"}
    assert sent(call)["request_data"]["messages"] == TURNS
    assert sent(call)["request_data"]["model_response"] == {"choices": [{"index": 0, "message": message}]}
    assert isinstance(verdict, Block)
    assert verdict.reason == "Blocked by Singulr: pii"


def test_another_machine_is_asked_over_tls_alone() -> None:
    with pytest.raises(ConfigurationError):
        ask("singulr", {**ENTRY, "singulr_api_base": "http://singulr.example"}, REQUEST)
    ask("singulr", {**ENTRY, "singulr_api_base": "https://singulr.example"}, REQUEST, {"should_block": False})
