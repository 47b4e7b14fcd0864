"""Frameworks whose loop runs by itself: Pydantic AI and OpenAI's agents."""

import asyncio
from typing import Any

import openai
import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from pydantic import BaseModel
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai import ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.openai import OpenAIResponsesModel as PydanticResponses
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from tests.clients.conftest import CLAUDE, GPT, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

MODELS = (GPT, CLAUDE, RESPONSES)
PYDANTIC: dict[str, Any] = {"chat": OpenAIChatModel, "responses": PydanticResponses}
AGENTS: dict[str, Any] = {"chat": OpenAIChatCompletionsModel, "responses": OpenAIResponsesModel}


class Said(BaseModel):
    word: str
    count: int


def weather(city: str) -> str:
    """Say the weather of a city."""
    return f"wet in {city}"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("api", ["chat", "responses", "messages"])
class TestPydanticAI:
    @pytest.fixture
    def speaks(self, gateway: Gateway, mock: Mock, api: str, model: str) -> Any:
        if api == "messages":
            return AnthropicModel(model, provider=AnthropicProvider(base_url=gateway.url, api_key=MASTER_KEY))
        provider = OpenAIProvider(
            openai_client=openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0)
        )
        return PYDANTIC[api](model, provider=provider)

    def test_plain(self, speaks: Any) -> None:
        found = PydanticAgent(speaks).run_sync("one two three")
        assert len(found.output.split()) == 32
        assert found.usage.output_tokens == 32

    def test_streamed(self, speaks: Any) -> None:
        with PydanticAgent(speaks).run_stream_sync("one two three") as found:
            assert len(list(found.stream_text())[-1].split()) == 32

    def test_a_loop_of_tools(self, speaks: Any, calls_weather: Mock) -> None:
        agent = PydanticAgent(speaks, tools=[weather])
        assert agent.run_sync("one two three").output
        assert "wet in Oslo" in calls_weather.last()["body"]

    def test_structured(self, speaks: Any) -> None:
        assert isinstance(PydanticAgent(speaks, output_type=Said).run_sync("one").output, Said)

    @pytest.mark.parametrize("status", [400, 429])
    def test_errors(self, speaks: Any, mock: Mock, status: int) -> None:
        mock.control({"status": status})
        with pytest.raises(ModelHTTPError) as caught:
            PydanticAgent(speaks).run_sync("one")
        assert caught.value.status_code == status


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("api", ["chat", "responses"])
class TestOpenAIAgents:
    @pytest.fixture
    def speaks(self, gateway: Gateway, mock: Mock, api: str, model: str) -> Any:
        client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0)
        return AGENTS[api](model=model, openai_client=client)

    def test_plain(self, speaks: Any) -> None:
        found = Runner.run_sync(Agent(name="a", instructions="be kind", model=speaks), "one two three")
        assert len(found.final_output.split()) == 32

    def test_a_loop_of_tools(self, speaks: Any, calls_weather: Mock) -> None:
        agent = Agent(name="a", model=speaks, tools=[function_tool(weather)])
        assert Runner.run_sync(agent, "one two three").final_output
        assert "wet in Oslo" in calls_weather.last()["body"]

    def test_a_streamed_loop_of_tools(self, speaks: Any, calls_weather: Mock) -> None:
        agent = Agent(name="a", model=speaks, tools=[function_tool(weather)])

        async def run() -> Any:
            found = Runner.run_streamed(agent, "one two three")
            async for _ in found.stream_events():
                pass
            return found.final_output

        assert asyncio.run(run())
        assert "wet in Oslo" in calls_weather.last()["body"]

    def test_structured(self, speaks: Any) -> None:
        found = Runner.run_sync(Agent(name="a", model=speaks, output_type=Said), "one")
        assert isinstance(found.final_output, Said)

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, speaks: Any, mock: Mock, status: int, kind: Any) -> None:
        mock.control({"status": status})
        with pytest.raises(kind):
            Runner.run_sync(Agent(name="a", model=speaks), "one")
