from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, OCCASION, REQUEST, answer, ask, sent

from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

ENTRY: dict[str, Any] = {"guard_name": "our guard"}
INPUTS = {**ENTRY, "guardrails_ai_api_input_format": "inputs", "api_base": "http://here/"}


def validated(text: str | None, *, passed: bool = True) -> dict[str, Any]:
    return {"validationPassed": passed, "validatedOutput": text, "rawLlmOutput": "raw"}


def test_texts_are_validated_and_corrected() -> None:
    occasion = replace(OCCASION, dynamic={"numReasks": 0})
    same = [validated(text.text) for text in REQUEST.texts[:2]]
    verdict, calls = ask("guardrails_ai", ENTRY, REQUEST, *same, validated("I am"), occasion=occasion)

    assert {call.url for call in calls} == {"http://0.0.0.0:8000/guards/our%20guard/validate"}
    assert sent(calls[2]) == {"numReasks": 0, "llmOutput": "I am Ann, ann@x.io"}
    assert verdict == Rewrite({2: "I am"})


def test_without_a_validated_text_the_raw_one_counts() -> None:
    assert ask("guardrails_ai", ENTRY, ANSWER, validated(None))[0] == Rewrite({0: "raw"})
    assert ask("guardrails_ai", ENTRY, ANSWER, validated("sure, Ann"))[0] == Allow()


def test_what_does_not_pass_is_refused() -> None:
    verdict, _ = ask("guardrails_ai", ENTRY, ANSWER, validated("sure, Ann", passed=False))

    assert isinstance(verdict, Block)
    assert verdict.reason == "Violated guardrail policy"
    assert verdict.detail == {"guardrails_ai_response": {"validation_passed": False}}


def test_exported_models_answer_in_tensors_or_with_400() -> None:
    verdict, (call,) = ask("guardrails_ai", INPUTS, ANSWER, {"outputs": [{"name": "result", "data": ["sure"]}]})
    assert call.url == "http://here/guards/our%20guard/validate"
    assert sent(call) == {"inputs": [{"name": "text", "shape": [1], "data": ["sure, Ann"], "datatype": "BYTES"}]}
    assert verdict == Rewrite({0: "sure"})

    assert isinstance(ask("guardrails_ai", INPUTS, ANSWER, answer({}, 400))[0], Block)
    with pytest.raises(Unavailable):
        ask("guardrails_ai", INPUTS, ANSWER, {"outputs": []})
