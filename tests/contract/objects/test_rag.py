"""Documents that go into a vector store in one request, and questions that are answered out of one."""

import base64
import json
from typing import Any

import httpx
import openai
import pytest
from tests.contract.harness import Gateway, Mock, events
from tests.contract.objects.asking import client_of, upload
from tests.contract.objects.keys import key

OPTIONS: Any = {"name": "papers", "vector_store": {"custom_llm_provider": "openai"}}
INGEST, QUERY = "/v1/rag/ingest", "/rag/query"


@pytest.fixture
def secret(gateway: Gateway) -> str:
    return key(gateway)


def ask(gateway: Gateway, path: str, body: Any, secret: str) -> httpx.Response:
    return gateway.post(path, body, authorization=f"Bearer {secret}")


def ingested(gateway: Gateway, secret: str, text: str, **store: Any) -> dict[str, Any]:
    options = {**OPTIONS, "vector_store": {**OPTIONS["vector_store"], **store}}
    file = {"filename": "a.txt", "content": base64.b64encode(text.encode()).decode()}
    answer = ask(gateway, "/rag/ingest", {"file": file, "ingest_options": options}, secret)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_form_brings_a_document_into_a_store_of_its_own(gateway: Gateway, mock: Mock, secret: str) -> None:
    options = {**OPTIONS, "vector_store": {"model": "gpt-test", "ttl_days": 3}, "chunking_strategy": {"type": "auto"}}
    answer = gateway.client.post(
        INGEST,
        files={"file": ("a.txt", b"the wall is high", "text/plain")},
        data={"request": json.dumps({"ingest_options": options})},
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["status"], told["id"][:7]) == ("completed", "ingest_")
    uploaded, made, put = mock.requests()
    assert (uploaded["path"], made["path"]) == ("/v1/files", "/v1/vector_stores")
    assert b'name="purpose"' in uploaded["body"].encode()
    assert made["json"] == {"name": "papers", "expires_after": {"anchor": "last_active_at", "days": 3}}
    assert put["json"]["chunking_strategy"] == {"type": "auto"}
    with client_of(gateway, secret) as client:
        assert [store.id for store in client.vector_stores.list()] == [told["vector_store_id"]]
        assert [file.id for file in client.files.list()] == [told["file_id"]]
        assert [file.id for file in client.vector_stores.files.list(told["vector_store_id"])] == [told["file_id"]]


def test_a_document_joins_others_and_a_file_that_was_uploaded_does(gateway: Gateway, secret: str) -> None:
    first = ingested(gateway, secret, "the wall is high")
    second = ingested(gateway, secret, "the wall is long", vector_store_id=first["vector_store_id"])
    assert second["vector_store_id"] == first["vector_store_id"]
    with client_of(gateway, secret) as client:
        file = upload(client, purpose="user_data", content=b"x", model=None)
        body = {"file_id": file.id, "ingest_options": {"vector_store": {"vector_store_id": first["vector_store_id"]}}}
        assert ask(gateway, INGEST, body, secret).json()["file_id"] == file.id
        assert len(client.vector_stores.files.list(first["vector_store_id"]).data) == 3


def test_a_document_is_fetched(gateway: Gateway, mock: Mock, secret: str) -> None:
    url = f"{mock.url}/a/files/paper.pdf:download?sig=1"
    answer = ask(gateway, INGEST, {"file_url": url, "ingest_options": OPTIONS}, secret)
    assert answer.status_code == 200, answer.text
    fetched, uploaded, _, _ = mock.requests()
    assert (fetched["target"], fetched["path"]) == (url.removeprefix(mock.url), "/a/files/paper.pdf:download")
    assert not {"authorization", "cookie"} & {name.lower() for name, _ in fetched["headers"]}
    assert 'filename="paper.pdf:download"' in uploaded["body"]
    assert "a video of the mock" in uploaded["body"]
    mock.control({"status": 404}, path="/a/files/gone:download")
    gone = ask(gateway, INGEST, {"file_url": f"{mock.url}/a/files/gone:download", "ingest_options": OPTIONS}, secret)
    assert (gone.status_code, "it answered 404" in gone.text) == (400, True)
    mock.control({"status": 302, "headers": {"location": "http://10.0.0.1/"}}, path="/a/files/away:download")
    away = ask(gateway, INGEST, {"file_url": f"{mock.url}/a/files/away:download", "ingest_options": OPTIONS}, secret)
    assert (away.status_code, "not public" in away.text) == (400, True)


@pytest.mark.parametrize(("kind", "said"), [("image/png", "image_url"), (None, "document_url")])
def test_a_document_is_read_first(gateway: Gateway, mock: Mock, secret: str, kind: str | None, said: str) -> None:
    file = {"filename": "scan.pdf", "content": "eA==", "content_type": kind}
    options = {**OPTIONS, "ocr": {"model": "reader"}}
    answer = ask(gateway, INGEST, {"file": file, "ingest_options": options}, secret)
    assert answer.status_code == 200, answer.text
    read, uploaded, *_ = mock.requests()
    assert read["path"] == "/v1/ocr"
    assert read["json"]["document"] == {"type": said, said: f"data:{kind or 'application/pdf'};base64,eA=="}
    assert 'filename="scan.md"' in uploaded["body"]
    assert f"{said} one two three" in uploaded["body"]
    for model, status in (("no-such-model", 404), ("far", 400)):
        refused = ask(gateway, INGEST, {"file": file, "ingest_options": {**OPTIONS, "ocr": {"model": model}}}, secret)
        assert refused.status_code in (status, 404), refused.text
    assert len([one for one in mock.requests() if one["path"] == "/v1/files"]) == 1


def question(store: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "system", "content": "be kind"}, {"role": "user", "content": [{"type": "text", "text": "wall"}]}]
    config = {"vector_store_id": store, "top_k": 2, "custom_llm_provider": "openai"}
    return {"model": "gpt-test", "messages": turns, "retrieval_config": config, "max_tokens": 3, **more}


def test_a_question_is_answered_out_of_what_was_found(gateway: Gateway, mock: Mock, secret: str) -> None:
    store = ingested(gateway, secret, "the wall is high")["vector_store_id"]
    answer = ask(gateway, QUERY, question(store), secret)
    assert answer.status_code == 200, answer.text
    searched, told = mock.requests()[-2:]
    assert searched["json"] == {"query": "wall", "max_num_results": 2}
    assert told["json"]["messages"][1:2] == [{"role": "user", "content": "Context:\n\nthe wall is high\n\n"}]
    assert [turn["role"] for turn in told["json"]["messages"]] == ["system", "user", "user"]
    assert not {"retrieval_config", "rerank"} & told["json"].keys()
    fields = answer.json()["choices"][0]["message"]["provider_specific_fields"]
    (found,) = fields["search_results"]["data"]
    assert (found["file_id"][:7], found["content"][0]["text"]) == ("file-tj", "the wall is high")
    assert float(answer.headers["x-litellm-response-cost"]) > 0
    streamed = ask(gateway, QUERY, question(store, stream=True), secret)
    assert events(streamed.text)[-1] == "[DONE]"
    assert mock.last()["json"]["messages"] == told["json"]["messages"]


def test_what_was_found_is_ranked_anew(gateway: Gateway, mock: Mock, secret: str) -> None:
    store = ingested(gateway, secret, "the wall is high")["vector_store_id"]
    ingested(gateway, secret, "wall wall wall", vector_store_id=store)
    body = question(store, rerank={"enabled": True, "model": "ranker", "top_n": 1})
    answer = ask(gateway, QUERY, body, secret)
    assert answer.status_code == 200, answer.text
    ranked, told = mock.requests()[-2:]
    assert ranked["json"]["documents"] == ["the wall is high", "wall wall wall"]
    fields = answer.json()["choices"][0]["message"]["provider_specific_fields"]
    (best,) = fields["rerank_results"]["results"]
    assert told["json"]["messages"][1]["content"] == f"Context:\n\n{ranked['json']['documents'][best['index']]}\n\n"
    mock.control({"status": 429}, path="/v1/rerank")
    assert ask(gateway, QUERY, body, secret).status_code == 429


def test_where_nothing_is_found_the_question_goes_as_it_is(gateway: Gateway, mock: Mock, secret: str) -> None:
    store = ingested(gateway, secret, "something else")["vector_store_id"]
    assert ask(gateway, QUERY, question(store), secret).status_code == 200
    assert mock.last()["json"]["messages"] == question(store)["messages"]


def test_what_is_anothers_is_not_there(gateway: Gateway, mock: Mock, secret: str, stranger: openai.OpenAI) -> None:
    made = ingested(gateway, secret, "the wall is high")
    before = len(mock.requests())
    file = {"content": "eA=="}
    bodies = [
        (QUERY, question(made["vector_store_id"])),
        (INGEST, {"file": file, "ingest_options": {"vector_store": {"vector_store_id": made["vector_store_id"]}}}),
        (INGEST, {"file_id": made["file_id"], "ingest_options": OPTIONS}),
    ]
    for path, body in bodies:
        assert ask(gateway, path, body, stranger.api_key).status_code == 404
    assert len(mock.requests()) == before


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"ingest_options": OPTIONS}, "send a document"),
        ({"file": {"content": "eA=="}, "ingest_options": {}}, "vector_store"),
        ({"file": {"content": "*"}, "ingest_options": OPTIONS}, "base64"),
        ({"file_url": "http://169.254.169.254/latest", "ingest_options": OPTIONS}, "not public"),
        ({"file_url": "http://localhost/", "ingest_options": OPTIONS}, "not public"),
        ({"file_url": "file:///etc/passwd", "ingest_options": OPTIONS}, "http:// or https://"),
        ({"file_id": "file-x", "ingest_options": {**OPTIONS, "ocr": {"model": "m"}}}, "send the document"),
        (
            {"file": {"content": "eA=="}, "ingest_options": {"vector_store": {"aws_region_name": "x"}}},
            "aws_region_name",
        ),
        ({"file": {"content": "eA=="}, "ingest_options": {"vector_store": {"api_key": "x"}}}, "api_key"),
        (
            {"file": {"content": "eA=="}, "ingest_options": {"vector_store": {"custom_llm_provider": "bedrock"}}},
            "bedrock",
        ),
    ],
)
def test_what_is_no_document_is_refused(gateway: Gateway, mock: Mock, secret: str, body: Any, problem: str) -> None:
    answer = ask(gateway, INGEST, body, secret)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]["message"]
    assert mock.requests() == []


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"messages": []}, "no text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "no text"),
        ({"retrieval_config": {}}, "vector_store_id"),
        ({"retrieval_config": {"vector_store_id": "x", "top_k": 51}}, "top_k"),
        ({"rerank": {"enabled": True}}, "'model' of `rerank`"),
    ],
)
def test_what_is_no_question_is_refused(gateway: Gateway, mock: Mock, secret: str, more: Any, problem: str) -> None:
    answer = ask(gateway, QUERY, question("x") | more, secret)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]["message"]
    assert mock.requests() == []
