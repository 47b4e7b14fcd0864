"""Every OpenAI endpoint by the official client, sync and async, plain and streamed."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
from pydantic import BaseModel

from tianji.mock import MockServer, Rule
from tianji.mock.faults import Faults

ASK = [{"role": "user", "content": "one two three"}]


@pytest.fixture
async def client(mock: MockServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{mock.url}/v1", api_key="sk-any", max_retries=0) as made:
        yield made


async def test_sync_chat_plain_and_streamed(mock: MockServer) -> None:
    def run() -> tuple[str, str]:
        with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="sk-any", max_retries=0) as made:
            plain = made.chat.completions.create(model="demo", messages=ASK)
            chunks = list(made.chat.completions.create(model="demo", messages=ASK, stream=True))
        return plain.choices[0].message.content or "", "".join(c.choices[0].delta.content or "" for c in chunks)

    plain, streamed = await asyncio.to_thread(run)
    assert plain == streamed
    assert len(plain.split()) == 32


async def test_chat_usage_is_the_same_plain_and_streamed(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(model="demo", messages=ASK, max_tokens=5, n=2)
    stream = await client.chat.completions.create(
        model="demo", messages=ASK, max_tokens=5, n=2, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert plain.usage is not None
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens, plain.usage.total_tokens) == (3, 10, 13)
    assert chunks[-1].usage == plain.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert [choice.finish_reason for choice in plain.choices] == ["length", "length"]
    for i in range(2):
        said = [c.delta.content or "" for chunk in chunks for c in chunk.choices if c.index == i]
        assert "".join(said) == plain.choices[i].message.content


async def test_chat_parse_gives_a_value_of_the_schema(client: openai.AsyncOpenAI) -> None:
    class Place(BaseModel):
        name: str
        height: int

    class Trip(BaseModel):
        places: list[Place]
        done: bool
        remark: str | None

    answer = await client.chat.completions.parse(model="demo", messages=ASK, response_format=Trip)
    assert isinstance(answer.choices[0].message.parsed, Trip)
    assert len(answer.choices[0].message.parsed.places) == 1


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}])
async def test_chat_calls_a_tool_when_it_must(client: openai.AsyncOpenAI, choice: object) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    wish = {"model": "demo", "messages": ASK, "tools": tools, "tool_choice": choice}
    plain = await client.chat.completions.create(**wish)  # type: ignore[call-overload]
    (call,) = plain.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert call.function.arguments.startswith('{"city":"')
    chunks = [c async for c in await client.chat.completions.create(**wish, stream=True)]  # type: ignore[call-overload]
    parts = [t for c in chunks for t in c.choices[0].delta.tool_calls or ()]
    assert "".join(part.function.arguments for part in parts) == call.function.arguments
    assert chunks[-1].choices[0].finish_reason == plain.choices[0].finish_reason == "tool_calls"


async def test_chat_calls_no_tool_when_it_may_not(client: openai.AsyncOpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    answer = await client.chat.completions.create(model="demo", messages=ASK, tools=tools)  # type: ignore[call-overload]
    assert answer.choices[0].message.tool_calls is None


async def test_chat_logprobs(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="demo", messages=ASK, logprobs=True, max_tokens=4)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert "".join(entry.token for entry in logprobs.content or ()) == answer.choices[0].message.content


async def test_completions(client: openai.AsyncOpenAI) -> None:
    plain = await client.completions.create(model="demo", prompt=["a b", "c"], max_tokens=3)
    assert plain.usage is not None
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (3, 6)
    chunks = [c async for c in await client.completions.create(model="demo", prompt="a b", max_tokens=3, stream=True)]
    alone = await client.completions.create(model="demo", prompt="a b", max_tokens=3)
    assert "".join(c.choices[0].text for c in chunks) == alone.choices[0].text
    echoed = await client.completions.create(model="demo", prompt="a b", max_tokens=3, echo=True)
    assert echoed.choices[0].text == "a b" + alone.choices[0].text
    assert echoed.usage == alone.usage


async def test_embeddings_agree_in_both_codings(client: openai.AsyncOpenAI) -> None:
    texts = ["one two", "three"]
    coded = await client.embeddings.create(model="embed", input=texts, dimensions=8)  # the client asks for base64
    plain = await client.embeddings.create(model="embed", input=texts, dimensions=8, encoding_format="float")
    assert [e.embedding for e in coded.data] == [e.embedding for e in plain.data]
    assert coded.usage.prompt_tokens == 3
    assert sum(v * v for v in plain.data[0].embedding) == pytest.approx(1, abs=1e-6)
    assert plain.data[0].embedding != plain.data[1].embedding


async def test_embeddings_take_token_numbers(client: openai.AsyncOpenAI) -> None:
    assert len((await client.embeddings.create(model="embed", input=[[1, 2], [3]])).data) == 2
    assert len((await client.embeddings.create(model="embed", input=[1, 2, 3])).data) == 1


async def test_responses(client: openai.AsyncOpenAI) -> None:
    plain = await client.responses.create(model="demo", input="one two", instructions="be short")
    assert plain.usage is not None
    assert plain.usage.input_tokens == 4
    async with client.responses.stream(model="demo", input="one two", instructions="be short") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == plain.output_text
    assert final.usage == plain.usage
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"


async def test_responses_cut_short_are_incomplete(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(model="demo", input="one", max_output_tokens=2)
    assert answer.status == "incomplete"
    assert len(answer.output_text.split()) == 2


async def test_moderations(client: openai.AsyncOpenAI) -> None:
    answer = await client.moderations.create(input=["a calm day", "so much violence"])
    assert [result.flagged for result in answer.results] == [False, True]
    assert answer.results[1].categories.violence


async def test_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["demo", "mock"]
    assert (await client.models.retrieve("any/name")).id == "any/name"


async def test_errors_are_the_clients_own(mock: MockServer, client: openai.AsyncOpenAI) -> None:
    for status, kind in ((401, openai.AuthenticationError), (429, openai.RateLimitError)):
        mock.control(Rule(Faults(status=status), times=1))
        with pytest.raises(kind):
            await client.chat.completions.create(model="demo", messages=ASK)
    with pytest.raises(openai.InternalServerError, match="status 503"):
        await client.chat.completions.create(model="mock-status-503", messages=ASK)
    with pytest.raises(openai.APIError, match="mid-stream"):
        [c async for c in await client.chat.completions.create(model="mock-error-3", messages=ASK, stream=True)]
