"""Anthropic's client, on upstreams of three forms."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, GEMINI, GPT
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK: Any = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"name": "weather", "description": "says it", "input_schema": SCHEMA}]
MODELS = (CLAUDE, GPT, GEMINI)


class Said(BaseModel):
    word: str
    count: int


@pytest.fixture
def client(gateway: Gateway, mock: Mock) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
class TestMessages:
    def test_plain_and_streamed(self, client: anthropic.Anthropic, model: str) -> None:
        ask: Any = {"model": model, "max_tokens": 6, "messages": ASK, "system": "be kind"}
        plain = client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            text = "".join(stream.text_stream)
            streamed = stream.get_final_message()
        assert plain.content[0].text == streamed.content[0].text == text
        assert len(text.split()) == 6
        assert plain.stop_reason == streamed.stop_reason == "max_tokens"
        assert plain.model == streamed.model == model
        assert plain.usage.output_tokens == streamed.usage.output_tokens == 6

    def test_a_loop_of_tools(self, client: anthropic.Anthropic, calls_weather: Mock, model: str) -> None:
        ask: Any = {"model": model, "max_tokens": 99, "tools": TOOLS}
        with client.messages.stream(messages=ASK, **ask) as stream:
            first = stream.get_final_message()
        assert first.stop_reason == "tool_use"
        (call,) = [block for block in first.content if block.type == "tool_use"]
        assert call.input == {"city": "Oslo"}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "wet"}
        turns = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        second = client.messages.create(messages=turns, **ask)
        assert second.content[0].type == "text"
        assert "wet" in calls_weather.last()["body"]

    def test_structured(self, client: anthropic.Anthropic, model: str) -> None:
        found = client.messages.parse(model=model, max_tokens=99, messages=ASK, output_format=Said)
        assert isinstance(found.parsed_output, Said)

    @pytest.mark.parametrize(
        ("status", "kind", "named"),
        [
            (400, anthropic.BadRequestError, "invalid_request_error"),
            (429, anthropic.RateLimitError, "rate_limit_error"),
            (529, anthropic.OverloadedError, "overloaded_error"),
        ],
    )
    def test_errors(
        self, client: anthropic.Anthropic, mock: Mock, model: str, status: int, kind: Any, named: str
    ) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(kind) as caught:
            client.messages.create(model=model, max_tokens=6, messages=ASK)
        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error"
        assert caught.value.body["error"]["type"] == named
        assert caught.value.response.headers["retry-after"] == "7"

    def test_a_streamed_error(self, client: anthropic.Anthropic, mock: Mock, model: str) -> None:
        mock.control({"status": 429})
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model=model, max_tokens=6, messages=ASK, stream=True)

    def test_tokens(self, client: anthropic.Anthropic, model: str) -> None:
        alone = client.messages.count_tokens(model=model, messages=ASK).input_tokens
        assert 0 < alone < client.messages.count_tokens(model=model, messages=ASK, tools=TOOLS).input_tokens


def test_thinking_goes_back_as_it_came(client: anthropic.Anthropic, mock: Mock) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2VhbGVk"}
    hidden = {"type": "redacted_thinking", "data": "aGlkZGVu"}
    turns: Any = [
        *ASK,
        {"role": "assistant", "content": [thought, hidden, {"type": "text", "text": "four"}]},
        {"role": "user", "content": [{"type": "text", "text": "more", "cache_control": {"type": "ephemeral"}}]},
    ]
    client.messages.create(
        model=CLAUDE,
        max_tokens=2048,
        messages=turns,
        thinking={"type": "enabled", "budget_tokens": 1024},
        system=[{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        extra_headers={"anthropic-beta": "interleaved-thinking-2025-05-14,extended-cache-ttl-2025-04-11"},
    )
    sent = mock.last()
    assert sent["json"]["messages"] == turns
    assert sent["json"]["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert sent["json"]["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    headers = dict(sent["headers"])
    assert headers["anthropic-beta"] == "interleaved-thinking-2025-05-14,extended-cache-ttl-2025-04-11"


def test_models(client: anthropic.Anthropic) -> None:
    assert CLAUDE in {model.id for model in client.models.list()}
    assert client.models.retrieve(CLAUDE).id == CLAUDE
