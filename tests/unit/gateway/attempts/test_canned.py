"""Answers without an upstream."""

import json

import pytest

from tianji.gateway.attempts.canned import answer, events


@pytest.mark.parametrize(("operation", "kind"), [("chat", "chat.completion"), ("completions", "text_completion")])
def test_a_whole_answer_says_the_text(operation, kind) -> None:
    made = answer(operation, "m", "two words", "id1")
    choice = made["choices"][0]
    assert (made["object"], made["model"], made["usage"]["completion_tokens"]) == (kind, "m", 2)
    assert (choice["message"]["content"] if operation == "chat" else choice["text"]) == "two words"


@pytest.mark.parametrize("operation", ["chat", "completions"])
@pytest.mark.parametrize("text", ["", "one", "two  spaces here"])
def test_the_events_join_to_the_text_and_end(operation, text) -> None:
    payloads = [event.removeprefix(b"data: ").strip() for event in events(operation, "m", text, "id1")]
    assert payloads.pop() == b"[DONE]"
    choices = [json.loads(payload)["choices"][0] for payload in payloads]
    said = [choice["delta"].get("content", "") if operation == "chat" else choice["text"] for choice in choices]
    assert "".join(said) == text
    assert choices[-1]["finish_reason"] == "stop"
