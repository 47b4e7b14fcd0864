from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, REQUEST, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.vendor import GoogleToken
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"template_id": "t1", "project_id": "p1", "credentials": "{}"}
FOUND, NOT_FOUND = {"matchState": "MATCH_FOUND"}, {"matchState": "NO_MATCH_FOUND"}


def result(state: str = "NO_MATCH_FOUND", **filters: Any) -> dict[str, Any]:
    return {"sanitizationResult": {"filterMatchState": state, "filterResults": filters}}


def test_each_text_is_sanitized_in_the_region() -> None:
    clean = result(rai={"raiFilterResult": NOT_FOUND})
    verdict, calls = ask("model_armor", {**ENTRY, "location": "europe-west4"}, REQUEST, clean, clean, clean)

    base = "https://modelarmor.europe-west4.rep.googleapis.com/v1/projects/p1/locations/europe-west4/templates/t1"
    assert {call.url for call in calls} == {f"{base}:sanitizeUserPrompt"}
    assert calls[0].auth == GoogleToken("{}")
    assert sent(calls[0]) == {"userPromptData": {"text": "be kind"}}
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("filters", "category"),
    [
        ({"rai": {"raiFilterResult": FOUND}}, "rai"),
        ({"pi_and_jailbreak": {"piAndJailbreakFilterResult": FOUND}}, "pi_and_jailbreak"),
        ({"malicious_uris": {"maliciousUriFilterResult": FOUND}}, "malicious_uris"),
        ({"csam": {"csamFilterFilterResult": FOUND}}, "csam"),
        ({"virus_scan": {"virusScanFilterResult": FOUND}}, "virus_scan"),
        ({"sdp": {"sdpFilterResult": {"inspectResult": FOUND}}}, "sdp"),
        ({"sdp": {"sdpFilterResult": {"deidentifyResult": FOUND}}}, "sdp"),
        ({"tomorrow": {"tomorrowFilterResult": FOUND}}, "unknown filter"),
    ],
)
def test_any_filter_refuses(filters: dict[str, Any], category: str) -> None:
    entry = {**ENTRY, "api_endpoint": "http://here/"}
    verdict, (call,) = ask("model_armor", entry, ANSWER, result("MATCH_FOUND", **filters))

    assert call.url == "http://here/v1/projects/p1/locations/us-central1/templates/t1:sanitizeModelResponse"
    assert sent(call) == {"modelResponseData": {"text": "sure, Ann"}}
    assert isinstance(verdict, Block)
    assert (verdict.reason, verdict.detail) == ("Response blocked by Model Armor", {})
    assert verdict.findings.categories == (category,)


def test_filters_may_come_as_a_list_and_be_shown() -> None:
    said = {"sanitizationResult": {"filterResults": [{"raiFilterResult": FOUND}]}}
    verdict, _ = ask("model_armor", {**ENTRY, "sanitize_error_detail": False}, ANSWER, said)

    assert isinstance(verdict, Block)
    assert verdict.detail == {"model_armor_response": {"filters": ("rai",)}}


MASKED = {"sdpFilterResult": {"deidentifyResult": {**FOUND, "data": {"text": "sure, [NAME]"}}}}


@pytest.mark.parametrize(
    ("switch", "verdict"),
    [("mask_response_content", Rewrite({0: "sure, [NAME]"})), ("mask_request_content", None)],
)
def test_personal_data_is_masked_where_the_entry_says_so(switch: str, verdict: object) -> None:
    found, _ = ask("model_armor", {**ENTRY, switch: True}, ANSWER, result("MATCH_FOUND", sdp=MASKED))

    assert found == verdict if verdict else isinstance(found, Block)


def test_a_mask_does_not_save_what_another_filter_refuses() -> None:
    said = result("MATCH_FOUND", sdp=MASKED, rai={"raiFilterResult": FOUND})
    assert isinstance(ask("model_armor", {**ENTRY, "mask_response_content": True}, ANSWER, said)[0], Block)


def test_documents_are_scanned_and_images_cannot_be() -> None:
    pdf = Content(Direction.REQUEST, (Text("see"),), images=("data:application/pdf;base64,AAAA",))
    _, calls = ask("model_armor", ENTRY, pdf, result(), result())
    assert sent(calls[1]) == {"userPromptData": {"byteItem": {"byteDataType": "PDF", "byteData": "AAAA"}}}

    image = Content(Direction.REQUEST, (Text("see"),), images=("https://x.example/a.png",))
    assert isinstance(ask("model_armor", ENTRY, image)[0], Block)
    assert ask("model_armor", {**ENTRY, "skip_unscannable_attachments": True}, image, result())[0] == Allow()


def test_an_answer_without_results_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("model_armor", ENTRY, ANSWER, {"sanitizationResult": {}})
