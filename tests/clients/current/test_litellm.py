"""LiteLLM's library, which knows gateways of its kind as `litellm_proxy/`."""

import json
from typing import Any

import litellm
import pytest
from tests.clients.conftest import CLAUDE, GEMINI, GPT
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK: Any = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]


@pytest.fixture
def to(gateway: Gateway, mock: Mock) -> dict[str, Any]:
    return {"api_base": gateway.url, "api_key": MASTER_KEY, "max_retries": 0}


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
class TestProxy:
    def test_plain_and_streamed(self, to: dict[str, Any], model: str) -> None:
        ask = {"model": f"litellm_proxy/{model}", "messages": ASK, **to}
        plain = litellm.completion(**ask)
        chunks = list(litellm.completion(**ask, stream=True, stream_options={"include_usage": True}))
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == plain.choices[0].message.content
        assert len(text.split()) == 32
        assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens == 32

    def test_a_loop_of_tools(self, to: dict[str, Any], calls_weather: Mock, model: str) -> None:
        ask = {"model": f"litellm_proxy/{model}", "tools": TOOLS, **to}
        chunks = list(litellm.completion(messages=ASK, **ask, stream=True))
        first = litellm.stream_chunk_builder(chunks).choices[0].message
        (call,) = first.tool_calls
        assert json.loads(call.function.arguments) == {"city": "Oslo"}
        turns = [*ASK, first, {"role": "tool", "tool_call_id": call.id, "content": "wet"}]
        assert litellm.completion(messages=turns, **ask).choices[0].message.content
        assert "wet" in calls_weather.last()["body"]

    @pytest.mark.parametrize(("status", "kind"), [(400, litellm.BadRequestError), (429, litellm.RateLimitError)])
    def test_errors(self, to: dict[str, Any], mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status})
        with pytest.raises(kind):
            litellm.completion(model=f"litellm_proxy/{model}", messages=ASK, **to)


def test_embeddings(to: dict[str, Any]) -> None:
    found = litellm.embedding(model="litellm_proxy/text-embedding-3-small", input=["one", "two"], **to)
    assert len(found.data) == 2


def test_responses(to: dict[str, Any]) -> None:
    found = litellm.responses(model=f"litellm_proxy/{GPT}", input="one two three", **to)
    assert len(found.output[0].content[0].text.split()) == 32
