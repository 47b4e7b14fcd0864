"""The official client, unmodified, against the gateway: everything of this release, sync and async."""

import asyncio
import struct
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator

import openai
import pytest
from pydantic import BaseModel
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK = [{"role": "user", "content": "one two three"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Said(BaseModel):
    word: str
    count: int


@pytest.fixture
def client(gateway: Gateway, mock: Mock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(gateway: Gateway, mock: Mock) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


def said(chunks: list[openai.types.chat.ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def test_chat_plain_and_streamed_say_the_same(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="renamed", messages=ASK)
    with client.chat.completions.create(model="renamed", messages=ASK, stream=True) as stream:
        chunks = list(stream)
    assert len((plain.choices[0].message.content or "").split()) == 32
    assert said(chunks) == plain.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == plain.choices[0].finish_reason == "stop"
    assert {plain.model, *(chunk.model for chunk in chunks)} == {"renamed"}
    assert plain.usage is not None
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (3, 32)
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_with_usage_ends_with_it(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="gpt-test", messages=ASK, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 35
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_async_chat_plain_and_streamed(async_client: openai.AsyncOpenAI) -> None:
    async def streamed() -> str:
        stream = await async_client.chat.completions.create(model="gpt-test", messages=ASK, stream=True)
        return said([chunk async for chunk in stream])

    plain = await async_client.chat.completions.create(model="gpt-test", messages=ASK)
    texts = await asyncio.gather(*(streamed() for _ in range(20)))
    assert set(texts) == {plain.choices[0].message.content}


async def test_async_stream_helper(async_client: openai.AsyncOpenAI) -> None:
    async with async_client.chat.completions.stream(model="gpt-test", messages=ASK) as stream:
        deltas = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    assert "".join(deltas) == final.choices[0].message.content


def test_with_raw_response_shows_headers_and_parses(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-test", messages=ASK, extra_headers={"x-litellm-call-id": "call-7"}
    )
    assert raw.status_code == 200
    assert raw.headers["x-tianji-call-id"] == raw.headers["x-litellm-call-id"] == "call-7"
    assert raw.headers["x-litellm-model-group"] == "gpt-test"
    assert raw.request_id == "call-7"  # by which the gateway knows it; `request-id` is the upstream's
    assert raw.headers["request-id"].startswith("req_")
    assert len((raw.parse().choices[0].message.content or "").split()) == 32


def test_answers_and_errors_name_the_request(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-test", messages=ASK)
    assert answer._request_id
    with pytest.raises(openai.NotFoundError) as told:
        client.chat.completions.create(model="nobody", messages=ASK)
    assert told.value.request_id == told.value.response.headers["x-litellm-call-id"]
    assert told.value.request_id != answer._request_id


def test_with_streaming_response(client: openai.OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model="gpt-test", messages=ASK, stream=True
    ) as response:
        lines = [line for line in response.iter_lines() if line]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert lines[-1] == "data: [DONE]"
    assert len(lines) == 1 + 32 + 1 + 1


def test_parse_reads_a_structured_answer(client: openai.OpenAI) -> None:
    canned = client.chat.completions.parse(model="canned", messages=ASK, response_format=Said)
    assert canned.choices[0].message.parsed == Said(word="always", count=3)
    made = client.chat.completions.parse(model="gpt-test", messages=ASK, response_format=Said)
    assert isinstance(made.choices[0].message.parsed, Said)


def test_a_canned_answer_streams(client: openai.OpenAI) -> None:
    with client.chat.completions.create(model="canned", messages=ASK, stream=True) as stream:
        chunks = list(stream)
    assert Said.model_validate_json(said(chunks)) == Said(word="always", count=3)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_tools_plain_and_streamed(client: openai.OpenAI) -> None:
    wish = {"model": "gpt-test", "messages": ASK, "tools": [TOOL], "tool_choice": "required"}
    plain = client.chat.completions.create(**wish)
    calls = plain.choices[0].message.tool_calls
    assert calls is not None
    with client.chat.completions.create(**wish, stream=True) as stream:
        chunks = list(stream)
    pieces = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    assert pieces[0].function is not None
    assert pieces[0].function.name == calls[0].function.name == "weather"
    arguments = "".join(piece.function.arguments or "" for piece in pieces if piece.function)
    assert arguments == calls[0].function.arguments
    assert plain.choices[0].finish_reason == "tool_calls"


def test_several_choices_and_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-test", messages=ASK, n=3, logprobs=True, max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert all(choice.logprobs and len(choice.logprobs.content or ()) == 4 for choice in answer.choices)


def test_embeddings_in_base64_and_as_numbers(client: openai.OpenAI, mock: Mock) -> None:
    packed = client.embeddings.create(model="embed", input=["a b", "c"])
    assert mock.last()["json"]["encoding_format"] == "base64"  # the client's own default
    plain = client.embeddings.create(model="embed", input=["a b", "c"], encoding_format="float")
    assert [row.index for row in packed.data] == [0, 1]
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    raw = client.embeddings.with_raw_response.create(model="embed", input="a b", encoding_format="base64")
    text = raw.http_response.json()["data"][0]["embedding"]
    numbers = struct.unpack(f"<{len(packed.data[0].embedding)}f", b64decode(text))
    assert list(numbers) == pytest.approx(packed.data[0].embedding)
    assert packed.model == "embed"


def test_completions_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.completions.create(model="gpt-test", prompt="one two", max_tokens=6)
    with client.completions.create(model="gpt-test", prompt="one two", max_tokens=6, stream=True) as stream:
        streamed = "".join(chunk.choices[0].text for chunk in stream)
    assert streamed == plain.choices[0].text
    assert len(streamed.split()) == 6


def test_moderations_with_and_without_a_model(client: openai.OpenAI, mock: Mock) -> None:
    named = client.moderations.create(model="omni-moderation-latest", input="hello")
    unnamed = client.moderations.create(input="hello")
    assert named.results[0].flagged == unnamed.results[0].flagged
    assert [request["json"]["model"] for request in mock.requests()] == ["omni-moderation-latest"] * 2


def test_models_list_and_retrieve(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "gpt-test" in names
    assert "nickname" in names
    assert "whispered" not in names
    assert "mock-*" not in names
    assert client.models.retrieve("gpt-test").id == "gpt-test"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-toast")


def test_aliases_serve_hidden_or_not(client: openai.OpenAI, mock: Mock) -> None:
    for name in ("nickname", "whispered"):
        assert client.chat.completions.create(model=name, messages=ASK).model == name
        assert mock.last()["json"]["model"] == "upstream-name"


def test_error_classes(client: openai.OpenAI, gateway: Gateway) -> None:
    def ask(model: str, **more: object) -> None:
        client.chat.completions.create(model=model, messages=ASK, **more)

    with pytest.raises(openai.NotFoundError) as unknown:
        ask("gpt-tset")
    assert unknown.value.code == "model_not_found"
    assert "'gpt-test'" in unknown.value.message
    with pytest.raises(openai.BadRequestError) as bad:
        ask("gpt-test", extra_body={"messages": "hello"})
    assert (bad.value.param, bad.value.code) == ("messages", "invalid_type")
    with pytest.raises(openai.RateLimitError) as limited:
        ask("mock-status-429-retry-after-2")
    assert limited.value.response.headers["retry-after"] == "2"
    assert limited.value.type == "throttling_error"
    with pytest.raises(openai.InternalServerError):
        ask("mock-status-500")
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-nobody-has-this", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        stranger.chat.completions.create(model="gpt-test", messages=ASK)
    assert refused.value.type == "token_not_found_in_db"


def test_errors_inside_a_stream_raise(client: openai.OpenAI) -> None:
    with (
        client.chat.completions.create(model="mock-error-at-3", messages=ASK, stream=True) as stream,
        pytest.raises(openai.APIError, match="Mock error in mid-stream"),
    ):
        list(stream)


def test_the_clients_timeout_reaches_the_upstream(client: openai.OpenAI, mock: Mock) -> None:
    before = mock.connections()["aborted"]
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="mock-first-byte-60000", messages=ASK, timeout=0.3)
    mock.wait(aborted=before + 1, in_progress=0)


def test_the_client_retries_by_itself(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 429, "retry_after": "0.01"}, times=2)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=2) as patient:
        answer = patient.chat.completions.create(model="gpt-test", messages=ASK)
    assert answer.choices[0].finish_reason == "stop"
    assert len(mock.requests()) == 3
