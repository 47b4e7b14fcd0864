from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, OCCASION, REQUEST, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY}
CLEAN = {"aggregatedScanResult": False}
SENSITIVE = {"sensitiveData": {"email": {"result": True}}, "anonymizedContent": {"anonymized": "sure, ***"}}


def unsafe(**results: Any) -> dict[str, Any]:
    return {"aggregatedScanResult": True, "scanResult": [{"role": "assistant", "results": results}]}


def test_each_text_is_scanned_with_whose_it_is() -> None:
    verdict, calls = ask("noma", ENTRY, REQUEST, CLEAN, CLEAN, CLEAN)

    assert {call.url for call in calls} == {"https://api.noma.security/ai-dr/v2/prompt/scan"}
    assert (calls[0].headers["authorization"], calls[0].headers["x-noma-request-id"]) == (f"Bearer {KEY}", "call-1")
    part = {"type": "input_text", "text": "be kind"}
    assert sent(calls[0]) == {
        "input": [{"type": "message", "role": "system", "content": [part]}],
        "x-noma-context": {
            "applicationId": "alias-1",
            "ipAddress": "192.0.2.1",
            "userId": "u@x.io",
            "sessionId": "session-1",
            "requestId": "call-1",
        },
    }
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("dynamic", "header", "entry", "application"),
    [
        ({"application_id": "d"}, "h", {"application_id": "e"}, "d"),
        ({}, "h", {"application_id": "e"}, "h"),
        ({}, "", {"application_id": "e"}, "e"),
    ],
)
def test_the_nearest_application_counts(
    dynamic: dict[str, str], header: str, entry: dict[str, str], application: str
) -> None:
    occasion = replace(OCCASION, dynamic=dynamic, headers={"x-noma-application-id": header})
    _, (call,) = ask("noma", {**ENTRY, **entry}, ANSWER, CLEAN, occasion=occasion)

    assert sent(call)["x-noma-context"]["applicationId"] == application
    assert sent(call)["input"][0]["content"][0]["type"] == "output_text"


def test_what_is_unsafe_is_refused() -> None:
    verdict, _ = ask("noma", ENTRY, ANSWER, unsafe(jailbreak={"result": True}, topics=[{"result": False}]))

    assert verdict == Block("Request blocked by Noma guardrail", {"details": {"detectors": ["jailbreak"]}})


@pytest.mark.parametrize(
    ("entry", "results", "masked"),
    [
        ({"anonymize_input": True}, SENSITIVE, True),
        ({"anonymize_input": False}, SENSITIVE, False),
        ({"anonymize_input": True}, {**SENSITIVE, "jailbreak": {"result": True}}, False),
        ({"anonymize_input": True}, {"sensitiveData": SENSITIVE["sensitiveData"]}, False),
        ({"anonymize_input": True}, {"anonymizedContent": SENSITIVE["anonymizedContent"]}, False),
    ],
)
def test_sensitive_data_alone_may_be_masked(entry: dict[str, Any], results: dict[str, Any], masked: bool) -> None:
    verdict, _ = ask("noma", {**ENTRY, **entry}, ANSWER, unsafe(**results))

    assert verdict == Rewrite({0: "sure, ***"}) if masked else isinstance(verdict, Block)


@pytest.mark.parametrize(("name", "entry"), [("noma_v2", {}), ("noma", {"use_v2": True})])
def test_the_second_version_speaks_the_generic_words(name: str, entry: dict[str, Any]) -> None:
    entry = {**ENTRY, **entry, "gateway_name": "gw", "application_id": "app", "monitor_mode": "true"}
    verdict, (call,) = ask(name, entry, ANSWER, {"action": "GUARDRAIL_INTERVENED", "texts": ["sure, X"]})

    assert (call.url, call.headers["authorization"]) == ("https://api.noma.security/litellm/guardrail", f"Bearer {KEY}")
    body = sent(call)
    assert (body["inputs"]["texts"], body["inputs"]["model"]) == (["sure, Ann"], "gpt-4o")
    assert body["request_data"]["user_api_key_alias"] == "alias-1"
    assert body["request_data"]["litellm_call_id"] == "call-1"
    assert (body["input_type"], body["monitor_mode"]) == ("response", True)
    assert (body["application_id"], body["gateway_name"]) == ("app", "gw")
    assert verdict == Rewrite({0: "sure, X"})


def test_without_an_action_there_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("noma_v2", {}, ANSWER, {"texts": ["sure, Ann"]})
