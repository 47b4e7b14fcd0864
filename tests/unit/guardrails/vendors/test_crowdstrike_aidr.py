from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, sent

from tianji.guardrails.content import Content, Direction, Text
from tianji.guardrails.verdict import Allow, Block, Rewrite, Unavailable

NAME = "crowdstrike_aidr"
ENTRY: dict[str, Any] = {"api_key": KEY, "api_base": "https://api.crowdstrike.com/aidr/aiguard/"}
TALK = Content(
    Direction.REQUEST,
    (Text("be kind", "system"), Text("old"), Text("said", "assistant"), Text("new", message=3), Text("42", "tool")),
)


def said(*, blocked: bool = False, transformed: bool = False, **further: Any) -> dict[str, Any]:
    return {"result": {"blocked": blocked, "transformed": transformed, **further}}


def test_a_request_is_guarded() -> None:
    verdict, (call,) = ask(NAME, ENTRY, REQUEST, said())

    assert call.url == "https://api.crowdstrike.com/aidr/aiguard/v1/guard_chat_completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {
        "guard_input": {"messages": TURNS, "tools": []},
        "event_type": "input",
        "extra_info": {"user_name": "u@x.io"},
        "model": "gpt-4o",
        "user_id": "user-1",
    }
    assert verdict == Allow()


def test_only_what_is_new_is_sent_and_changed_there() -> None:
    output = {"messages": [{"content": "be kind"}, {"content": "NEW"}, {"content": "42"}]}
    verdict, (call,) = ask(NAME, ENTRY, TALK, said(transformed=True, guard_output=output))

    assert [message["content"] for message in sent(call)["guard_input"]["messages"]] == ["be kind", "new", "42"]
    assert verdict == Rewrite({3: "NEW"})


def test_what_a_model_is_to_continue_is_sent_whole() -> None:
    content = Content(Direction.REQUEST, TALK.texts[:3])
    _, (call,) = ask(NAME, ENTRY, content, said())

    assert len(sent(call)["guard_input"]["messages"]) == 3


def test_an_answer_is_sent_alone() -> None:
    output = {"messages": [{"content": "sure, ***"}]}
    verdict, (call,) = ask(NAME, ENTRY, ANSWER, said(transformed=True, guard_output=output))

    assert sent(call)["guard_input"]["messages"] == [{"role": "assistant", "content": "sure, Ann"}]
    assert sent(call)["event_type"] == "output"
    assert verdict == Rewrite({0: "sure, ***"})


def test_what_is_blocked_is_refused() -> None:
    detectors = {"malicious_prompt": {"detected": True}, "pii": {"detected": False}}
    verdict, _ = ask(NAME, ENTRY, REQUEST, said(blocked=True, detectors=detectors))

    assert isinstance(verdict, Block)
    assert verdict.detail == {"guardrail_name": "rail"}
    assert verdict.findings.categories == ("malicious_prompt",)


@pytest.mark.parametrize("output", [None, {"messages": []}])
def test_a_change_without_its_text_is_no_verdict(output: object) -> None:
    with pytest.raises(Unavailable):
        ask(NAME, ENTRY, ANSWER, said(transformed=True, guard_output=output))
