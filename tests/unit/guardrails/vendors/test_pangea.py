from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "pangea_input_recipe": "in", "pangea_output_recipe": "out"}


def said(**result: Any) -> dict[str, Any]:
    return {"result": {"blocked": False, "transformed": False, **result}}


def test_a_request_is_guarded_by_its_recipe() -> None:
    base = "https://{SERVICE_NAME}.aws.us.pangea.cloud/"
    verdict, (call,) = ask("pangea", {**ENTRY, "api_base": base}, REQUEST, said())

    assert call.url == "https://ai-guard.aws.us.pangea.cloud/v1beta/guard"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {"debug": False, "input": {"messages": TURNS}, "event_type": "input", "recipe": "in"}
    assert verdict == Allow()


def test_an_answer_is_sent_as_choices_and_changed_there() -> None:
    output = {"messages": TURNS, "choices": [{"message": {"content": "sure, ***"}}]}
    verdict, (call,) = ask("pangea", ENTRY, ANSWER, said(transformed=True, output=output))

    message = {"role": "assistant", "content": "sure, Ann"}
    assert sent(call)["input"] == {"messages": TURNS, "choices": [{"index": 0, "message": message}]}
    assert (sent(call)["event_type"], sent(call)["recipe"]) == ("output", "out")
    assert verdict == Rewrite({0: "sure, ***"})


def test_a_request_is_changed_in_its_messages() -> None:
    output = {"messages": [*TURNS[:2], {"content": "I am ***"}]}

    assert ask("pangea", ENTRY, REQUEST, said(transformed=True, output=output))[0] == Rewrite({2: "I am ***"})


def test_what_is_blocked_is_refused() -> None:
    detectors = {"prompt_injection": {"detected": True}, "pii": {"detected": False}}
    verdict, _ = ask("pangea", ENTRY, REQUEST, said(blocked=True, detectors=detectors))

    assert isinstance(verdict, Block)
    assert (verdict.reason, verdict.detail) == ("Violated Pangea guardrail policy", {"guardrail_name": "rail"})
    assert verdict.findings.categories == ("prompt_injection",)


@pytest.mark.parametrize("output", [None, {"messages": [{"content": "x"}]}, {"choices": []}])
def test_a_change_without_its_text_is_no_verdict(output: object) -> None:
    with pytest.raises(Unavailable):
        ask("pangea", ENTRY, ANSWER, said(transformed=True, output=output))
