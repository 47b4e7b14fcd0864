"""LlamaIndex by its class for what is like OpenAI."""

from typing import Any

import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, GEMINI, GPT
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK = [ChatMessage(role="user", content="one two three")]


class Said(BaseModel):
    """What is said."""

    word: str
    count: int


def weather(city: str) -> str:
    """Say the weather of a city."""
    return f"wet in {city}"


@pytest.mark.parametrize("model", [GPT, CLAUDE, GEMINI])
class TestOpenAILike:
    @pytest.fixture
    def client(self, gateway: Gateway, mock: Mock, model: str) -> OpenAILike:
        return OpenAILike(
            model=model,
            api_base=f"{gateway.url}/v1",
            api_key=MASTER_KEY,
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
        )

    def test_plain_and_streamed(self, client: OpenAILike) -> None:
        plain = client.chat(ASK).message.content
        *_, last = client.stream_chat(ASK)
        assert plain == last.message.content
        assert len((plain or "").split()) == 32

    def test_a_loop_of_tools(self, client: OpenAILike, calls_weather: Mock) -> None:
        tool = FunctionTool.from_defaults(weather)
        first = client.chat_with_tools([tool], chat_history=ASK)
        (call,) = client.get_tool_calls_from_response(first)
        assert (call.tool_name, call.tool_kwargs) == ("weather", {"city": "Oslo"})
        result = ChatMessage(role="tool", content="wet", additional_kwargs={"tool_call_id": call.tool_id})
        assert client.chat_with_tools([tool], chat_history=[*ASK, first.message, result]).message.content
        assert "wet" in calls_weather.last()["body"]

    def test_structured(self, client: OpenAILike) -> None:
        assert isinstance(client.as_structured_llm(Said).chat(ASK).raw, Said)

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, client: OpenAILike, mock: Mock, status: int, kind: Any) -> None:
        mock.control({"status": status})
        with pytest.raises(kind):
            client.chat(ASK)
