"""Upstreams asked in forms of their own, behind OpenAI's; Google's own client in front of every kind of upstream."""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types
from tests.contract.harness import MASTER_KEY, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, events, eventually, openai_model
from tests.fakes.google_account import account

ASK = [{"role": "user", "content": "one two three"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
PRICE = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
COST = "x-litellm-response-cost"
OWN_FORMS = ("over-gemini", "over-vertex", "over-bedrock", "claude-on-vertex", "claude-by-invoke", "over-cohere")
CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    gemini = {"model": "gemini/gemini-2.5-flash", "api_base": f"{base}/v1beta", "api_key": UPSTREAM_KEY, **PRICE}
    vertex = {
        "model": "vertex_ai/gemini-2.5-pro",
        "api_base": base,
        "vertex_credentials": account(f"{base}/token"),
        "vertex_location": "europe-west1",
        **PRICE,
    }
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": ODD_KEY, "aws_region_name": "eu-west-1"}
    bedrock = {"model": f"bedrock/{CLAUDE}", "api_base": base, **keys, **PRICE}
    hosted = vertex | {"model": "vertex_ai/claude-sonnet-4-5@20250929", "vertex_location": "global"}
    invoked = bedrock | {"model": f"bedrock/invoke/{CLAUDE}"}
    bearer = {"model": f"bedrock/converse/{CLAUDE}", "api_base": base, "api_key": UPSTREAM_KEY}
    cohere = {"model": "cohere/command-a", "api_base": base, "api_key": UPSTREAM_KEY, **PRICE}
    config = {
        "model_list": [
            openai_model("over-chat", "chat-up", base),
            openai_model("embed", "embed-up", base),
            {"model_name": "over-gemini", "litellm_params": gemini},
            {"model_name": "over-vertex", "litellm_params": vertex},
            {"model_name": "over-bedrock", "litellm_params": bedrock},
            {"model_name": "claude-on-vertex", "litellm_params": hosted},
            {"model_name": "claude-by-invoke", "litellm_params": invoked},
            {"model_name": "over-cohere", "litellm_params": cohere},
            {"model_name": "by-bearer", "litellm_params": bearer},
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("google-and-aws"), edge=edge) as running:
        yield running


def spent(gateway: Gateway) -> Fraction:
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(
        (Fraction(line.split()[-1]) for line in lines if line.startswith("tianji_spend_dollars_total{")), Fraction()
    )


@pytest.mark.parametrize("model", OWN_FORMS)
class TestChat:
    def test_plain_and_streamed_say_and_cost_the_same(self, gateway: Gateway, mock: Mock, model: str) -> None:
        ask = {"model": model, "messages": ASK, "max_tokens": 6}
        before = spent(gateway)
        answer = gateway.chat(ask)
        assert answer.status_code == 200, answer.text
        plain = answer.json()
        usage = {name: plain["usage"][name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        assert usage == {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}
        assert plain["model"] == model
        assert plain["choices"][0]["finish_reason"] == "length"
        assert len(plain["choices"][0]["message"]["content"].split()) == 6
        assert Fraction(answer.headers[COST]) == Fraction(15, 10**6)
        eventually(lambda: spent(gateway) - before == Fraction(15, 10**6), "it is counted")
        streamed = events(gateway.chat({**ask, "stream": True, "stream_options": {"include_usage": True}}).text)
        assert streamed.pop() == "[DONE]"
        assert streamed[-1]["choices"] == []
        assert streamed[-1]["usage"] == plain["usage"]
        assert all("finish_reason" in choice for chunk in streamed for choice in chunk["choices"])
        said = [choice["delta"].get("content") or "" for chunk in streamed for choice in chunk["choices"]]
        assert "".join(said) == plain["choices"][0]["message"]["content"]
        assert {chunk["model"] for chunk in streamed} == {model}
        eventually(lambda: spent(gateway) - before == Fraction(30, 10**6), "the stream is counted")

    def test_a_loop_of_tools(self, gateway: Gateway, mock: Mock, model: str) -> None:
        ask: dict[str, Any] = {"model": model, "messages": ASK, "tools": [TOOL], "tool_choice": "required"}
        first = gateway.chat(ask).json()["choices"][0]
        assert first["finish_reason"] == "tool_calls"
        call = first["message"]["tool_calls"][0]
        assert isinstance(json.loads(call["function"]["arguments"])["city"], str)
        streamed = events(gateway.chat({**ask, "stream": True}).text)[:-1]
        pieces = [piece for chunk in streamed for c in chunk["choices"] for piece in c["delta"].get("tool_calls", [])]
        assert pieces[0]["function"]["name"] == "weather"
        assert "".join(piece["function"].get("arguments", "") for piece in pieces) == call["function"]["arguments"]
        result = {"role": "tool", "tool_call_id": call["id"], "content": "wet"}
        ask |= {"messages": [*ASK, first["message"], result], "tool_choice": "auto"}
        assert gateway.chat(ask).json()["choices"][0]["message"]["content"]
        sent = json.dumps(mock.last()["body"])
        assert "wet" in sent
        assert "__thought__" not in sent

    @pytest.mark.parametrize(("status", "kept"), [(400, 400), (429, 429), (503, 503)])
    def test_errors(self, gateway: Gateway, mock: Mock, model: str, status: int, kept: int) -> None:
        mock.control({"status": status, "retry_after": "7"}, path="/token", times=0)
        mock.control({"status": status, "retry_after": "7"})
        answer = gateway.chat({"model": model, "messages": ASK})
        assert answer.status_code == kept
        assert f"status {status}" in answer.json()["error"]["message"]

    def test_an_error_in_the_middle_of_a_stream(self, gateway: Gateway, mock: Mock, model: str) -> None:
        mock.control({"error_at": 6})
        *said, last = events(gateway.chat({"model": model, "messages": ASK, "stream": True}).text)
        assert "Mock error in mid-stream" in last["error"]["message"]
        assert "[DONE]" not in said
        assert not any(choice["finish_reason"] for chunk in said for choice in chunk["choices"])

    @pytest.mark.parametrize("fault", [{"end_at": 6}, {"cut_at": 2500}, {"garbage_at": 6}], ids=str)
    def test_a_stream_that_is_cut_never_ends_well(
        self, gateway: Gateway, mock: Mock, model: str, fault: dict[str, Any]
    ) -> None:
        mock.control(fault)
        *said, last = events(gateway.chat({"model": model, "messages": ASK, "stream": True}).text)
        assert "error" in last
        assert not any(choice["finish_reason"] for chunk in said for choice in chunk["choices"])

    def test_an_answer_that_is_nonsense(self, gateway: Gateway, mock: Mock, model: str) -> None:
        mock.control({"body": '{"output": 7, "candidates": 8, "content": 9}'})
        answer = gateway.chat({"model": model, "messages": ASK})
        assert answer.status_code == 502
        assert "sent an answer that" in answer.json()["error"]["message"]

    def test_a_stream_in_tiny_pieces(self, gateway: Gateway, mock: Mock, model: str) -> None:
        mock.control({"split": 7, "tokens": 4})
        *said, last = events(gateway.chat({"model": model, "messages": ASK, "stream": True}).text)
        assert last == "[DONE]"
        assert len("".join(c["delta"].get("content") or "" for chunk in said for c in chunk["choices"]).split()) == 4


@pytest.mark.parametrize("model", OWN_FORMS[:3])  # Anthropic says twice why an answer ends, and once is enough
def test_a_stream_without_its_end_never_ends_well(gateway: Gateway, mock: Mock, model: str) -> None:
    mock.control({"no_done": True})
    *_, last = events(gateway.chat({"model": model, "messages": ASK, "stream": True}).text)
    assert "error" in last


def test_what_gemini_is_asked(gateway: Gateway, mock: Mock) -> None:
    gateway.chat({"model": "over-gemini", "messages": ASK, "stream": True})
    sent = mock.last()
    assert sent["target"] == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    headers = dict(map(tuple, sent["headers"]))
    assert headers["x-goog-api-key"] == UPSTREAM_KEY
    assert "authorization" not in headers
    assert json.loads(sent["body"]) == {"contents": [{"role": "user", "parts": [{"text": "one two three"}]}]}


def test_vertex_is_asked_with_a_token_that_is_minted_once(gateway: Gateway, mock: Mock) -> None:
    for _ in range(3):
        assert gateway.chat({"model": "over-vertex", "messages": ASK}).status_code == 200
    sent = mock.last()
    assert sent["target"] == (
        "/v1/projects/p-1/locations/europe-west1/publishers/google/models/gemini-2.5-pro:generateContent"
    )
    assert dict(map(tuple, sent["headers"]))["authorization"] == "Bearer mock-token"
    assert sum(request["target"] == "/token" for request in mock.requests()) <= 1


def test_bedrock_is_asked_with_a_signature(gateway: Gateway, mock: Mock) -> None:
    gateway.chat({"model": "over-bedrock", "messages": ASK})
    sent = mock.last()
    assert sent["target"] == f"/model/{CLAUDE.replace(':', '%3A')}/converse"
    headers = dict(map(tuple, sent["headers"]))
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, " in headers["authorization"]
    assert "x-amz-date" in headers


def test_what_hosted_claude_is_asked(gateway: Gateway, mock: Mock) -> None:
    gateway.chat({"model": "claude-on-vertex", "messages": ASK, "stream": True})
    sent = mock.last()
    assert sent["target"] == (
        "/v1/projects/p-1/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict"
    )
    body = json.loads(sent["body"])
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body
    gateway.chat({"model": "claude-by-invoke", "messages": ASK, "stream": True})
    sent = mock.last()
    assert sent["target"] == f"/model/{CLAUDE.replace(':', '%3A')}/invoke-with-response-stream"
    body = json.loads(sent["body"])
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert not {"model", "stream"} & body.keys()


def test_bedrock_is_asked_with_a_key_of_its_own(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat({"model": "by-bearer", "messages": ASK}).status_code == 200
    assert dict(map(tuple, mock.last()["headers"]))["authorization"] == f"Bearer {UPSTREAM_KEY}"


@pytest.fixture(params=["v1beta", "v1"])
def google(request: pytest.FixtureRequest, gateway: Gateway, mock: Mock) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.url, api_version=request.param)
    with genai.Client(api_key=MASTER_KEY, http_options=options) as made:
        yield made


@pytest.mark.parametrize("model", ["over-chat", *OWN_FORMS[:3]])
class TestGoogleClient:
    def test_plain_and_streamed_say_the_same(self, google: genai.Client, model: str) -> None:
        config = types.GenerateContentConfig(max_output_tokens=6, system_instruction="be kind")
        plain = google.models.generate_content(model=model, contents="one two three", config=config)
        assert plain.text
        assert len(plain.text.split()) == 6
        assert plain.candidates
        assert plain.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS
        assert plain.usage_metadata
        assert (plain.usage_metadata.prompt_token_count, plain.usage_metadata.candidates_token_count) == (5, 6)
        chunks = list(google.models.generate_content_stream(model=model, contents="one two three", config=config))
        assert "".join(chunk.text or "" for chunk in chunks) == plain.text
        assert len(chunks) > 5
        assert chunks[-1].usage_metadata
        assert chunks[-1].usage_metadata.total_token_count == 11
        assert chunks[-1].candidates
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.MAX_TOKENS

    def test_a_loop_of_tools(self, google: genai.Client, mock: Mock, model: str) -> None:
        function = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
        tools: Any = [types.Tool(function_declarations=[function])]
        any_of_them: Any = types.FunctionCallingConfigMode.ANY
        forced = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode=any_of_them))
        off = types.AutomaticFunctionCallingConfig(disable=True)
        asked = types.Content(role="user", parts=[types.Part(text="one two three")])
        config = types.GenerateContentConfig(tools=tools, tool_config=forced, automatic_function_calling=off)
        first = google.models.generate_content(model=model, contents=[asked], config=config)
        assert first.function_calls
        call = first.function_calls[0]
        assert call.name == "weather"
        assert first.candidates
        said = first.candidates[0].content
        assert said
        result = types.Part(
            function_response=types.FunctionResponse(id=call.id, name="weather", response={"is": "wet"})
        )
        turns: Any = [asked, said, types.Content(role="user", parts=[result])]
        config = types.GenerateContentConfig(tools=tools, automatic_function_calling=off)
        assert google.models.generate_content(model=model, contents=turns, config=config).text
        assert "wet" in json.dumps(mock.last()["body"])

    @pytest.mark.parametrize(("status", "word"), [(400, "INVALID_ARGUMENT"), (429, "RESOURCE_EXHAUSTED")])
    def test_errors(self, google: genai.Client, mock: Mock, model: str, status: int, word: str) -> None:
        mock.control({"status": status})
        with pytest.raises(errors.ClientError) as caught:
            google.models.generate_content(model=model, contents="one")
        assert (caught.value.code, caught.value.status) == (status, word)

    def test_a_stream_that_is_cut_ends_in_an_error(self, google: genai.Client, mock: Mock, model: str) -> None:
        mock.control({"end_at": 5})
        seen = []
        with pytest.raises(errors.APIError):
            seen.extend(google.models.generate_content_stream(model=model, contents="one two three"))
        assert seen
        assert not any(chunk.candidates and chunk.candidates[0].finish_reason for chunk in seen)


def test_a_model_that_is_unknown(google: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as caught:
        google.models.generate_content(model="nobody", contents="one")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_a_wrong_key(gateway: Gateway) -> None:
    path = "/v1beta/models/over-chat:generateContent"
    body = {"contents": [{"parts": [{"text": "one"}]}]}
    answer = gateway.client.post(path, json=body, headers={"authorization": "", "x-goog-api-key": "sk-wrong"})
    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


def test_a_key_in_the_query(gateway: Gateway, mock: Mock) -> None:
    url = f"{gateway.url}/v1beta/models/over-chat:generateContent?key="
    body = {"contents": [{"parts": [{"text": "one"}]}]}
    assert httpx.post(url + MASTER_KEY, json=body, trust_env=False, verify=False).status_code == 200
    assert httpx.post(url + "sk-wrong", json=body, trust_env=False, verify=False).status_code == 401


def test_what_google_is_asked_in_its_own_form_arrives_as_it_was_written(gateway: Gateway, mock: Mock) -> None:
    body = {
        "contents": [{"parts": [{"text": "one"}], "role": "user"}],
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "generationConfig": {"topK": 3, "whatever_comes": 1},
    }
    answer = gateway.post("/v1beta/models/over-gemini:generateContent", body)
    assert answer.json()["modelVersion"] == "gemini-2.5-flash"
    sent = mock.last()
    assert sent["body"] == json.dumps(body)
    assert sent["target"] == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert Fraction(answer.headers[COST]) == Fraction(1 + 2 * 32, 10**6)


def test_counting_tokens(google: genai.Client) -> None:
    found = google.models.count_tokens(model="over-chat", contents="one two three")
    assert found.total_tokens
    assert 3 <= found.total_tokens <= 12


def test_embeddings(google: genai.Client, mock: Mock) -> None:
    config = types.EmbedContentConfig(output_dimensionality=8)
    found = google.models.embed_content(model="embed", contents=["one", "two"], config=config)
    assert found.embeddings
    assert [len(one.values or []) for one in found.embeddings] == [8, 8]
    assert json.loads(mock.last()["body"])["input"] == ["one", "two"]
    mock.control({"status": 429})
    with pytest.raises(errors.ClientError) as caught:
        google.models.embed_content(model="embed", contents="one")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


def test_methods_with_a_key_in_the_query_and_what_they_cannot_read(gateway: Gateway, mock: Mock) -> None:
    url = f"{gateway.url}/v1beta/models/embed:embedContent?key={MASTER_KEY}"
    answer = httpx.post(url, json={"content": {"parts": [{"text": "one"}]}}, trust_env=False, verify=False)
    assert answer.json()["embedding"]["values"]
    answer = httpx.post(url, json={"content": {"parts": []}}, trust_env=False, verify=False)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    url = f"{gateway.url}/v1beta/models/over-chat:countTokens?key={MASTER_KEY}"
    assert httpx.post(url, json={"contents": []}, trust_env=False, verify=False).status_code == 400


SHORT = {"contents": [{"parts": [{"text": "one"}]}], "generationConfig": {"maxOutputTokens": 3}}


@pytest.mark.parametrize("model", ["over-chat", "over-gemini", "over-bedrock"])
class TestArrays:
    path = "/v1beta/models/{}:streamGenerateContent"

    def test_without_sse_a_stream_is_one_array(self, gateway: Gateway, mock: Mock, model: str) -> None:
        answer = gateway.post(self.path.format(model), SHORT)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
        assert answer.json()[-1]["usageMetadata"]["candidatesTokenCount"] == 3
        streamed = gateway.post(f"{self.path.format(model)}?alt=sse", SHORT)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert len(streamed.text.split("\r\n\r\n")) == len(answer.json()) + 1

    def test_an_array_that_is_cut_ends_in_an_error(self, gateway: Gateway, mock: Mock, model: str) -> None:
        mock.control({"end_at": 3})
        *said, last = gateway.post(self.path.format(model), SHORT).json()
        assert said
        assert last["error"]["status"] == "UNAVAILABLE"
