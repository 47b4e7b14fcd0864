"""What stands in the model's place is an answer of the dialect that was spoken."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.streaming.streams import events, heard

from tianji.clock import ManualClock
from tianji.guardrails.content import Direction
from tianji.guardrails.slots.answers import answered
from tianji.guardrails.slots.forms import form_of
from tianji.protocol.chat.answer import Usage

ASKED: dict[str, dict[str, Any]] = {
    "chat": {"model": "m", "messages": [{"role": "user", "content": "a"}]},
    "completions": {"model": "m", "prompt": "a"},
    "messages": {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]},
    "responses": {"model": "m", "input": "a"},
    "gemini": {"contents": [{"parts": [{"text": "a"}]}]},
}
ENDS = {
    "chat": '"finish_reason":"content_filter"',
    "completions": '"finish_reason":"content_filter"',
    "messages": '"stop_reason":"end_turn"',
    "responses": '"status":"completed"',
    "gemini": '"finishReason":"SAFETY"',
}


@pytest.mark.parametrize("operation", ASKED)
def test_a_whole_answer(operation: str) -> None:
    said = answered(operation, json.dumps(ASKED[operation]).encode(), "m", "I may not.", "whole", clock=ManualClock())

    assert said is not None
    assert said.content_type == "application/json"
    content = form_of(operation).read(Direction.RESPONSE, said.body).content
    assert [text.text for text in content.texts] == ["I may not."]
    assert ENDS[operation] in said.body.decode()


@pytest.mark.parametrize("operation", ASKED)
def test_a_streamed_answer(operation: str) -> None:
    said = answered(operation, json.dumps(ASKED[operation]).encode(), "m", "I may not.", "events")

    assert said is not None
    assert said.content_type == "text/event-stream"
    assert heard(said.body.replace(b"\r\n", b"\n")) == "I may not."
    assert ENDS[operation] in said.body.decode()


def test_an_answer_of_google_may_be_an_array() -> None:
    asked = json.dumps(ASKED["gemini"]).encode()
    said = answered("gemini", asked, "m", "I may not.", "array")

    assert said is not None
    assert said.content_type == "application/json"
    assert events(said.body)[0]["candidates"][0]["content"]["parts"] == [{"text": "I may not."}]


def test_what_the_model_has_used_is_said() -> None:
    usage = Usage(prompt_tokens=3, completion_tokens=4, total_tokens=7)
    said = answered("chat", json.dumps(ASKED["chat"]).encode(), "m", "no", "whole", usage=usage)

    assert said is not None
    assert json.loads(said.body)["usage"]["total_tokens"] == 7


def test_numbers_are_no_answer_in_words() -> None:
    assert answered("embeddings", b'{"model":"m","input":"a"}', "m", "no", "whole") is None
