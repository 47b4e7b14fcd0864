"""The official clients of other dialects, unmodified, against every kind of upstream."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from tests.contract.harness import MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, openai_model

ASK = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"name": "weather", "description": "says it", "input_schema": SCHEMA}
FORECAST: Any = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}
UPSTREAMS = ("over-chat", "over-messages")
RESPONSES = ("native", "over-responses", "by-mode")  # what reaches an upstream that has the Responses API


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    claude = {"model": "anthropic/claude-up", "api_base": mock_process.url, "api_key": UPSTREAM_KEY}
    config = {
        "model_list": [
            openai_model("over-chat", "chat-up", mock_process.url),
            {"model_name": "over-messages", "litellm_params": claude},
            openai_model("over-responses", "responses/only-up", mock_process.url),
            openai_model("native", "native-up", mock_process.url, use_chat_completions_api=False),
            openai_model("pair", "first-up", mock_process.url, use_chat_completions_api=False, order=1),
            openai_model("pair", "second-up", mock_process.url, use_chat_completions_api=False, order=2),
            openai_model("by-mode", "mode-up", mock_process.url) | {"model_info": {"mode": "responses"}},
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("dialects"), edge=edge) as running:
        yield running


@pytest.fixture
def claude(gateway: Gateway, mock: Mock) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.fixture
def responses(gateway: Gateway, mock: Mock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as made:
        yield made


@pytest.mark.parametrize("model", UPSTREAMS)
class TestMessages:
    def test_plain_and_streamed_say_the_same(self, claude: anthropic.Anthropic, model: str) -> None:
        ask: Any = {"model": model, "max_tokens": 6, "messages": ASK}
        plain = claude.messages.create(**ask)
        with claude.messages.stream(**ask) as stream:
            streamed = stream.get_final_message()
        assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in plain.content]
        assert plain.content[0].type == "text"
        assert len(plain.content[0].text.split()) == 6
        assert plain.stop_reason == streamed.stop_reason == "max_tokens"
        assert (plain.usage.input_tokens, plain.usage.output_tokens) == (3, 6)
        assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (3, 6)
        assert plain.model == streamed.model == model

    def test_a_loop_of_tools(self, claude: anthropic.Anthropic, mock: Mock, model: str) -> None:
        ask: Any = {"model": model, "max_tokens": 99, "tools": [WEATHER], "tool_choice": {"type": "any"}}
        with claude.messages.stream(messages=ASK, **ask) as stream:
            first = stream.get_final_message()
        assert first.stop_reason == "tool_use"
        (call,) = first.content
        assert call.type == "tool_use"
        assert isinstance(call.input["city"], str)
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "wet", "is_error": False}
        turns: Any = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        ask["tool_choice"] = {"type": "none"}
        second = claude.messages.create(messages=turns, **ask)
        assert second.content[0].type == "text"
        said = str(mock.last()["body"])
        assert call.id in said
        assert "wet" in said

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, anthropic.BadRequestError), (429, anthropic.RateLimitError), (529, anthropic.OverloadedError)],
    )
    def test_errors(self, claude: anthropic.Anthropic, mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status, "retry_after": "7"})
        with pytest.raises(kind) as caught:
            claude.messages.create(model=model, max_tokens=6, messages=ASK)
        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error"
        assert caught.value.response.headers["retry-after"] == "7"

    def test_a_stream_that_is_cut_off_ends_in_an_error(
        self, claude: anthropic.Anthropic, mock: Mock, model: str
    ) -> None:
        mock.control({"end_at": 6})
        seen = []
        with (
            pytest.raises(anthropic.APIStatusError),
            claude.messages.create(model=model, max_tokens=32, messages=ASK, stream=True) as stream,
        ):
            seen.extend(event.type for event in stream)
        assert "content_block_delta" in seen
        assert "message_stop" not in seen


def test_telemetry_is_taken_and_forgotten(gateway: Gateway) -> None:
    assert gateway.client.post("/api/event_logging/batch", json={"events": []}, headers={}).json() == {}


def test_tokens_are_counted(claude: anthropic.Anthropic, responses: openai.OpenAI) -> None:
    asked: Any = {"model": "over-chat", "messages": ASK}
    alone = claude.messages.count_tokens(**asked).input_tokens
    assert 3 < alone < claude.messages.count_tokens(**asked, tools=[WEATHER]).input_tokens
    assert responses.responses.input_tokens.count(model="over-chat", input="one two three").input_tokens == alone


def test_messages_that_cannot_be_read(gateway: Gateway) -> None:
    answer = gateway.post("/v1/messages", {"model": "over-chat", "max_tokens": 6, "messages": [{"role": "robot"}]})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "messages.0" in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", UPSTREAMS)
class TestResponses:
    def test_plain_and_streamed_say_the_same(self, responses: openai.OpenAI, model: str) -> None:
        ask: Any = {"model": model, "input": "one two three", "store": False}
        plain = responses.responses.create(**ask)
        with responses.responses.stream(**ask) as stream:
            seen = [event.type for event in stream]
            streamed = stream.get_final_response()
        assert len(plain.output_text.split()) == 32
        assert streamed.output_text == plain.output_text
        assert plain.status == streamed.status == "completed"
        assert plain.usage is not None
        assert (plain.usage.input_tokens, plain.usage.output_tokens) == (3, 32)
        assert plain.usage == streamed.usage
        assert plain.model == streamed.model == model
        assert seen[:2] == ["response.created", "response.in_progress"]

    def test_a_loop_of_tools(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        ask: Any = {"model": model, "tools": [FORECAST], "store": False}
        with responses.responses.stream(input="one two three", tool_choice="required", **ask) as stream:
            first = stream.get_final_response()
        assert first.status == "completed"
        (call,) = first.output
        assert call.type == "function_call"
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "wet"}
        turns: Any = [*ASK, call_item(call), result]
        second = responses.responses.create(input=turns, tool_choice="none", **ask)
        assert second.output_text
        said = str(mock.last()["body"])
        assert call.call_id in said
        assert "wet" in said

    def test_an_answer_that_is_too_long_is_incomplete(self, responses: openai.OpenAI, model: str) -> None:
        found = responses.responses.create(model=model, input="one two three", max_output_tokens=6, store=False)
        assert found.status == "incomplete"
        assert found.incomplete_details is not None
        assert found.incomplete_details.reason == "max_output_tokens"

    @pytest.mark.parametrize(("status", "kind"), [(400, openai.BadRequestError), (429, openai.RateLimitError)])
    def test_errors(self, responses: openai.OpenAI, mock: Mock, model: str, status: int, kind: Any) -> None:
        mock.control({"status": status})
        with pytest.raises(kind) as caught:
            responses.responses.create(model=model, input="one two three", store=False)
        assert caught.value.status_code == status

    def test_a_stream_that_is_cut_off_has_failed(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        mock.control({"end_at": 6})
        stream = responses.responses.create(model=model, input="one two three", stream=True, store=False)
        seen = [event.type for event in stream]
        assert "response.output_text.delta" in seen
        assert seen[-1] == "response.failed"


@pytest.mark.parametrize(
    ("agent", "said", "status"),
    [
        ("codex_cli_rs/0.1", {}, 200),
        ("codex_exec/0.1", {"drop_params": False}, 400),
        ("curl/8", {"drop_params": True}, 200),
        ("curl/8", {}, 400),
    ],
)
def test_agents_may_say_what_a_model_cannot_take(
    gateway: Gateway, mock: Mock, agent: str, said: dict[str, Any], status: int
) -> None:
    body = {"model": "over-messages", "input": "one", "text": {"verbosity": "low"}, "store": False, **said}
    assert gateway.post("/v1/responses", body, user_agent=agent).status_code == status
    assert all("verbosity" not in request["body"] for request in mock.requests())


@pytest.mark.parametrize("model", RESPONSES)
class TestResponsesUpstream:
    def test_its_own_clients(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        ask: Any = {
            "model": model,
            "input": "one two three",
            "metadata": {"a": "b"},
            "truncation": "auto",
            "store": False,
        }
        plain = responses.responses.create(**ask)
        with responses.responses.stream(**ask) as stream:
            streamed = stream.get_final_response()
        assert len(plain.output_text.split()) == 32
        assert streamed.output_text == plain.output_text
        assert plain.usage == streamed.usage
        assert plain.model == streamed.model == model
        assert mock.last()["path"] == "/v1/responses"
        sent = json.loads(mock.last()["body"])
        assert (sent["metadata"], sent["truncation"]) == ({"a": "b"}, "auto")

    @pytest.mark.parametrize("status", [400, 429])
    def test_errors(self, responses: openai.OpenAI, mock: Mock, model: str, status: int) -> None:
        mock.control({"status": status})
        with pytest.raises(openai.APIStatusError) as caught:
            responses.responses.create(model=model, input="one", stream=True)
        assert caught.value.status_code == status

    def test_what_is_used_is_counted(self, gateway: Gateway, responses: openai.OpenAI, model: str) -> None:
        def counted() -> float:
            lines = gateway.client.get("/metrics").text.splitlines()
            ours = [line for line in lines if line.startswith("tianji_tokens_total") and f'"{model}"' in line]
            return sum(float(line.rpartition(" ")[2]) for line in ours)

        before = counted()
        responses.responses.create(model=model, input="one two three")
        list(responses.responses.create(model=model, input="one two three", stream=True))
        assert counted() - before == 2 * (3 + 32)

    @pytest.mark.parametrize("fault", [{"end_at": 7}, {"error_at": 7}])
    def test_a_stream_that_breaks_off_ends_in_an_error(
        self, responses: openai.OpenAI, mock: Mock, model: str, fault: dict[str, Any]
    ) -> None:
        mock.control(fault)
        stream = responses.responses.create(model=model, input="one", stream=True)
        seen = [event.type for event in stream]
        assert "response.output_text.delta" in seen
        assert seen[-1] == "error"
        assert "response.completed" not in seen


@pytest.mark.parametrize("model", ["over-responses", "by-mode"])
class TestOverResponses:
    def test_chat(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        plain = responses.chat.completions.create(model=model, messages=ASK, max_completion_tokens=20)
        stream = responses.chat.completions.create(model=model, messages=ASK, max_completion_tokens=20, stream=True)
        chunks = list(stream)
        assert mock.last()["path"] == "/v1/responses"
        assert len((plain.choices[0].message.content or "").split()) == 20
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == plain.choices[0].message.content
        assert plain.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "length"
        assert plain.usage is not None
        assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (3, 20)
        assert plain.model == model

    def test_messages(self, claude: anthropic.Anthropic, model: str) -> None:
        ask: Any = {"model": model, "max_tokens": 6, "messages": ASK}
        plain = claude.messages.create(**ask)
        with claude.messages.stream(**ask) as stream:
            streamed = stream.get_final_message()
        assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in plain.content]
        assert plain.stop_reason == streamed.stop_reason == "max_tokens"

    def test_a_stream_that_is_cut_off(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        mock.control({"end_at": 7})
        with pytest.raises(openai.APIError):
            list(responses.chat.completions.create(model=model, messages=ASK, stream=True))


@pytest.mark.parametrize("model", ["over-messages", "over-responses"])
class TestCompletions:
    """OpenAI's old operation, where the upstream has another one."""

    def test_plain_and_streamed(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        ask: Any = {"model": model, "prompt": "one two three", "max_tokens": 20}
        plain = responses.completions.create(**ask, echo=True)
        chunks = list(responses.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        assert plain.choices[0].text == "one two three" + "".join(c.text for chunk in chunks for c in chunk.choices)
        assert plain.choices[0].finish_reason == chunks[-2].choices[0].finish_reason == "length"
        assert plain.usage is not None
        assert plain.usage == chunks[-1].usage
        assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (3, 20)
        assert plain.model == chunks[0].model == model
        assert mock.last()["path"] in ("/v1/messages", "/v1/responses")

    def test_a_stream_that_is_cut_off(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        mock.control({"end_at": 7})
        with pytest.raises(openai.APIError):
            list(responses.completions.create(model=model, prompt="one", stream=True))

    def test_a_second_prompt_is_refused(self, responses: openai.OpenAI, mock: Mock, model: str) -> None:
        with pytest.raises(openai.BadRequestError, match="one text"):
            responses.completions.create(model=model, prompt=["one", "two"])
        assert mock.requests() == []


def call_item(call: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}


@pytest.mark.parametrize("fault", [{"status": 503}, {"end_at": 1}, {"cut_at": 40}], ids=str)
def test_another_is_asked_until_there_is_output(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control(fault, model="first-up")
    body = {"model": "pair", "input": "one two three", "stream": True, "store": False, "num_retries": 1}
    told = gateway.post("/v1/responses", body).text
    assert told.count("event: response.created") == told.count("event: response.completed") == 1
    assert [request["json"]["model"] for request in mock.requests()] == ["first-up", "second-up"]
