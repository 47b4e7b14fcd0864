"""LangChain's chat models over OpenAI's client and over Anthropic's."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr
from tests.clients.conftest import CLAUDE, GPT, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

Make = Callable[..., BaseChatModel]


class Said(BaseModel):
    """What is said."""

    word: str
    count: int


@tool
def weather(city: str) -> str:
    """Say the weather of a city."""
    return f"wet in {city}"


@pytest.fixture(params=["openai", "openai-responses", "anthropic"])
def make(request: pytest.FixtureRequest, gateway: Gateway, mock: Mock) -> Make:
    def made(model: str, **options: Any) -> BaseChatModel:
        options |= {"max_retries": 0}
        if request.param == "anthropic":
            return ChatAnthropic(model_name=model, base_url=gateway.url, api_key=SecretStr(MASTER_KEY), **options)
        over_responses = request.param == "openai-responses"
        return ChatOpenAI(
            model=model,
            base_url=f"{gateway.url}/v1",
            api_key=SecretStr(MASTER_KEY),
            use_responses_api=over_responses,
            stream_usage=True,
            **options,
        )

    return made


@pytest.mark.parametrize("model", [GPT, CLAUDE, RESPONSES])
class TestChat:
    def test_plain_and_streamed(self, make: Make, model: str) -> None:
        plain = make(model).invoke("one two three")
        whole = AIMessageChunk("")
        for chunk in make(model).stream("one two three"):
            whole += chunk
        assert plain.text == whole.text
        assert len(plain.text.split()) == 32
        assert plain.usage_metadata
        assert whole.usage_metadata
        assert plain.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"] == 32

    def test_a_loop_of_tools(self, make: Make, calls_weather: Mock, model: str) -> None:
        able = make(model).bind_tools([weather])
        asked = HumanMessage("one two three")
        first = able.invoke([asked])
        (call,) = first.tool_calls
        assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
        result = weather.invoke(call)
        assert isinstance(result, ToolMessage)
        assert able.invoke([asked, first, result]).text
        assert "wet in Oslo" in calls_weather.last()["body"]

    def test_a_streamed_call(self, make: Make, calls_weather: Mock, model: str) -> None:
        whole = AIMessageChunk("")
        for chunk in make(model).bind_tools([weather]).stream("one two three"):
            whole += chunk
        assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("weather", {"city": "Oslo"})]

    def test_structured(self, make: Make, model: str) -> None:
        assert isinstance(make(model).with_structured_output(Said).invoke("one"), Said)

    @pytest.mark.parametrize("status", [400, 429])
    def test_errors(self, make: Make, mock: Mock, model: str, status: int) -> None:
        mock.control({"status": status})
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            make(model).invoke("one")
        assert caught.value.status_code == status


def test_embeddings(gateway: Gateway, mock: Mock) -> None:
    client = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=f"{gateway.url}/v1",
        api_key=SecretStr(MASTER_KEY),
        check_embedding_ctx_length=False,  # else it fetches a vocabulary
    )
    assert len(client.embed_documents(["one", "two"])) == 2
