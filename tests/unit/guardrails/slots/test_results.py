"""Lines of answers: what is an answer in them, and how they look with another or none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest
from tianji.guardrails.slots import results
from tianji.guardrails.slots.texts import Unreadable

CHAT = {"object": "chat.completion", "model": "m", "choices": []}
MESSAGE = {"type": "message", "model": "c", "content": []}
GOOGLE = {"candidates": [], "modelVersion": "g"}
ITEMS = {"object": "response"}
LINES: dict[str, tuple[dict[str, Any], Any, str, str]] = {
    "chat": ({"custom_id": "a", "response": {"status_code": 200, "body": CHAT}, "error": None}, CHAT, "chat", "m"),
    "response": (
        {"custom_id": "a", "response": {"body": {"object": "response"}}},
        {"object": "response"},
        "responses",
        "",
    ),
    "vectors": (
        {"custom_id": "a", "response": {"body": {"object": "list", "data": [{"object": "embedding"}]}}},
        {"object": "list", "data": [{"object": "embedding"}]},
        "embeddings",
        "",
    ),
    "strange": ({"custom_id": "a", "response": {"body": {"said": "x"}}}, {"said": "x"}, "", ""),
    "messages": ({"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}}, MESSAGE, "messages", "c"),
    "google": ({"key": "a", "response": GOOGLE}, GOOGLE, "gemini", "g"),
    "failed": ({"custom_id": "a", "response": None, "error": {"message": "x"}}, None, "", ""),
    "canceled": ({"custom_id": "a", "result": {"type": "canceled"}}, None, "", ""),
}


@pytest.mark.parametrize("name", LINES)
def test_the_answer_of_a_line_is_found(name: str) -> None:
    line, body, operation, model = LINES[name]
    text = json.dumps(line, indent=None).encode()
    assert results.is_result(text)

    found = results.read(text)

    assert (found.custom_id, found.operation, found.model) == ("a", operation, model)
    assert (None if found.body is None else json.loads(found.body)) == body
    if found.body is not None:
        assert found.written(found.body) == text
        assert found.body in found.written(b"7").replace(b"7", found.body, 1)


@given(st.text(), st.text())
def test_an_error_stands_where_the_answer_stood(name: str, said: str) -> None:
    error = InvalidRequest(said)
    openai = results.read(json.dumps({"custom_id": name, "response": {"body": CHAT}}).encode()).refused(error)
    anthropic = results.read(json.dumps({"custom_id": name, "result": {"message": MESSAGE}}).encode()).refused(error)

    assert json.loads(openai)["custom_id"] == json.loads(anthropic)["custom_id"] == name
    assert json.loads(openai)["error"]["message"] == said
    assert json.loads(anthropic)["result"]["error"]["error"]["message"] == said


@pytest.mark.parametrize(
    "line", [b"", b"no", b"[1]", b'{"a": 1, "a": 2}', b'{"custom_id": "\\ud800", "response": NaN}']
)
def test_what_is_no_object_is_not_read(line: bytes) -> None:
    with pytest.raises(Unreadable):
        results.read(line)


@pytest.mark.parametrize("line", [b"", b"a,b", b'{"custom_id": 1}', b'{"response": 1}', b'["custom_id", "response"]'])
def test_other_lines_are_no_results(line: bytes) -> None:
    assert not results.is_result(line)
