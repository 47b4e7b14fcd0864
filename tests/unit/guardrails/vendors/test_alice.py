from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, answer, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}


def test_a_content_is_evaluated_for_the_keys_application() -> None:
    occasion = replace(OCCASION, key_metadata={"alice_app_id": "shop", "logging": "s3cret"})
    verdict, (call,) = ask("alice", ENTRY, REQUEST, {"verdict": "ALLOW"}, occasion=occasion)

    assert (call.url, call.headers["af-api-key"]) == ("https://api.alice.io/v2/evaluate/litellm", KEY)
    body = sent(call)
    assert (body["input_type"], body["inputs"]["texts"]) == ("request", [text.text for text in REQUEST.texts])
    assert body["request_data"]["metadata"]["user_api_key_metadata"] == {"alice_app_id": "shop"}
    assert body["request_data"]["metadata"]["user_api_key_alias"] == "alias-1"
    assert verdict == Allow()


def test_the_verdict_decides() -> None:
    said = {"verdict": "BLOCK", "message": "No.", "categories": ["hate"], "correlation_id": "c1"}
    verdict, _ = ask("alice", ENTRY, ANSWER, said)
    assert isinstance(verdict, Block)
    assert (verdict.reason, verdict.findings.scan_id, verdict.findings.categories) == ("No.", "c1", ("hate",))

    assert ask("alice", ENTRY, ANSWER, {"verdict": "DETECT"})[0] == Allow("DETECT")
    masked = {"verdict": "MASK", "replacements": [{"index": 0, "text": "sure, ***"}]}
    assert ask("alice", ENTRY, ANSWER, masked)[0] == Rewrite({0: "sure, ***"})


@pytest.mark.parametrize(
    "said",
    [
        {"verdict": "MASK"},
        {"verdict": "MASK", "replacements": [{"index": 0, "text": "x"}, {"index": 1, "text": "y"}]},
        {"verdict": "HIDE"},
    ],
)
def test_a_mask_is_applied_whole_or_is_no_verdict(said: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask("alice", ENTRY, ANSWER, said)


def test_any_refusal_of_a_call_passes_nothing() -> None:
    with pytest.raises(Unavailable) as raised:
        ask("alice", ENTRY, ANSWER, answer({}, 422))

    assert raised.value.permanent
