"""Google's client, by the version of its API that it takes with a base of one's own and by v1, on three forms."""

from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, GEMINI, GPT
from tests.contract.harness import MASTER_KEY, Gateway, Mock

MODELS = (GEMINI, GPT, CLAUDE)
WEATHER = types.FunctionDeclaration(
    name="weather",
    description="says it",
    parameters=types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"]),
)
TOOLS: Any = [types.Tool(function_declarations=[WEATHER])]


class Said(BaseModel):
    word: str
    count: int


@pytest.fixture(params=["v1beta", "v1"])
def client(request: pytest.FixtureRequest, gateway: Gateway, mock: Mock) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.url, api_version=request.param)
    with genai.Client(api_key=MASTER_KEY, vertexai=False, http_options=options) as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
class TestContent:
    def test_plain_and_streamed(self, client: genai.Client, model: str) -> None:
        config = types.GenerateContentConfig(max_output_tokens=6, system_instruction="be kind")
        plain = client.models.generate_content(model=model, contents="one two three", config=config)
        chunks = list(client.models.generate_content_stream(model=model, contents="one two three", config=config))
        assert "".join(chunk.text or "" for chunk in chunks) == plain.text
        assert len((plain.text or "").split()) == 6
        assert plain.candidates
        assert chunks[-1].candidates
        assert plain.candidates[0].finish_reason == chunks[-1].candidates[0].finish_reason == "MAX_TOKENS"
        assert plain.usage_metadata.candidates_token_count == 6
        assert chunks[-1].usage_metadata.candidates_token_count == 6

    def test_a_loop_of_tools(self, client: genai.Client, calls_weather: Mock, model: str) -> None:
        config = types.GenerateContentConfig(
            tools=TOOLS, automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True)
        )
        first = client.models.generate_content(model=model, contents="one two three", config=config)
        (call,) = first.function_calls or []
        assert (call.name, call.args) == ("weather", {"city": "Oslo"})
        asked = types.Content(role="user", parts=[types.Part(text="one two three")])
        result = types.FunctionResponse(id=call.id, name=call.name, response={"result": "wet"})
        turns = [
            asked,
            first.candidates[0].content,
            types.Content(role="user", parts=[types.Part(function_response=result)]),
        ]
        second = client.models.generate_content(model=model, contents=turns, config=config)
        assert second.text
        assert "wet" in calls_weather.last()["body"]

    def test_its_own_loop_of_tools(self, client: genai.Client, calls_weather: Mock, model: str) -> None:
        asked = []

        def weather(city: str) -> str:
            """Say the weather of a city."""
            asked.append(city)
            return "wet"

        chat = client.chats.create(model=model, config=types.GenerateContentConfig(tools=[weather]))
        assert chat.send_message("one two three").text
        assert asked == ["Oslo"]

    def test_structured(self, client: genai.Client, model: str) -> None:
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Said)
        found = client.models.generate_content(model=model, contents="one two three", config=config)
        assert isinstance(found.parsed, Said)

    @pytest.mark.parametrize(
        ("status", "word"), [(400, "INVALID_ARGUMENT"), (429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE")]
    )
    def test_errors(self, client: genai.Client, mock: Mock, model: str, status: int, word: str) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(errors.APIError) as caught:
            client.models.generate_content(model=model, contents="one")
        assert (caught.value.code, caught.value.status) == (status, word)
        with pytest.raises(errors.ClientError if status < 500 else errors.ServerError):
            list(client.models.generate_content_stream(model=model, contents="one"))

    def test_tokens(self, client: genai.Client, model: str) -> None:
        assert client.models.count_tokens(model=model, contents="one two three").total_tokens > 2


@pytest.mark.parametrize("model", ["gemini-embedding-001", "text-embedding-3-small"])
def test_embeddings(client: genai.Client, model: str) -> None:
    config = types.EmbedContentConfig(output_dimensionality=8)
    found = client.models.embed_content(model=model, contents=["one", "two"], config=config)
    assert [len(one.values) for one in found.embeddings] == [8, 8]
    assert len(client.models.embed_content(model=model, contents="one", config=config).embeddings) == 1
