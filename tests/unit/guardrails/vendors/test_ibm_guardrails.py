from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block, Unavailable

ENTRY: dict[str, Any] = {"auth_token": KEY, "base_url": "https://ibm.example/", "detector_id": "hap"}
HIT = {"start": 0, "end": 4, "text": "sure", "detection": "yes", "detection_type": "toxicity", "score": 0.8}


def test_a_detector_server_gets_all_texts_at_once() -> None:
    entry = {**ENTRY, "detector_params": {"threshold": 0.1}, "extra_headers": {"x-more": "1"}}
    verdict, (call,) = ask("ibm_guardrails", entry, REQUEST, [[], [], []])

    assert call.url == "https://ibm.example/api/v1/text/contents"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert (call.headers["detector-id"], call.headers["x-more"]) == ("hap", "1")
    texts = [text.text for text in REQUEST.texts]
    assert sent(call) == {"contents": texts, "detector_params": {"threshold": 0.1}}
    assert verdict == Allow()


def test_an_orchestrator_gets_them_one_by_one() -> None:
    entry = {**ENTRY, "is_detector_server": False}
    verdict, (call,) = ask("ibm_guardrails", entry, ANSWER, {"detections": [HIT]})

    assert call.url == "https://ibm.example/api/v2/text/detection/content"
    assert sent(call) == {"content": "sure, Ann", "detectors": {"hap": {}}}
    assert isinstance(verdict, Block)


@pytest.mark.parametrize(("threshold", "refused"), [(None, True), (0.8, True), (0.81, False)])
def test_a_detection_is_refused_by_its_type_alone(threshold: float | None, refused: bool) -> None:
    verdict, _ = ask("ibm_guardrails", {**ENTRY, "score_threshold": threshold}, ANSWER, [[HIT]])

    assert isinstance(verdict, Block) is refused
    if isinstance(verdict, Block):
        assert verdict.reason == "IBM Guardrail detected: toxicity"
        assert (verdict.findings.score, verdict.findings.categories) == (0.8, ("toxicity",))
        assert "sure" not in str(verdict)


@pytest.mark.parametrize("server", [True, False])
def test_a_certificate_of_ones_own_may_be_enough(server: bool) -> None:
    for verify in (True, False):
        entry = {**ENTRY, "is_detector_server": server, "verify_ssl": verify}
        _, (call,) = ask("ibm_guardrails", entry, ANSWER, [[]] if server else {"detections": []})
        assert call.verify is verify


def test_texts_without_a_word_about_them_are_not_judged() -> None:
    with pytest.raises(Unavailable):
        ask("ibm_guardrails", ENTRY, REQUEST, [[], []])
