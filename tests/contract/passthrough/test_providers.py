"""Providers' own APIs through the gateway: what goes on, what comes back, what it costs, and who may."""

import json
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types
from tests.contract.harness import MASTER_KEY, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, client_at, eventually
from tests.contract.passthrough.watching import COST, nanos, new_key, resident, rows, sent_headers, spent
from tests.contract.raw_http import Wire

ASK = [{"role": "user", "content": "one two three"}]
CONTENTS = [{"role": "user", "parts": [{"text": "one two three"}]}]
TURNS = [{"role": "user", "content": [{"text": "one two three"}]}]
CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
HOSTED = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 6, "messages": ASK}


PLACES = (
    ("/openai/v1/files/f-1", "/v1/files/f-1", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/openai/models", "/v1/models", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/openai_passthrough/v1/responses/r-1", "/v1/responses/r-1", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/anthropic/v1/models/claude", "/v1/models/claude", "x-api-key", UPSTREAM_KEY),
    ("/gemini/v1beta/files/f-1", "/v1beta/files/f-1", "x-goog-api-key", UPSTREAM_KEY),
    ("/cohere/v1/models", "/v1/models", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/mistral/v1/models", "/v1/models", "authorization", f"Bearer {ODD_KEY}"),
    ("/azure/openai/models", "/openai/models", "api-key", UPSTREAM_KEY),
    ("/assemblyai/v2/transcript/t-1", "/v2/transcript/t-1", "authorization", UPSTREAM_KEY),
    ("/cursor/v0/agents", "/v0/agents", "authorization", "Basic c2stY2FuYXJ5LTdReDJMbTladDRXYzhSdjE6"),
    ("/langfuse/api/public/traces", "/api/public/traces", "authorization", "Basic "),
    ("/vllm/pooling/", "/pooling/", "host", "127.0.0.1"),
    ("/typesafe/v1/systemone", "/v1/systemone", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/tinyfish/v1/runs/r-1", "/v1/runs/r-1", "x-api-key", UPSTREAM_KEY),
    ("/laya/v1/systemone", "/v1/systemone", "host", "127.0.0.1"),
)


@pytest.mark.parametrize(("path", "target", "header", "value"), PLACES)
def test_the_request_goes_on_as_it_came_with_other_credentials(
    gateway: Gateway, mock: Mock, path: str, target: str, header: str, value: str
) -> None:
    query = "a=1&b=%2F%20x&a=2"
    body = b'{"any": [1,  2.50, "\xc3\xa9"]}\n'
    gateway.client.request("PATCH", f"{path}?{query}", content=body, headers={"content-type": "application/x-odd"})
    seen = mock.last()
    assert (seen["method"], seen["target"]) == ("PATCH", f"{target}?{query}")
    assert seen["body"].encode() == body
    headers = sent_headers(mock)
    assert headers[header].startswith(value)
    assert headers["content-type"] == "application/x-odd"
    assert MASTER_KEY not in json.dumps(seen)


FORMS: tuple[tuple[str, str, dict[str, Any], str, dict[str, Any]], ...] = (
    ("chat", "/openai/v1/chat/completions", {"model": "gpt-4o", "messages": ASK, "max_tokens": 6}, "",
     {"stream": True, "stream_options": {"include_usage": True}}),
    ("messages", "/anthropic/v1/messages", {"model": "claude-sonnet-4-5", "messages": ASK, "max_tokens": 6}, "",
     {"stream": True}),
    ("gemini", "/gemini/v1beta/models/gemini-2.5-flash:{stream}enerateContent",
     {"contents": CONTENTS, "generationConfig": {"maxOutputTokens": 6}}, "?alt=sse", {}),
    ("converse", f"/bedrock/model/{CLAUDE}/converse{{dash}}",
     {"messages": TURNS, "inferenceConfig": {"maxTokens": 6}}, "", {}),
    ("invoke", f"/bedrock/model/{CLAUDE}/invoke{{response}}", HOSTED, "", {}),
    ("cohere", "/cohere/v2/chat", {"model": "command-a-03-2025", "messages": ASK, "max_tokens": 6}, "",
     {"stream": True}),
)  # fmt: skip


def form_paths(path: str) -> tuple[str, str]:
    """Return a path for a whole answer, and for a stream."""
    whole = path.format(stream="g", dash="", response="")
    return whole, path.format(stream="streamG", dash="-stream", response="-with-response-stream")


@pytest.mark.parametrize(("name", "path", "body", "query", "streams"), FORMS, ids=[form[0] for form in FORMS])
def test_whole_and_streamed_are_the_upstreams_bytes_and_cost_the_same(
    gateway: Gateway, mock: Mock, name: str, path: str, body: dict[str, Any], query: str, streams: dict[str, Any]
) -> None:
    whole_path, stream_path = form_paths(path)
    prefix = "/" + path.split("/")[1]
    before = spent(gateway)
    answer = gateway.post(whole_path, body)
    assert answer.status_code == 200, answer.text
    assert answer.content == mock.client.post(whole_path.removeprefix(prefix), json=body).content
    cost = nanos(answer.headers[COST])
    assert cost > 0
    after = spent(gateway)
    assert after - before == cost
    streamed = gateway.post(stream_path + query, {**body, **streams})
    direct = mock.client.post(stream_path.removeprefix(prefix) + query, json={**body, **streams})
    assert streamed.content == direct.content
    assert streamed.headers["content-type"] == direct.headers["content-type"]
    eventually(lambda: spent(gateway) - after == cost, "the stream costs what the whole answer does")
    array = name == "gemini"
    if array:  # without alt=sse the stream is one array
        after = spent(gateway)
        mock.control({"body": json.dumps([json.loads(answer.content)])}, path=":generateContent", times=1)
        assert gateway.post(whole_path, body).text.startswith("[")
        assert spent(gateway) - after == cost


def test_responses_and_embeddings_cost_what_they_say(gateway: Gateway, mock: Mock) -> None:
    asked = gateway.post("/openai_passthrough/v1/responses", {"model": "gpt-4o", "input": "one two three"})
    cost = nanos(asked.headers[COST])
    assert cost > 0
    before = spent(gateway)
    body = {"model": "gpt-4o", "input": "one two three", "stream": True}
    assert "response.completed" in gateway.post("/openai_passthrough/v1/responses", body).text
    eventually(lambda: spent(gateway) - before == cost, "the stream costs the same")
    body = {"model": "text-embedding-3-small", "input": "one two three"}
    assert nanos(gateway.post("/openai/v1/embeddings", body).headers[COST]) > 0


def test_what_is_no_token_costs_what_its_vendor_says(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 200, "body": json.dumps({"status": "COMPLETED", "num_of_steps": 3, "result": {}})}, times=1)
    run = gateway.post("/tinyfish/v1/automation/run", {"url": "https://a.example", "goal": "look"})
    assert nanos(run.headers[COST]) == 48_000_000
    answer = {"model": "jev-1.14.0", "usage": {"input_tokens": 1000, "output_tokens": 5}}
    mock.control({"status": 200, "body": json.dumps(answer)}, times=1)
    decided = gateway.post("/typesafe/v1/systemone", {"model": "jev-latest", "state": "x", "questions": {}})
    assert nanos(decided.headers[COST]) == 42_000


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/comprehendmedical/DetectPHI", {}),
        ("/comprehendmedical/", {"x-amz-target": "ComprehendMedical_20181030.DetectPHI"}),
    ],
    ids=["in the path", "as AWS's clients do"],
)
def test_a_service_of_awss_is_signed_and_paid_for_by_what_it_reads(
    gateway: Gateway, mock: Mock, path: str, headers: dict[str, str]
) -> None:
    new_key(gateway)  # so that there is a database
    said = {"status": 200, "body": '{"Entities": []}', "headers": {"content-type": "application/x-amz-json-1.1"}}
    mock.control(said, times=1)
    answer = gateway.post(path, {"Text": "x" * 250}, **headers)
    assert answer.json() == {"Entities": []}
    assert nanos(answer.headers[COST]) == 4_200_000
    sent = sent_headers(mock)
    assert sent["x-amz-target"] == "ComprehendMedical_20181030.DetectPHI"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-target" in sent["authorization"]
    assert (mock.last()["target"], sent["content-type"]) == ("/", "application/x-amz-json-1.1")
    (row,) = rows(gateway, answer)
    assert (row["provider"], row["model"], row["cost"]) == ("comprehendmedical", "DetectPHI", 4_200_000)
    refused = gateway.post("/comprehendmedical/StartPHIDetectionJob", {})
    assert (refused.status_code, "DetectPHI" in refused.text) == (400, True)
    assert gateway.post("/transcribe/", {}).status_code == 400


def test_every_request_has_a_row_in_the_ledger(gateway: Gateway, mock: Mock) -> None:
    new_key(gateway)  # so that there is a database
    known = gateway.post("/anthropic/v1/messages", {"model": "claude-sonnet-4-5", "messages": ASK, "max_tokens": 6})
    other = gateway.client.get("/openai/v1/models", headers={"x-litellm-customer-id": "shop-1"})
    mock.control({"status": 429}, times=1)
    refused = gateway.client.get("/openai/v1/models")
    (first,) = rows(gateway, known)
    assert (first["call_type"], first["provider"], first["model"]) == (
        "pass_through_endpoint", "anthropic", "claude-sonnet-4-5",
    )  # fmt: skip
    assert (first["prompt_tokens"], first["completion_tokens"], first["estimated"]) == (3, 6, 0)
    assert first["cost"] == nanos(known.headers[COST])
    (second,) = rows(gateway, other)
    assert (second["cost"], second["end_user"], second["status"]) == (0, "shop-1", "success")
    (third,) = rows(gateway, refused)
    assert (third["cost"], third["status"], third["error_code"]) == (0, "failure", "429")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": MASTER_KEY},
        {"x-goog-api-key": MASTER_KEY},
        {"api-key": MASTER_KEY},
        {"authorization": f"Bearer {MASTER_KEY}", "x-litellm-api-key": MASTER_KEY},
    ],
)
def test_the_key_may_stand_where_a_vendors_stands(gateway: Gateway, mock: Mock, headers: dict[str, str]) -> None:
    bare = {name: value for name, value in gateway.client.headers.items() if name.lower() != "authorization"}
    request = httpx.Request("GET", f"{gateway.url}/anthropic/v1/models", headers={**bare, **headers})
    assert gateway.client.send(request).status_code == 200
    assert MASTER_KEY not in json.dumps(mock.last())
    request = httpx.Request("GET", f"{gateway.url}/anthropic/v1/models", headers={**bare, "x-api-key": "sk-wrong-1"})
    assert gateway.client.send(request).status_code == 401


def test_googles_key_may_stand_in_the_query_and_langfuses_in_a_pair(gateway: Gateway, mock: Mock) -> None:
    bare = client_at(gateway.url)
    assert bare.get(f"/gemini/v1beta/models?a=1&key={MASTER_KEY}&b=2").status_code == 200
    assert mock.last()["target"] == "/v1beta/models?a=1&b=2"
    assert bare.get(f"/openai/v1/models?key={MASTER_KEY}").status_code == 401
    assert bare.get("/langfuse/models", auth=("any", MASTER_KEY)).status_code == 200
    assert bare.get("/langfuse/models", auth=(MASTER_KEY, "any")).status_code == 401
    bare.close()


def test_who_brings_his_own_credentials_uses_them_where_the_gateway_has_none(gateway: Gateway, mock: Mock) -> None:
    refused = gateway.client.get("/openrouter/v1/models")
    assert refused.status_code == 401
    assert "OPENROUTER_API_KEY" in refused.json()["error"]["message"]
    assert gateway.client.get("/milvus/v2/x").status_code == 503
    assert not mock.requests()
    own = {"authorization": "Bearer sk-mine", "x-api-key": MASTER_KEY, "x-litellm-api-key": MASTER_KEY}
    assert gateway.client.get("/openrouter/v1/models", headers=own).status_code == 200
    headers = sent_headers(mock)
    assert headers["authorization"] == "Bearer sk-mine"
    assert not headers.keys() & {"x-api-key", "x-litellm-api-key"}
    gateway.client.get("/anthropic/v1/models", headers=own)  # here the gateway has one
    assert sent_headers(mock)["x-api-key"] == UPSTREAM_KEY
    assert "authorization" not in sent_headers(mock)


def test_vertex_has_the_gateways_token_and_project(gateway: Gateway, mock: Mock) -> None:
    path = "/projects/other/locations/us-east4/publishers/google/models/gemini-2.5-pro:generateContent"
    answer = gateway.post(f"/vertex_ai/v1{path}", {"contents": CONTENTS}, x_goog_user_project="p-user", x_odd="1")
    assert answer.status_code == 200, answer.text
    assert nanos(answer.headers[COST]) > 0
    assert mock.last()["target"] == (
        "/v1/projects/p-default/locations/europe-west1/publishers/google/models/gemini-2.5-pro:generateContent"
    )
    headers = sent_headers(mock)
    assert (headers["authorization"], headers["x-goog-user-project"]) == ("Bearer mock-token", "p-user")
    assert "x-odd" not in headers
    hosted = {**HOSTED, "anthropic_version": "vertex-2023-10-16", "stream": True}
    path = "/vertex-ai/publishers/anthropic/models/claude-sonnet-4-5:streamRawPredict"
    before = spent(gateway)
    assert "message_stop" in gateway.post(path, hosted).text
    eventually(lambda: spent(gateway) > before, "Claude's stream costs, too")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/files/f-1/content", "/v1/batches/b-1", "/v1/chat/completions"])
def test_a_prefix_of_its_own_goes_before_what_the_gateway_answers_by_provider(
    gateway: Gateway, mock: Mock, path: str
) -> None:
    gateway.client.get(f"/openai_passthrough{path}")
    gateway.client.get(f"/custom/api{path.removeprefix('/v1')}")
    assert [seen["target"] for seen in mock.requests()] == [path, path]
    gateway.client.get("/mistral/v1/files")
    assert mock.last()["target"] == path, "a provider's name is what the gateway's own paths are asked by"


def test_a_path_cannot_leave_its_upstream(gateway: Gateway, mock: Mock) -> None:
    for path in ("/openai/v1/%2e%2e/x", "/openai/v1/..%2f..%2fx", "/openai/v1/%252e%252e/x", "/openai//evil.example/x"):
        with Wire(gateway.port) as wire:
            wire.send(f"GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {MASTER_KEY}\r\n\r\n".encode())
            assert wire.answers(1)[0].status in (400, 404), path
    assert not mock.requests()


def test_the_upstreams_word_is_the_clients_whatever_it_is(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 429, "headers": {"x-odd": "1", "retry-after": "7", "set-cookie": "a=b"}}, times=1)
    answer = gateway.post("/anthropic/v1/messages", {"model": "claude-sonnet-4-5", "messages": ASK, "max_tokens": 6})
    assert answer.status_code == 429
    assert answer.json()["error"]["message"] == "Mock fault: status 429"
    assert (answer.headers["x-odd"], answer.headers["retry-after"]) == ("1", "7")
    assert "set-cookie" not in answer.headers
    assert len(mock.requests()) == 1  # nothing is repeated
    mock.control({"body": "\x00\x01binary", "headers": {"location": "/there"}}, times=1)
    answer = gateway.client.get("/openai/v1/containers/c-1/content", headers={"range": "bytes=0-1"})
    assert (answer.content, answer.headers["location"]) == (b"\x00\x01binary", "/there")
    assert sent_headers(mock)["range"] == "bytes=0-1"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", 502),
        ("HTTP/1.1 200 OK\r\nbad header\r\n\r\n", 502),
        ("nonsense\r\n\r\n", 502),
    ],
)
def test_a_hostile_answer_is_502(gateway: Gateway, mock: Mock, raw: str, status: int) -> None:
    mock.control({"raw": raw, "close": True}, times=1)
    answer = gateway.post("/openai/v1/chat/completions", {"model": "gpt-4o", "messages": ASK})
    assert answer.status_code == status
    assert UPSTREAM_KEY not in answer.text


def test_silence_is_a_timeout_and_a_cut_is_seen(gateway: Gateway, mock: Mock) -> None:
    mock.control({"first_byte_ms": 30000}, times=1)
    assert gateway.client.get("/hasty").status_code == 408
    body = {"model": "gpt-4o", "messages": ASK, "stream": True}
    before = spent(gateway)
    mock.control({"cut_at": 1500}, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.post("/openai/v1/chat/completions", body)
    eventually(lambda: spent(gateway) > before, "what came of it is paid for")


def test_a_client_that_leaves_ends_the_call(gateway: Gateway, mock: Mock) -> None:
    mock.control({"token_rate": 20}, times=1)
    body = {"model": "gpt-4o", "messages": ASK, "stream": True, "max_tokens": 400}
    with gateway.client.stream("POST", "/openai/v1/chat/completions", json=body) as answer:
        next(answer.iter_raw())
    mock.wait(aborted=1)


class TestRights:
    def test_a_key_uses_its_models_only(self, gateway: Gateway, mock: Mock) -> None:
        key = new_key(gateway, models=["claude-sonnet-4-5"])
        ask = {"model": "claude-sonnet-4-5", "messages": ASK, "max_tokens": 6}
        assert gateway.post("/anthropic/v1/messages", ask, **key).status_code == 200
        refused = [
            gateway.post("/anthropic/v1/messages", {**ask, "model": "claude-opus-4-5"}, **key),
            gateway.post("/gemini/v1beta/models/gemini-2.5-pro:generateContent", {"contents": CONTENTS}, **key),
            gateway.post("/anthropic/v1/messages/batches", {"requests": [{"params": {"model": "other"}}]}, **key),
            gateway.post("/anthropic/v1/messages", b'{"model":"claude-sonnet-4-5","model":"other"}', **key),
            gateway.post("/anthropic/v1/messages", b"\x1f\x8b", **key, content_encoding="gzip"),
            gateway.client.post(
                "/openai/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": b"x"}, headers=key
            ),
        ]
        assert [answer.status_code for answer in refused] == [403] * 6
        assert len(mock.requests()) == 1

    def test_a_key_uses_its_routes_only(self, gateway: Gateway, mock: Mock) -> None:
        key = new_key(gateway, allowed_routes=["/anthropic/*"])
        assert gateway.client.get("/anthropic/v1/models", headers=key).status_code == 200
        assert gateway.client.get("/openai/v1/models", headers=key).status_code == 403
        by_group = new_key(gateway, allowed_routes=["llm_api_routes"])
        assert gateway.client.get("/openai/v1/models", headers=by_group).status_code == 200

    def test_limits_and_budgets_hold(self, gateway: Gateway, mock: Mock) -> None:
        key = new_key(gateway, rpm_limit=1)
        assert gateway.client.get("/openai/v1/models", headers=key).status_code == 200
        assert gateway.client.get("/openai/v1/models", headers=key).status_code == 429
        key = new_key(gateway, max_budget=0.00001)
        ask = {"model": "gpt-4o", "messages": ASK, "max_tokens": 6}
        assert gateway.post("/openai/v1/chat/completions", ask, **key).status_code == 200
        assert gateway.post("/openai/v1/chat/completions", ask, **key).status_code == 422
        assert len(mock.requests()) == 2


def test_a_path_that_names_a_group_goes_where_the_group_does(gateway: Gateway, mock: Mock) -> None:
    ask = {"messages": ASK}
    gateway.post("/azure/openai/deployments/east/chat/completions?api-version=1", ask)
    assert mock.last()["target"] == "/openai/deployments/gpt-4o-east/chat/completions?api-version=1"
    assert sent_headers(mock)["api-key"] == ODD_KEY


def test_paths_of_the_gateways_own_stay_what_they_are(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.post("/openai/deployments/gpt-test/chat/completions", {"messages": ASK})
    assert answer.headers["x-litellm-model-group"] == "gpt-test"
    assert gateway.post("/openai/v1/responses", {"model": "gpt-test", "input": "x"}).json()["id"].startswith("resp")


class TestClients:
    def test_openai(self, gateway: Gateway, mock: Mock) -> None:
        client = openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=MASTER_KEY, max_retries=0)
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))  # type: ignore[call-overload]
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert client.models.list().data
        client.close()

    def test_anthropic(self, gateway: Gateway, mock: Mock) -> None:
        client = anthropic.Anthropic(base_url=f"{gateway.url}/anthropic", api_key=MASTER_KEY, max_retries=0)
        with client.messages.stream(model="claude-test", max_tokens=6, messages=ASK) as stream:  # type: ignore[arg-type]
            assert len(stream.get_final_text().split()) == 6
        mock.control({"status": 429}, times=1)
        with pytest.raises(anthropic.RateLimitError):
            client.messages.create(model="claude-test", max_tokens=6, messages=ASK)  # type: ignore[arg-type]
        client.close()

    def test_google(self, gateway: Gateway, mock: Mock) -> None:
        options = types.HttpOptions(base_url=f"{gateway.url}/gemini")
        with genai.Client(api_key=MASTER_KEY, http_options=options) as client:
            assert client.models.generate_content(model="gemini-2.5-flash", contents="hello").text
            pieces = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
            assert "".join(piece.text or "" for piece in pieces)

    def test_awss_own_signature_carries_the_key(self, gateway: Gateway, mock: Mock) -> None:
        signed = (
            f"AWS4-HMAC-SHA256 Credential={MASTER_KEY}/20260101/us-east-1/bedrock/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=00"
        )
        headers = {"authorization": signed, "x_amz_date": "20260101T000000Z", "x_amz_security_token": "t"}
        answer = gateway.post(f"/bedrock/model/{CLAUDE.replace(':', '%3A')}/converse", {"messages": TURNS}, **headers)
        assert answer.status_code == 200
        sent = sent_headers(mock)
        assert "Credential=AKIDEXAMPLE/" in sent["authorization"]
        assert "/eu-west-1/bedrock/aws4_request" in sent["authorization"]
        assert sent["x-amz-date"] != "20260101T000000Z"
        assert "x-amz-security-token" not in sent
        assert mock.last()["target"] == f"/model/{CLAUDE.replace(':', '%3A')}/converse"


def test_a_large_body_is_kept_in_a_file_and_arrives_whole(gateway: Gateway, mock: Mock) -> None:
    text = "x" * (3 << 20)
    ask = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": text}], "max_tokens": 6}
    answer = gateway.post("/anthropic/v1/messages", ask)
    assert answer.status_code == 200
    assert nanos(answer.headers[COST]) > 0
    assert mock.last()["json"] == ask
    file = b"\x00\xff" * (1 << 20)
    form = {"model": "whisper-1"}
    gateway.client.post("/openai/v1/audio/transcriptions", data=form, files={"file": ("a.wav", file)})
    assert mock.last()["size"] > len(file)
    key = new_key(gateway, models=["claude-sonnet-4-5"])
    assert gateway.post("/anthropic/v1/messages", ask, **key).status_code == 200
    assert gateway.post("/anthropic/v1/messages", {**ask, "model": "other"}, **key).status_code == 403
    refused = gateway.client.post("/openai/v1/audio/transcriptions", data=form, files={"file": file}, headers=key)
    assert refused.status_code == 403


def test_a_large_answer_waits_for_its_reader(gateway: Gateway, mock: Mock) -> None:
    size = 48 << 20
    mock.control({"body": "x" * size, "status": 200}, path="/v1/containers/c-1/content", times=1)
    before = {worker: resident(worker) for worker in gateway.workers()}
    with gateway.client.stream("GET", "/openai/v1/containers/c-1/content") as answer:
        pieces = answer.iter_raw()
        got = len(next(pieces))
        for _ in range(50):  # time enough for all of it, would nobody wait
            assert gateway.client.get("/openai/v1/models").status_code == 200
        grown = [resident(worker) - size_before for worker, size_before in before.items()]
        got += sum(map(len, pieces))
    assert (answer.status_code, got) == (200, size)
    assert max(grown) < size // 3
