"""Mistral's client, whose models of answers are strict: each chunk says why it ends, or null; usage has no choice.

What only Mistral's own API has is left out: names in all pieces of a streamed call, ids of embeddings, kinds of models.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mistralai.client import Mistral, errors
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, COMMAND, GEMINI, GPT, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK: Any = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


class Said(BaseModel):
    word: str
    count: int


@pytest.fixture
def client(gateway: Gateway, mock: Mock) -> Iterator[Mistral]:
    with Mistral(api_key=MASTER_KEY, server_url=gateway.url) as made:
        yield made


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI, COMMAND, RESPONSES])
class TestChat:
    def test_plain_and_streamed(self, client: Mistral, model: str) -> None:
        plain = client.chat.complete(model=model, messages=ASK, max_tokens=6)
        with client.chat.stream(model=model, messages=ASK, max_tokens=6) as stream:
            chunks = [event.data for event in stream]
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == plain.choices[0].message.content
        assert len(text.split()) == 6
        ends = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
        assert ends[-1] == plain.choices[0].finish_reason == "length"
        assert set(ends[:-1]) == {None}

    def test_a_loop_of_tools(self, client: Mistral, calls_weather: Mock, model: str) -> None:
        first = client.chat.complete(model=model, messages=ASK, tools=TOOLS).choices[0]
        assert first.finish_reason == "tool_calls"
        (call,) = first.message.tool_calls
        assert call.function.name == "weather"
        assert json.loads(call.function.arguments) == {"city": "Oslo"}
        turns = [
            *ASK,
            first.message,
            {"role": "tool", "tool_call_id": call.id, "name": "weather", "content": "wet"},
        ]
        second = client.chat.complete(model=model, messages=turns, tools=TOOLS)
        assert second.choices[0].message.content
        assert "wet" in calls_weather.last()["body"]

    def test_structured(self, client: Mistral, model: str) -> None:
        found = client.chat.parse(model=model, messages=ASK, response_format=Said)
        assert isinstance(found.choices[0].message.parsed, Said)

    @pytest.mark.parametrize("status", [400, 429])
    def test_errors(self, client: Mistral, mock: Mock, model: str, status: int) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(errors.SDKError) as caught:
            client.chat.complete(model=model, messages=ASK)
        assert caught.value.status_code == status
        assert caught.value.headers["retry-after"] == "7"
