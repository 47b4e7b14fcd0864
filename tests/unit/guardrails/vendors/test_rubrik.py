from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import ANSWER, KEY, REQUEST, TURNS, ask, named, sent

from tianji.guardrails.content import Content, Direction, Text, ToolCall
from tianji.guardrails.verdict import Allow, Answer, Unavailable

ENTRY: dict[str, Any] = {"api_key": KEY, "api_base": "https://rubrik.example/"}
CALL = {"id": "c1", "type": "function", "function": {"name": "drop", "arguments": "{}"}}
CALLS = Content(
    Direction.RESPONSE,
    (Text("sure", "assistant"),),
    tools=({"type": "function"},),
    calls=(ToolCall("drop", "{}", "c1"), ToolCall("look", "{}", "c2")),
    asked=REQUEST.texts,
)


def completion(content: str | None, *calls: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "tool_calls": list(calls)}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def test_a_request_passes_or_is_answered() -> None:
    verdict, (call,) = ask("rubrik", ENTRY, REQUEST, {})
    assert call.url == "https://rubrik.example/v1/before_prompt/openai/v1"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert sent(call) == {"model": "gpt-4o", "messages": TURNS}
    assert verdict == Allow()

    assert ask("rubrik", ENTRY, REQUEST, completion("Not here."))[0] == Answer("Not here.")


def test_an_answer_is_sent_with_its_request() -> None:
    verdict, (call,) = ask("rubrik", ENTRY, CALLS, completion("sure", CALL, {**CALL, "id": "c2"}))

    assert call.url == "https://rubrik.example/v1/after_completion/openai/v1"
    body = sent(call)
    assert body["request"] == {"model": "gpt-4o", "messages": TURNS, "tools": [{"type": "function"}]}
    message = body["response"]["choices"][0]["message"]
    assert (message["content"], message["tool_calls"][0]) == ("sure", CALL)
    assert verdict == Allow()


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (completion("No dropping.", {**CALL, "id": "c2"}), "No dropping."),
        (completion("other", CALL, {**CALL, "id": "c2"}), "other"),
        (completion(None), "Response blocked by policy"),
    ],
)
def test_what_it_changes_takes_the_answers_place(said: dict[str, Any], text: str) -> None:
    assert ask("rubrik", ENTRY, CALLS, said)[0] == Answer(text)


def test_an_answer_without_a_choice_is_no_verdict() -> None:
    with pytest.raises(Unavailable):
        ask("rubrik", ENTRY, ANSWER, {"choices": []})


def test_it_fails_open_as_the_vendor_has_it() -> None:
    assert named("rubrik").fails_open
