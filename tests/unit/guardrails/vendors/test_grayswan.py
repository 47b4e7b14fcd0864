from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.guardrails.vendors.driver import ANSWER, ANSWERED, KEY, OCCASION, REQUEST, TURNS, ask, named, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Findings

ENTRY: dict[str, Any] = {"api_key": KEY}


def test_the_conversation_is_sent_with_own_rules() -> None:
    entry = {**ENTRY, "categories": {"ours": "No oranges."}, "reasoning_mode": "hybrid"}
    occasion = replace(OCCASION, dynamic={"categories": {"theirs": "x"}, "policy_id": "p9", "metadata": {"a": 1}})
    verdict, (call,) = ask("grayswan", entry, REQUEST, {"violation": 0.49}, occasion=occasion)

    assert call.url == "https://api.grayswan.ai/cygnal/monitor"
    assert (call.headers["authorization"], call.headers["grayswan-api-key"]) == (f"Bearer {KEY}", KEY)
    assert sent(call) == {
        "messages": TURNS,
        "categories": {"ours": "No oranges."},
        "reasoning_mode": "hybrid",
        "policy_id": "p9",
        "metadata": {"a": 1},
    }
    assert verdict == Allow(findings=Findings(score=0.49))


def test_an_answer_comes_with_the_conversation_and_tools() -> None:
    tools = ({"type": "function"},)
    _, (call,) = ask("grayswan", ENTRY, ANSWER, {"violation": 0})
    assert sent(call) == {"messages": ANSWERED}
    _, (call,) = ask("grayswan", ENTRY, Content(Direction.REQUEST, (Text("x"),), tools=tools), {"violation": 0})
    assert sent(call)["tools"] == list(tools)


@pytest.mark.parametrize(("threshold", "refused"), [(0.5, True), (0.51, False)])
def test_the_score_decides(threshold: float, refused: bool) -> None:
    answer = {"violation": 0.5, "violated_rules": [3], "mutation": False, "ipi": True}
    verdict, _ = ask("grayswan", {**ENTRY, "violation_threshold": threshold}, ANSWER, answer)

    assert isinstance(verdict, Block) is refused
    if isinstance(verdict, Block):
        assert verdict.reason == "Blocked by Gray Swan Guardrail"
        assert verdict.detail == {"violation_location": "output", **answer}


def test_it_only_notes_and_fails_open_as_the_vendor_has_it() -> None:
    assert named("grayswan").monitors
    assert named("grayswan").fails_open
