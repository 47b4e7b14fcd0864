"""Vendors with a login or a form of their own, through the running gateway, in forms as their references show them."""

import base64
import json
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.contract.harness import Gateway, events
from tests.fakes.vendors import Answer, Vendors, lines, plain
from tests.fakes.vendors import events as streamed

from tianji.mock.answers.bedrock import message

ASK = [{"role": "user", "content": "one two three"}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CHAT = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "theirs",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a b"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
CHUNK = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "theirs"}
CHUNKS = (
    {**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a "}, "finish_reason": None}]},
    {**CHUNK, "choices": [{"index": 0, "delta": {"content": "b"}, "finish_reason": "stop"}]},
    {**CHUNK, "choices": [], "usage": USAGE},
    "[DONE]",
)
TOKEN = plain({"access_token": "tok-1", "expires_in": 3600, "token_type": "Bearer"})
PRICE = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s3cret", "aws_region_name": "eu-west-1"}
RSA = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
OCI = {
    "oci_user": "u", "oci_fingerprint": "f", "oci_tenancy": "t", "oci_key": RSA, "oci_compartment_id": "c",
}  # fmt: skip


def models(url: str) -> dict[str, dict[str, Any]]:
    """Return the deployments by name."""
    return {
        "entra": {"model": "azure/dep", "api_base": url, "tenant_id": "t", "client_id": "c", "client_secret": "s3cret"},
        "machine": {"model": "azure/machine", "api_base": url},
        "chatgpt": {"model": "chatgpt/gpt-5.5", "api_base": f"{url}/codex", "api_key": "e30.e30.c2ln"},
        "agent": {"model": "databricks_agent/mine", "api_base": f"{url}/agents"},
        "nlp_cloud": {"model": "nlp_cloud/dolphin", "api_base": f"{url}/v1", "api_key": "k"},
        "aleph_alpha": {"model": "aleph_alpha/luminous", "api_base": url, "api_key": "k"},
        "triton": {"model": "triton/llama", "api_base": f"{url}/v2/models"},
        "langflow": {"model": "langflow/flow-1", "api_base": f"{url}/api/v1", "api_key": "k"},
        "langgraph": {"model": "langgraph/agent", "api_base": f"{url}/graph", "api_key": "k"},
        "databricks": {"model": "databricks/m", "api_base": url},
        "databricks-claude": {"model": "databricks/databricks-claude-x", "api_base": url},
        "magistral": {"model": "mistral/magistral-small", "api_base": f"{url}/mistral", "api_key": "k"},
        "watsonx": {"model": "watsonx/ibm/granite", "api_base": url, "api_key": "k", "project_id": "p"},
        "watsonx_text": {"model": "watsonx_text/ibm/granite", "api_base": url, "api_key": "k", "project_id": "p"},
        "gigachat": {"model": "gigachat/GigaChat-2", "api_base": f"{url}/giga", "api_key": "k"},
        "sap": {"model": "sap/gpt-4o", "deployment_url": f"{url}/sap", "api_key": "tok-1"},
        "ollama": {"model": "ollama_chat/llama3", "api_base": url},
        "sagemaker": {"model": "sagemaker/texts", "api_base": url, **KEYS},
        "sagemaker_chat": {"model": "sagemaker_chat/chats", "api_base": url, **KEYS},
        "titan": {"model": "bedrock/amazon.titan-embed-text-v2:0", "api_base": url, **KEYS},
        "oci": {"model": "oci/xai.grok", "api_base": url, **OCI},
        "oci-cohere": {"model": "oci/cohere.command-a-03-2025", "api_base": url, **OCI},
    }


def environment(url: str) -> dict[str, str]:
    """Return where tokens are had, and for what."""
    return {
        "AZURE_AUTHORITY_HOST": url,
        "IDENTITY_ENDPOINT": f"{url}/identity",
        "IDENTITY_HEADER": "h",
        "DATABRICKS_CLIENT_ID": "me",
        "DATABRICKS_CLIENT_SECRET": "s3cret",
        "WATSONX_IAM_URL": f"{url}/iam",
        "GIGACHAT_AUTH_URL": f"{url}/giga-token",
    }


class Form(NamedTuple):
    """A vendor's form: where it is asked, and an answer in it, whole and streamed."""

    path: str
    whole: Answer
    stream: Answer
    stream_path: str = ""


def wrapped(value: Any) -> Any:
    return value if isinstance(value, str) else {"request_id": "r", "final_result": value}


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
SUMMARY = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "s"}]}
LINES = ({"message": {"content": "a "}, "done": False}, {"message": {"content": "b"}, "done": False})
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}


def listed(first: Any) -> Form:
    """Return the form of an answer whose content is a list."""
    content = [first, {"type": "text", "text": "a b"}]
    said = {"role": "assistant", "content": content}
    whole = {**CHAT, "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}
    thinking = {**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": [first]}}]}
    return Form("", plain(whole), streamed(thinking, *CHUNKS))


def parts(*values: Any) -> Answer:
    """A stream of server-sent events in the parts of AWS, each cut in two."""
    raw = b"".join(streamed(*values).body)
    pieces = [raw[at : at + 40] for at in range(0, len(raw), 40)]
    headers = {":event-type": "PayloadPart", ":message-type": "event"}
    return Answer([message(headers, piece) for piece in pieces], 200, "application/vnd.amazon.eventstream")


def named(text: str, **last: Any) -> Any:
    return {"token": {"text": text, "special": False}, **last}


DETAILS = {"finish_reason": "eos_token", "generated_tokens": 2, "input_length": 3}
OCI_USAGE = {"promptTokens": 3, "completionTokens": 2, "totalTokens": 5}


def generated(text: str, **counts: Any) -> Any:
    return {"model_id": "ibm/granite", "results": [{"generated_text": text, **counts}]}


def oci(text: str) -> Any:
    return {"index": 0, "message": {"role": "ASSISTANT", "content": [{"type": "TEXT", "text": text}]}}


RESPONSE = {"id": "r", "created_at": 1, "model": "theirs", "status": "completed", "output": []}
SPOKEN = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a b"}]}
RESPONSE_USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
RESPONSES = streamed(
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "a "},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "b"},
    {"type": "response.completed", "response": {**RESPONSE, "usage": RESPONSE_USAGE}},
)


def in_one(value: Any) -> tuple[Answer, Answer]:
    """Return an answer of a vendor that never streams, at once and in two pieces."""
    raw = json.dumps(value).encode()
    return Answer(raw), Answer([raw[:20], raw[20:]])


FORMS = {
    "sagemaker": Form(
        "/endpoints/texts/invocations",
        plain([{"generated_text": "a b", "details": DETAILS}]),
        parts(named("a "), named("b", generated_text="a b", details=DETAILS)),
        "/endpoints/texts/invocations-response-stream",
    ),
    "sagemaker_chat": Form(
        "/endpoints/chats/invocations", plain(CHAT), parts(*CHUNKS), "/endpoints/chats/invocations-response-stream"
    ),
    "oci": Form(
        "/20231130/actions/chat",
        plain({"chatResponse": {"choices": [{**oci("a b"), "finishReason": "stop"}], "usage": OCI_USAGE}}),
        streamed(oci("a "), oci("b"), {"finishReason": "stop"}, {"usage": OCI_USAGE}),
    ),
    "oci-cohere": Form(
        "/20231130/actions/chat",
        plain({"chatResponse": {"apiFormat": "COHERE", "text": "a b", "finishReason": "COMPLETE", "usage": OCI_USAGE}}),
        streamed(
            {"apiFormat": "COHERE", "text": "a "},
            {"apiFormat": "COHERE", "text": "b"},
            {"apiFormat": "COHERE", "text": "a b", "finishReason": "COMPLETE", "usage": OCI_USAGE, "chatHistory": []},
        ),
    ),
    "chatgpt": Form("/codex/responses", RESPONSES, RESPONSES),
    "agent": Form("/agents/responses", plain({**RESPONSE, "output": [SPOKEN], "usage": RESPONSE_USAGE}), RESPONSES),
    "nlp_cloud": Form(
        "/v1/gpu/dolphin/generation",
        *in_one({"generated_text": "a b", "nb_input_tokens": 3, "nb_generated_tokens": 2}),
    ),
    "aleph_alpha": Form(
        "/complete",
        *in_one(
            {
                "completions": [{"completion": "a b", "finish_reason": "end_of_text"}],
                "num_tokens_prompt_total": 3,
                "num_tokens_generated": 2,
            }
        ),
    ),
    "databricks": Form("/serving-endpoints/chat/completions", plain(CHAT), streamed(*CHUNKS)),
    "databricks-claude": listed(SUMMARY)._replace(path="/serving-endpoints/chat/completions"),
    "magistral": listed(THOUGHT)._replace(path="/mistral/chat/completions"),
    "watsonx": Form("/ml/v1/text/chat", plain(CHAT), streamed(*CHUNKS[:-1]), "/ml/v1/text/chat_stream"),
    "watsonx_text": Form(
        "/ml/v1/text/generation",
        plain(generated("a b", input_token_count=3, generated_token_count=2, stop_reason="eos_token")),
        streamed(
            generated("a ", input_token_count=3, generated_token_count=1, stop_reason="not_finished"),
            generated("b", generated_token_count=2, stop_reason="eos_token"),
        ),
        "/ml/v1/text/generation_stream",
    ),
    "gigachat": Form("/giga/chat/completions", plain(CHAT), streamed(*CHUNKS)),
    "sap": Form("/sap/v2/completion", plain(wrapped(CHAT)), streamed(*map(wrapped, CHUNKS))),
    "ollama": Form("/api/chat", plain({"message": {"content": "a b"}, **DONE}), lines(*LINES, DONE)),
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        for path in ("/t/oauth2/v2.0/token", "/oidc/v1/token", "/iam"):
            running.say(path, TOKEN)
        running.say("/giga-token", plain({"access_token": "tok-1", "expires_at": 4_000_000_000_000}))
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listed = [
        {"model_name": name, "litellm_params": {**PRICE, **params}} for name, params in models(vendors.url).items()
    ]
    config = {
        "model_list": listed,
        "litellm_settings": {"enable_azure_ad_token_refresh": True},
        "router_settings": {"num_retries": 0},
    }
    folder = tmp_path_factory.mktemp("vendors")
    with Gateway(config, folder, edge=edge, env=environment(vendors.url)) as running:
        yield running


def said(gateway: Gateway, model: str, **more: Any) -> dict[str, Any]:
    """Ask for a whole answer and return it."""
    answer = gateway.chat({"model": model, "messages": ASK, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["model"] == model
    return found


def chunks(gateway: Gateway, model: str, **more: Any) -> list[dict[str, Any]]:
    """Ask for a stream and return its chunks; it must end well."""
    options = {"include_usage": True}
    answer = gateway.chat({"model": model, "messages": ASK, "stream": True, "stream_options": options, **more})
    *found, last = events(answer.text)
    assert last == "[DONE]", answer.text
    assert {chunk["model"] for chunk in found} == {model}
    return found


def text(found: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in found for choice in chunk["choices"])


def refused(gateway: Gateway, vendors: Vendors, model: str, path: str, answer: Answer) -> dict[str, Any]:
    """Let the vendor answer so; return status and error of what the client gets."""
    vendors.say(path, answer)
    told = gateway.chat({"model": model, "messages": ASK})
    return {"status": told.status_code, **told.json()["error"]}


class TestTokens:
    """OpenAI's form behind a login whose tokens change."""

    PATH = "/openai/deployments/dep/chat/completions"

    def test_a_login_is_made_once_and_shown_each_time(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.reset()
        vendors.say(self.PATH, plain(CHAT))
        for _ in range(3):
            assert said(gateway, "entra")["usage"] == USAGE
        assert vendors.last(self.PATH).headers["authorization"] == "Bearer tok-1"
        assert vendors.last(self.PATH).json == {"model": "dep", "messages": ASK}
        assert sum(asked.path == "/t/oauth2/v2.0/token" for asked in vendors.asked) <= 1

    def test_a_machine_logs_in_where_the_configuration_says_so(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say("/identity", plain({"access_token": "tok-2", "expires_in": "3600"}))
        path = "/openai/deployments/machine/chat/completions"
        vendors.say(path, plain(CHAT))
        said(gateway, "machine")
        assert vendors.last(path).headers["authorization"] == "Bearer tok-2"

    def test_streams_hide_what_was_not_asked_for(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say(self.PATH, streamed(*CHUNKS))
        found = chunks(gateway, "entra")
        assert text(found) == "a b"
        assert found[-1]["usage"] == USAGE
        plainly = events(gateway.chat({"model": "entra", "messages": ASK, "stream": True}).text)
        assert all("usage" not in chunk for chunk in plainly[:-1])
        assert vendors.last(self.PATH).json["stream_options"] == {"include_usage": True}

    def test_health_checks_show_it_too(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say(self.PATH, plain(CHAT))
        found = gateway.client.get("/health", params={"model": "entra"}).json()
        assert found["healthy_count"] == 1, found

    def test_errors_come_through(self, gateway: Gateway, vendors: Vendors) -> None:
        filtered = {"error": {"code": "content_filter", "message": "filtered", "status": 400}}
        found = refused(gateway, vendors, "entra", self.PATH, plain(filtered, 400))
        assert (found["status"], found["code"]) == (400, "content_filter")
        found = refused(gateway, vendors, "entra", self.PATH, Answer(b"<html>", 200, "text/html"))
        assert found["status"] == 502
        assert "azure" in found["message"]


@pytest.mark.parametrize("model", FORMS)
class TestForms:
    def test_plain_and_streamed_say_and_cost_the_same(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        form = FORMS[model]
        vendors.say(form.path, form.whole)
        answer = gateway.chat({"model": model, "messages": ASK})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["model"] == model
        assert found["choices"][0]["message"]["content"] == "a b"
        assert found["choices"][0]["finish_reason"] == "stop"
        assert found["usage"] == USAGE
        assert Fraction(answer.headers["x-litellm-response-cost"]) == Fraction(3 + 2 * 2, 10**6)
        vendors.say(form.stream_path or form.path, form.stream)
        pieces = chunks(gateway, model)
        assert text(pieces) == "a b"
        assert pieces[-1]["usage"] == USAGE
        reasons = [choice["finish_reason"] for chunk in pieces for choice in chunk["choices"]]
        assert [reason for reason in reasons if reason] == ["stop"]

    def test_errors_name_the_provider(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        path = FORMS[model].path
        found = refused(gateway, vendors, model, path, plain({"error": "Input too long: prompt is too long"}, 400))
        assert (found["status"], found["code"]) == (400, "context_length_exceeded")
        assert refused(gateway, vendors, model, path, plain({"message": "slow down"}, 429))["status"] == 429
        unread = () if model == "databricks" else (plain({"message": 7, "choices": 8, "output": 9}),)
        for nonsense in (Answer(b"\xff{"), *unread):  # what is OpenAI's on both sides goes through unread
            found = refused(gateway, vendors, model, path, nonsense)
            assert found["status"] == 502
            provider = model.removesuffix("-claude").removesuffix("-cohere").replace("magistral", "mistral")
            provider = provider.replace("agent", "databricks_agent")
            assert provider in found["message"]
            assert ("choices" if nonsense in unread else "{") in found["message"]  # an excerpt

    def test_a_stream_that_is_cut_never_ends_well(self, gateway: Gateway, vendors: Vendors, model: str) -> None:
        form = FORMS[model]
        assert isinstance(form.stream.body, list)
        vendors.say(form.stream_path or form.path, form.stream._replace(body=form.stream.body[:1]))
        answer = gateway.chat({"model": model, "messages": ASK, "stream": True})
        *begun, last = events(answer.text) if answer.status_code == 200 else [answer.json()]
        assert "error" in last
        assert not any(choice.get("finish_reason") for chunk in begun for choice in chunk["choices"])


@pytest.mark.parametrize(
    ("model", "path", "told", "answer"),
    [
        (
            "triton",
            "/v2/models/llama/generate",
            {"text_input": "one two three", "parameters": {}},
            {"model_name": "llama", "model_version": "1", "text_output": "a b"},
        ),
        (
            "langgraph",
            "/graph/runs/wait",
            {"assistant_id": "agent", "input": {"messages": ASK}},
            {"messages": [{"type": "human", "content": "one"}, {"type": "ai", "content": [{"text": "a b"}]}]},
        ),
        (
            "langflow",
            "/api/v1/run/flow-1",
            {"input_value": "one two three", "input_type": "chat", "output_type": "chat"},
            {"session_id": "s", "outputs": [{"outputs": [{"results": {"message": {"text": "a b"}}}]}]},
        ),
    ],
)
def test_who_counts_no_tokens_and_never_streams(
    gateway: Gateway, vendors: Vendors, model: str, path: str, told: Any, answer: Any
) -> None:
    whole, pieces = in_one(answer)
    vendors.say(path, whole)
    assert said(gateway, model)["choices"][0]["message"]["content"] == "a b"
    assert vendors.last(path).json == told
    vendors.say(path, pieces)
    assert text(chunks(gateway, model)) == "a b"
    vendors.say(path, pieces._replace(body=pieces.body[:1]))
    assert "error" in gateway.chat({"model": model, "messages": ASK, "stream": True}).text
    assert refused(gateway, vendors, model, path, plain({"nothing": 1}))["status"] == 502


def test_a_plan_of_chatgpt_is_always_asked_for_a_stream(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/codex/responses", RESPONSES)
    said(gateway, "chatgpt", max_tokens=9)
    asked = vendors.last("/codex/responses")
    assert (asked.json["stream"], asked.json["store"]) == (True, False)
    assert asked.json["instructions"]
    assert "max_output_tokens" not in asked.json
    assert asked.headers["originator"] == "codex_cli_rs"
    assert asked.headers["authorization"] == "Bearer e30.e30.c2ln"


@pytest.mark.parametrize("model", ["databricks", "watsonx", "gigachat"])
def test_tokens_are_shown(gateway: Gateway, vendors: Vendors, model: str) -> None:
    vendors.say(FORMS[model].path, FORMS[model].whole)
    said(gateway, model)
    assert vendors.last(FORMS[model].path).headers["authorization"] == "Bearer tok-1"


@pytest.mark.parametrize("model", ["magistral", "databricks-claude"])
def test_reasoning_is_told_from_the_answer(gateway: Gateway, vendors: Vendors, model: str) -> None:
    form = FORMS[model]
    vendors.say(form.path, form.whole, form.stream)
    assert said(gateway, model)["choices"][0]["message"]["reasoning_content"] == "hm"
    thought = [
        choice["delta"].get("reasoning_content") for chunk in chunks(gateway, model) for choice in chunk["choices"]
    ]
    assert "".join(filter(None, thought)) == "hm"


@pytest.mark.parametrize(
    ("model", "path", "answer"),
    [
        ("watsonx", "/ml/v1/text/embeddings", {"results": [{"embedding": [1.0, 2.0]}], "input_token_count": 3}),
        ("titan", "/model/amazon.titan-embed-text-v2%3A0/invoke", {"embedding": [1.0, 2.0], "inputTextTokenCount": 3}),
        ("sagemaker", "/endpoints/texts/invocations", [[1.0, 2.0]]),
        ("triton", "/v2/models/llama/infer", {"outputs": [{"shape": [1, 2], "data": [1.0, 2.0]}]}),
    ],
)
def test_embeddings(gateway: Gateway, vendors: Vendors, model: str, path: str, answer: Any) -> None:
    vendors.say(path, plain(answer))
    ask = {"model": model, "input": "twelve bytes"}
    told = gateway.post("/v1/embeddings", ask)
    assert told.status_code == 200, told.text
    found = told.json()
    assert (found["model"], found["data"][0]["embedding"]) == (model, [1.0, 2.0])
    assert found["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert Fraction(told.headers["x-litellm-response-cost"]) == Fraction(3, 10**6)
    packed = gateway.post("/v1/embeddings", {**ask, "encoding_format": "base64"}).json()["data"][0]["embedding"]
    assert base64.b64decode(packed) == struct.pack("<2f", 1, 2)
    vendors.say(path, plain({"nothing": 1}))
    assert gateway.post("/v1/embeddings", ask).status_code == 502


def test_clients_of_anthropics_form_reach_them_too(gateway: Gateway, vendors: Vendors) -> None:
    vendors.say("/api/chat", FORMS["ollama"].stream)
    body = {"model": "ollama", "max_tokens": 9, "messages": ASK, "stream": True}
    told = gateway.post("/v1/messages", body).text
    assert "message_stop" in told
    assert '"text":"a "' in told
    assert vendors.last("/api/chat").json["options"] == {"num_predict": 9}
