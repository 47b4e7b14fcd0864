from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}
APPLIED = [
    {"policy": {"name": "toxicity"}, "action": "BLOCK"},
    {"policy": {"name": "pii"}, "outputs": {"action": "BLOCK", "message": "Ann"}},
    {"policy": {"name": "tone"}, "outputs": {"action": "WARN"}},
]


@pytest.mark.parametrize("policies", ["p1, p2", ["p1", "p2"]])
def test_the_conversation_is_held_against_policies(policies: object) -> None:
    entry = {**ENTRY, "policy_ids": policies, "model_id": "m1"}
    verdict, (call,) = ask("dynamoai", entry, REQUEST, {"finalAction": "NONE", "appliedPolicies": []})

    assert call.url == "https://api.dynamo.ai/v1/moderation/analyze/"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {
        "messages": TURNS,
        "textType": "MODEL_INPUT",
        "policyIds": ["p1", "p2"],
        "modelId": "m1",
    }
    assert verdict == Allow()


def test_what_is_blocked_is_refused_by_the_names_of_policies() -> None:
    verdict, (call,) = ask("dynamoai", ENTRY, ANSWER, {"finalAction": "BLOCK", "appliedPolicies": APPLIED})

    assert sent(call)["textType"] == "MODEL_RESPONSE"
    assert isinstance(verdict, Block)
    assert verdict.detail == {"violated_policies": ("toxicity", "pii")}


@pytest.mark.parametrize("action", ["WARN", "REDACT", "SANITIZE"])
def test_what_it_does_not_block_passes_with_a_note(action: str) -> None:
    verdict, _ = ask("dynamoai", ENTRY, REQUEST, {"finalAction": action, "appliedPolicies": APPLIED})

    assert isinstance(verdict, Allow)
    assert verdict.flagged.startswith(action)


def test_an_action_that_is_not_known_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("dynamoai", ENTRY, REQUEST, {"finalAction": "DROP", "appliedPolicies": []})
