from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Findings

ENTRY: dict[str, Any] = {"api_key": KEY}
CLEAN = {"score": 100, "status": "passed", "evaluationResults": []}


@pytest.mark.parametrize(
    ("entry", "checks"),
    [
        ({}, {"prompt_injections": True}),
        ({"pii_check": True}, {"pii_check": True}),
        ({"prompt_injections": True, "grounding_check": True}, {"prompt_injections": True, "grounding_check": True}),
        ({"prompt_injections": False}, {}),
        ({"assertions": ["be brief"]}, {"assertions": ["be brief"]}),
    ],
)
def test_checks_are_named_to_the_vendor(entry: dict[str, Any], checks: dict[str, Any]) -> None:
    verdict, (call,) = ask("qualifire", {**ENTRY, **entry}, REQUEST, CLEAN)

    assert call.url == "https://proxy.qualifire.ai/api/evaluation/evaluate"
    assert call.headers["x-qualifire-api-key"] == KEY
    assert sent(call) == {"messages": TURNS, **checks}
    assert verdict == Allow(findings=Findings(score=100))


def test_an_evaluation_of_the_vendors_is_invoked() -> None:
    occasion = replace(OCCASION, dynamic={"evaluation_id": "theirs"})
    _, (call,) = ask("qualifire", {**ENTRY, "evaluation_id": "ours"}, ANSWER, CLEAN, occasion=occasion)

    assert call.url == "https://proxy.qualifire.ai/api/evaluation/invoke"
    assert sent(call) == {
        "evaluation_id": "ours",
        "input": "I am Ann, ann@x.io",
        "output": "sure, Ann",
        "messages": ANSWERED,
    }
    _, (call,) = ask("qualifire", ENTRY, ANSWER, CLEAN, occasion=occasion)
    assert sent(call)["evaluation_id"] == "theirs"


def test_tools_go_along() -> None:
    content = Content(Direction.REQUEST, (Text("x"),), tools=({"type": "function"},))
    _, (call,) = ask("qualifire", ENTRY, content, CLEAN)

    assert sent(call)["available_tools"] == [{"type": "function"}]


def test_any_flag_is_refused() -> None:
    results = [{"flagged": False, "label": "ok"}, {"flagged": True, "label": "bad", "reason": "Ann"}]
    said = {"score": 10, "status": "failed", "evaluationResults": [{"type": "pii", "results": results}]}
    verdict, _ = ask("qualifire", ENTRY, ANSWER, said)

    assert isinstance(verdict, Block)
    assert verdict.detail == {"qualifire_response": {"score": 10, "status": "failed"}}
    assert verdict.findings.categories == ("pii",)
