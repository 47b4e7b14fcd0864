from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "zscaler_ai_guard"
ENTRY: dict[str, Any] = {"api_key": KEY}
BASE = "https://api.us1.zseclipse.net/v1/detection"


def said(action: str, **further: Any) -> dict[str, Any]:
    return {"statusCode": 200, "action": action, "transactionId": "t1", **further}


def test_a_policy_judges_a_request() -> None:
    entry = {**ENTRY, "policy_id": 7, "send_user_api_key_alias": True, "send_user_api_key_team_id": "true"}
    verdict, (call,) = ask(NAME, entry, REQUEST, said("ALLOW"))

    assert call.url == f"{BASE}/execute-policy"
    assert call.headers == {
        "content-type": "application/json",
        "authorization": f"Bearer {KEY}",
        "user-api-key-alias": "alias-1",
        "user-api-key-team-id": "team-1",
    }
    assert sent(call) == {"direction": "IN", "content": "be kind hello I am Ann, ann@x.io", "policyId": 7}
    assert isinstance(verdict, Allow)
    assert (verdict.flagged, verdict.findings.scan_id) == ("", "t1")


def test_without_a_policy_the_vendor_finds_one() -> None:
    _, (call,) = ask(NAME, ENTRY, ANSWER, said("ALLOW"))

    assert call.url == f"{BASE}/resolve-and-execute-policy"
    assert sent(call) == {"direction": "OUT", "content": "sure, Ann"}


@pytest.mark.parametrize(
    ("request_", "key", "team", "policy"),
    [("1", 2, 3, 1), (None, 2, 3, 2), (None, None, "3", 3), (None, None, None, 4), ("x" * 9, -1, "9" * 5000, 4)],
)
def test_the_nearest_policy_counts(request_: object, key: object, team: object, policy: int) -> None:
    told = [{"zguard_policy_id": value} if value is not None else {} for value in (request_, key, team)]
    occasion = replace(OCCASION, metadata=told[0], key_metadata=told[1], team_metadata=told[2])
    _, (call,) = ask(NAME, {**ENTRY, "policy_id": 4}, ANSWER, said("ALLOW"), occasion=occasion)

    assert sent(call)["policyId"] == policy


DETECTORS = {"toxicity": {"action": "BLOCK"}, "pii": {"action": "DETECT"}, "secrets": {"action": "ALLOW"}}


def test_what_is_blocked_is_refused_with_what_blocked_it() -> None:
    verdict, _ = ask(NAME, ENTRY, ANSWER, said("BLOCK", detectorResponses=DETECTORS))

    assert isinstance(verdict, Block)
    assert verdict.detail == {"zscaler_ai_guard": {"transactionId": "t1", "blockingDetectors": ["toxicity"]}}
    assert verdict.findings.categories == ("pii", "toxicity")


def test_what_is_detected_is_noted_or_masked() -> None:
    verdict, _ = ask(NAME, ENTRY, ANSWER, said("DETECT", detectorResponses=DETECTORS))
    assert isinstance(verdict, Allow)
    assert verdict.flagged

    verdict, _ = ask(NAME, ENTRY, ANSWER, said("DETECT", maskedContent="sure, ***"))
    assert isinstance(verdict, Rewrite)
    assert verdict.texts == {0: "sure, ***"}


@pytest.mark.parametrize("wrong", [said("DROP"), {**said("ALLOW"), "statusCode": 500}, {"action": "ALLOW"}])
def test_both_statuses_have_to_be_right(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, ANSWER, wrong)
