"""OpenAI's client: chat and responses, on upstreams of three forms."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.clients.conftest import CLAUDE, GEMINI, GPT, REALTIME, RESPONSES
from tests.contract.harness import MASTER_KEY, Gateway, Mock

ASK: Any = [{"role": "user", "content": "one two three"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
FLAT: Any = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
CHAT_MODELS = (GPT, CLAUDE, GEMINI)
RESPONSE_MODELS = (RESPONSES, GPT, CLAUDE)


class Said(BaseModel):
    word: str
    count: int


@pytest.fixture
def client(gateway: Gateway, mock: Mock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", CHAT_MODELS)
class TestChat:
    def test_plain_and_streamed(self, client: openai.OpenAI, model: str) -> None:
        plain = client.chat.completions.create(model=model, messages=ASK)
        with client.chat.completions.stream(
            model=model, messages=ASK, stream_options={"include_usage": True}
        ) as stream:
            list(stream)
            streamed = stream.get_final_completion()
        assert plain.choices[0].message.content == streamed.choices[0].message.content
        assert len((plain.choices[0].message.content or "").split()) == 32
        assert plain.model == streamed.model == model
        assert plain.usage
        assert streamed.usage
        assert plain.usage.total_tokens == streamed.usage.total_tokens == 35

    def test_a_loop_of_tools(self, client: openai.OpenAI, calls_weather: Mock, model: str) -> None:
        with client.chat.completions.stream(model=model, messages=ASK, tools=TOOLS) as stream:
            list(stream)
            first = stream.get_final_completion().choices[0]
        assert first.finish_reason == "tool_calls"
        assert first.message.tool_calls
        (call,) = first.message.tool_calls
        assert json.loads(call.function.arguments) == {"city": "Oslo"}
        turns = [*ASK, first.message, {"role": "tool", "tool_call_id": call.id, "content": "wet"}]
        second = client.chat.completions.create(model=model, messages=turns, tools=TOOLS)
        assert second.choices[0].message.content
        assert "wet" in calls_weather.last()["body"]

    def test_completions(self, client: openai.OpenAI, model: str) -> None:
        plain = client.completions.create(model=model, prompt="one two three", max_tokens=6)
        chunks = list(client.completions.create(model=model, prompt="one two three", max_tokens=6, stream=True))
        assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == plain.choices[0].text
        assert len(plain.choices[0].text.split()) == 6
        assert plain.choices[0].finish_reason == "length"

    def test_structured(self, client: openai.OpenAI, model: str) -> None:
        found = client.chat.completions.parse(model=model, messages=ASK, response_format=Said)
        assert isinstance(found.choices[0].message.parsed, Said)

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, client: openai.OpenAI, mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(kind) as caught:
            client.chat.completions.create(model=model, messages=ASK)
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.body["message"]


@pytest.mark.parametrize("model", RESPONSE_MODELS)
class TestResponses:
    def test_plain_and_streamed(self, client: openai.OpenAI, model: str) -> None:
        plain = client.responses.create(model=model, input="one two three")
        with client.responses.stream(model=model, input="one two three") as stream:
            list(stream)
            streamed = stream.get_final_response()
        assert plain.output_text == streamed.output_text
        assert len(plain.output_text.split()) == 32
        assert plain.usage
        assert streamed.usage
        assert plain.usage.total_tokens == streamed.usage.total_tokens == 35

    def test_a_loop_of_tools(self, client: openai.OpenAI, calls_weather: Mock, model: str) -> None:
        with client.responses.stream(model=model, input=ASK, tools=FLAT) as stream:
            list(stream)
            first = stream.get_final_response()
        (call,) = [item for item in first.output if item.type == "function_call"]
        assert json.loads(call.arguments) == {"city": "Oslo"}
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "wet"}
        second = client.responses.create(model=model, input=[*ASK, *first.output, result], tools=FLAT)
        assert second.output_text
        assert "wet" in calls_weather.last()["body"]

    def test_structured(self, client: openai.OpenAI, model: str) -> None:
        found = client.responses.parse(model=model, input=ASK, text_format=Said)
        assert isinstance(found.output_parsed, Said)

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, client: openai.OpenAI, mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(kind) as caught:
            client.responses.create(model=model, input=ASK)
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.body["message"]


def test_embeddings(client: openai.OpenAI) -> None:
    found = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=8)
    assert [len(one.embedding) for one in found.data] == [8, 8]


def test_input_tokens(client: openai.OpenAI) -> None:
    assert client.responses.input_tokens.count(model=GPT, input="one two three").input_tokens > 2


def test_models(client: openai.OpenAI) -> None:
    assert {GPT, CLAUDE} <= {model.id for model in client.models.list()}
    assert client.models.retrieve(GPT).id == GPT


def test_compact(client: openai.OpenAI, mock: Mock) -> None:
    found = client.responses.compact(model=RESPONSES, input=[*ASK, {"role": "assistant", "content": "four"}])
    assert found.output[-1].type == "compaction"
    assert mock.last()["path"] == "/v1/responses/compact"


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_videos(client: openai.OpenAI, model: str) -> None:
    frame = ("frame.png", b"png", "image/png")
    made = client.videos.create_and_poll(model=model, prompt="a fox", input_reference=frame, poll_interval_ms=1)
    assert (made.status, made.model) == ("completed", model)
    assert b"ftyp" in client.videos.download_content(made.id).read()
    assert made.id in [one.id for one in client.videos.list()]
    if model == GPT:
        assert client.videos.remix(made.id, prompt="a blue fox").remixed_from_video_id == made.id
        assert client.videos.delete(made.id).deleted


def test_realtime(client: openai.OpenAI) -> None:
    words: list[str] = []
    with client.realtime.connect(model=REALTIME) as session:
        assert session.recv().type == "session.created"
        session.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        assert session.recv().type == "session.updated"
        said: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one two"}]}
        session.conversation.item.create(item=said)
        session.response.create()
        for event in session:
            if event.type == "response.output_text.delta":
                words.append(event.delta)
            if event.type == "response.done":
                break
    assert len(words) == 32
    assert event.response.usage.output_token_details.text_tokens == 32


def test_a_call_over_webrtc(client: openai.OpenAI, mock: Mock) -> None:
    offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    answer = client.realtime.calls.create(sdp=offer, session={"type": "realtime", "model": REALTIME})
    assert answer.text.startswith("v=0")
    call = answer.response.headers["location"].rpartition("/")[2]
    with client.realtime.connect(call_id=call) as server:
        server.session.update(session={"type": "realtime", "instructions": "be brief"})
        assert server.recv().type == "session.updated"
        client.realtime.calls.hangup(call)
    mock.wait(sockets=0)
    with pytest.raises(openai.NotFoundError):
        client.realtime.calls.hangup(call)


@pytest.mark.parametrize("model", RESPONSE_MODELS)
def test_responses_over_a_socket(client: openai.OpenAI, model: str) -> None:
    previous: dict[str, Any] = {}
    with client.responses.connect() as socket:
        for _ in range(2):
            socket.response.create(model=model, input="one two three", **previous)
            *_, last = _until_completed(socket)
            previous = {"previous_response_id": last.response.id}
            assert last.response.output[0].content[0].text


def _until_completed(socket: Any) -> Any:
    for event in socket:
        yield event
        if event.type == "response.completed":
            return
