"""The Cursor editor's path: asked as the Responses API is, or as chat, and answered as chat."""

from typing import Any

import openai
import pytest
from tests.contract.harness import Gateway, Mock, events

PATHS = ("/cursor/chat/completions", "/cursor/v1/chat/completions")
TOOL = {"name": "run", "description": "runs it", "parameters": {"type": "object", "properties": {}}}
ASKED: dict[str, Any] = {
    "model": "gpt-test",
    "instructions": "be brief",
    "input": [
        {"role": "system", "content": "an editor"},
        {"role": "user", "content": [{"type": "input_text", "text": "list the files"}]},
        {"type": "function_call", "call_id": "call_1", "name": "run", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a.py"},
        {"role": "user", "content": "and now?"},
    ],
    "tools": [{"type": "function", "strict": False, **TOOL}],
    "tool_choice": "auto",
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 12,
    "include": ["reasoning.encrypted_content"],
    "store": False,
    "metadata": {"tags": ["editor"]},
}
TOLD = [
    ("system", "be brief"),
    ("system", "an editor"),
    ("user", [{"type": "text", "text": "list the files"}]),
    ("assistant", None),
    ("tool", "a.py"),
    ("user", "and now?"),
]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_asked_as_a_response_is_answered_as_chat(gateway: Gateway, mock: Mock, path: str) -> None:
    answer = gateway.post(path, ASKED)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["object"], found["model"]) == ("chat.completion", "gpt-test")
    assert found["choices"][0]["message"]["content"]
    sent = mock.last()
    assert sent["path"] == "/v1/chat/completions"
    body = sent["json"]
    assert [(one["role"], one.get("content")) for one in body["messages"]] == TOLD
    assert body["messages"][3]["tool_calls"][0]["function"] == {"name": "run", "arguments": "{}"}
    assert body["tools"] == [{"type": "function", "function": {**TOOL, "strict": False}}]
    assert (body["reasoning_effort"], body["tool_choice"]) == ("low", "auto")
    assert not {"input", "instructions", "include", "max_output_tokens"} & body.keys()


def test_its_stream_is_one_of_chat(gateway: Gateway) -> None:
    *chunks, last = events(gateway.post(PATHS[0], {**ASKED, "stream": True}).text)
    assert last == "[DONE]"
    assert [chunk for chunk in chunks if chunk.get("object") != "chat.completion.chunk"] == []
    assert chunks[-1]["usage"]["completion_tokens"] > 0


def test_chat_goes_through_as_it_is(gateway: Gateway, mock: Mock) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/cursor", api_key=gateway.key, max_retries=0) as client:
        made = client.chat.completions.create(model="gpt-test", messages=[{"role": "user", "content": "x"}], seed=7)
        assert made.choices[0].message.content
        assert mock.last()["json"]["seed"] == 7
        assert "gpt-test" in {model.id for model in client.models.list()}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "gpt-test"}, 400, "messages"),
        ({"model": "gpt-test", "input": []}, 400, "input"),
        ({"model": "gpt-test", "input": 7}, 400, "input"),
        ({"model": "gpt-test", "input": "x", "previous_response_id": "resp_1"}, 400, "previous_response_id"),
        ({"model": "nobody", "input": "x"}, 404, "nobody"),
    ],
)
def test_what_is_neither_is_refused(gateway: Gateway, mock: Mock, body: dict[str, Any], status: int, says: str) -> None:
    answer = gateway.post(PATHS[0], body)
    assert (answer.status_code, says in answer.json()["error"]["message"]) == (status, True), answer.text
    assert mock.requests() == []


def test_it_needs_a_key(gateway: Gateway) -> None:
    assert gateway.post(PATHS[0], ASKED, authorization="Bearer sk-wrong").status_code == 401
