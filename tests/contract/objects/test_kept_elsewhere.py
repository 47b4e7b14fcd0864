"""Files at Anthropic and at Google: uploaded in OpenAI's form, named in every form, and nobody else's."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, openai_model
from tests.contract.objects.asking import JSONL, client_of
from tests.contract.objects.keys import key
from tests.fakes.vendors import Answer, Vendors, plain

CLAUDES = {"id": "file_011C", "type": "file", "filename": "a.pdf", "mime_type": "application/pdf", "size_bytes": 4}
CLAUDES |= {"created_at": "2026-01-01T00:00:00Z", "downloadable": False}
LOT = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "in_progress", "results_url": None}
LOT |= {"request_counts": {"processing": 1}, "created_at": "2026-01-01T00:00:00Z"}
ADDRESS = "https://generativelanguage.googleapis.com/v1beta/files/abc-1"
GOOGLES = {"name": "files/abc-1", "displayName": "a.pdf", "mimeType": "application/pdf", "sizeBytes": "4"}
GOOGLES |= {"createTime": "2026-01-01T00:00:00Z", "expirationTime": "2026-01-03T00:00:00Z", "uri": ADDRESS}
GOOGLES |= {"state": "PROCESSING"}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
MESSAGE |= {"content": [{"type": "text", "text": "read"}], "usage": {"input_tokens": 1, "output_tokens": 1}}
TURN = {"content": {"role": "model", "parts": [{"text": "read"}]}, "finishReason": "STOP", "index": 0}
SAID = {"candidates": [TURN], "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1}}
GENERATE = "/v1beta/models/gemini-up:generateContent"


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        running.say("/v1/files", plain(CLAUDES))
        running.say("/v1/files/file_011C", plain(CLAUDES))
        running.say("/v1/files/file_011C/content", Answer(b"%PDF", content_type="application/pdf"))
        running.say("/v1/messages", plain(MESSAGE))
        running.say("/v1/messages/batches", plain(LOT))
        running.say("/upload/v1beta/files", plain({"file": GOOGLES}))
        running.say("/v1beta/files/abc-1", plain(GOOGLES | {"state": "ACTIVE"}))
        running.say(GENERATE, plain(SAID))
        for tenant in ("own", "theirs"):
            running.say(f"/{tenant}/oauth2/v2.0/token", plain({"access_token": f"tok-{tenant}", "expires_in": 3600}))
        running.say("/openai/files", plain({"id": "file-azure", "object": "file", "bytes": 4, "purpose": "user_data"}))
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, vendors: Vendors, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    claude = {"model": "anthropic/claude-up", "api_base": vendors.url, "api_key": "sk-claude"}
    gemini = {"model": "gemini/gemini-up", "api_base": f"{vendors.url}/v1beta", "api_key": "google-key"}
    config = {
        "model_list": [
            {"model_name": "claude", "litellm_params": claude},
            {"model_name": "gemini", "litellm_params": gemini},
            openai_model("gpt", "gpt-up", mock_process.url),
            {
                "model_name": "azure",
                "litellm_params": {
                    "model": "azure/dep",
                    "api_base": vendors.url,
                    "tenant_id": "own",
                    "client_id": "c",
                    "client_secret": "s3cret",
                },
            },
        ],
        "files_settings": [
            {"custom_llm_provider": "azure", "api_base": vendors.url, "api_version": "2025-01-01"},
            *(
                {"custom_llm_provider": name, "api_base": params["api_base"], "api_key": params["api_key"]}
                for name, params in (("anthropic", claude), ("gemini", gemini))
            ),
        ],
        "litellm_settings": {"enable_azure_ad_token_refresh": True},
    }
    entra = {"AZURE_AUTHORITY_HOST": vendors.url, "AZURE_TENANT_ID": "theirs"}
    entra |= {"AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s3cret"}
    with Gateway(config, tmp_path_factory.mktemp("elsewhere"), edge=edge, env=BOOKS | entra) as running:
        yield running


@pytest.fixture
def secret(gateway: Gateway) -> str:
    return key(gateway)


@pytest.fixture
def client(gateway: Gateway, secret: str) -> Iterator[openai.OpenAI]:
    with client_of(gateway, secret) as made:
        yield made


def bring(client: openai.OpenAI, models: str) -> Any:
    extra = {"target_model_names": models}
    return client.files.create(file=("a.pdf", b"%PDF", "application/pdf"), purpose="user_data", extra_body=extra)


def claude_of(gateway: Gateway, secret: str) -> Any:
    return anthropic.Anthropic(base_url=gateway.url, api_key=secret, max_retries=0)


def speak(gateway: Gateway, path: str, body: object, secret: str) -> httpx.Response:
    return gateway.post(path, body, authorization=f"Bearer {secret}")


def message(file: str, model: str, kind: str = "document") -> dict[str, Any]:
    block: dict[str, Any] = {"type": kind, "source": {"type": "file", "file_id": file}}
    if kind == "container_upload":
        block = {"type": kind, "file_id": file}
    turns = [{"role": "user", "content": [{"type": "text", "text": f"not {file}"}, block]}]
    return {"model": model, "max_tokens": 9, "messages": turns}


def contents(uri: str, spelling: str = "fileData fileUri") -> dict[str, Any]:
    outer, inner = spelling.split()
    return {"contents": [{"role": "user", "parts": [{"text": f"not {uri}"}, {outer: {inner: uri}}]}]}


def test_anthropics_files(client: openai.OpenAI, vendors: Vendors) -> None:
    made = bring(client, "claude")
    assert (made.bytes, made.filename, made.purpose, made.created_at) == (4, "a.pdf", "user_data", 1767225600)
    assert made.id.startswith("file-tj")
    sent = vendors.last("/v1/files")
    assert (sent.headers["x-api-key"], sent.headers["anthropic-beta"]) == ("sk-claude", "files-api-2025-04-14")
    assert b'name="file"; filename="a.pdf"\r\ncontent-type: application/pdf\r\n\r\n%PDF\r\n' in sent.body
    assert b"purpose" not in sent.body
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == b"%PDF"
    assert [file.id for file in client.files.list()] == [made.id]
    assert client.files.delete(made.id).id == made.id
    assert (vendors.asked[-1].method, vendors.asked[-1].path) == ("DELETE", "/v1/files/file_011C")
    assert list(client.files.list()) == []


def test_googles_files(client: openai.OpenAI, vendors: Vendors) -> None:
    made = bring(client, "gemini")
    assert (made.bytes, made.filename, made.purpose, made.status) == (4, "a.pdf", "user_data", "uploaded")
    assert made.expires_at == made.created_at + 2 * 86400
    sent = vendors.last("/upload/v1beta/files")
    assert (sent.headers["x-goog-api-key"], sent.headers["x-goog-upload-protocol"]) == ("google-key", "multipart")
    boundary = sent.headers["content-type"].removeprefix("multipart/related; boundary=").encode()
    _, about, file, end = sent.body.split(b"--" + boundary)
    assert json.loads(about.partition(b"\r\n\r\n")[2]) == {"file": {"displayName": "a.pdf"}}
    assert file == b"\r\ncontent-type: application/pdf\r\n\r\n%PDF\r\n"
    assert end == b"--\r\n"
    assert client.files.retrieve(made.id).status == "processed"
    assert client.files.delete(made.id).deleted
    assert (vendors.asked[-1].method, vendors.asked[-1].path) == ("DELETE", "/v1beta/files/abc-1")


@pytest.mark.parametrize(("provider", "model"), [("anthropic", "claude"), ("gemini", "gemini")])
def test_a_provider_may_be_named_for_its_model(
    gateway: Gateway, client: openai.OpenAI, secret: str, provider: str, model: str
) -> None:
    extra = {"custom_llm_provider": provider}
    made = client.files.create(file=("a.pdf", b"%PDF", "application/pdf"), purpose="user_data", extra_body=extra)
    assert client.files.retrieve(made.id).id == made.id
    turns = [{"role": "user", "content": [{"type": "file", "file": {"file_id": made.id}}]}]
    assert speak(gateway, "/v1/chat/completions", {"model": model, "messages": turns}, secret).status_code == 200
    for ask in ({"file_ids": [made.id]}, {"extra_body": extra}):
        with pytest.raises(openai.BadRequestError, match="nothing that is made of them"):
            client.vector_stores.create(**ask)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "token"), [({"target_model_names": "azure"}, "own"), ({"custom_llm_provider": "azure"}, "theirs")]
)
def test_azures_files_are_asked_for_by_whom_entra_knows(
    client: openai.OpenAI, vendors: Vendors, named: dict[str, str], token: str
) -> None:
    """By the login of a deployment, and by that of the environment for the section of the configuration."""
    made = client.files.create(file=("a.pdf", b"%PDF", "application/pdf"), purpose="user_data", extra_body=named)
    headers = vendors.last("/openai/files").headers
    assert headers["authorization"] == f"Bearer tok-{token}"
    assert "api-key" not in headers
    vendors.say("/openai/files/file-azure", plain({"id": "file-azure", "object": "file", "bytes": 4}))
    assert client.files.retrieve(made.id).id == made.id
    assert vendors.last("/openai/files/file-azure").headers["authorization"] == f"Bearer tok-{token}"


def test_nothing_else_is_kept_there(client: openai.OpenAI, vendors: Vendors) -> None:
    vendors.reset()
    with pytest.raises(openai.BadRequestError, match="takes no files of requests"):
        client.files.create(file=("a.jsonl", JSONL), purpose="batch", extra_body={"target_model_names": "claude"})
    with pytest.raises(openai.BadRequestError, match="no deployment of 'claude' keeps this"):
        client.vector_stores.create(extra_body={"model": "claude"})
    assert vendors.asked == []
    file = bring(client, "claude")
    with pytest.raises(openai.BadRequestError, match="nothing that is made of them"):
        client.vector_stores.create(file_ids=[file.id])


@pytest.mark.parametrize("kind", ["document", "image", "container_upload"])
def test_a_message_names_a_file_where_it_lies(
    gateway: Gateway, client: openai.OpenAI, secret: str, vendors: Vendors, mock: Mock, kind: str
) -> None:
    file = bring(client, "claude,gpt")
    answer = speak(gateway, "/v1/messages", message(file.id, "claude", kind), secret)
    assert (answer.status_code, answer.json()["content"][0]["text"]) == (200, "read")
    text, block = vendors.last("/v1/messages").json["messages"][0]["content"]
    assert text["text"] == f"not {file.id}"
    assert block == message("file_011C", "", kind)["messages"][0]["content"][1]
    assert speak(gateway, "/v1/messages", message(file.id, "gpt", kind), secret).status_code == 200
    part = mock.last()["json"]["messages"][0]["content"][1]
    assert part["type"] == "file"
    assert part["file"]["file_id"].startswith("file-mock")


def test_a_batch_of_messages_names_files_where_they_lie(
    gateway: Gateway, client: openai.OpenAI, secret: str, vendors: Vendors
) -> None:
    file = bring(client, "claude")
    batch = {"requests": [{"custom_id": "a", "params": message(file.id, "claude")}]}
    assert speak(gateway, "/v1/messages/batches", batch, secret).status_code == 200
    params = vendors.last("/v1/messages/batches").json["requests"][0]["params"]
    assert params["messages"][0]["content"][1]["source"]["file_id"] == "file_011C"
    assert params["messages"][0]["content"][0]["text"] == f"not {file.id}"
    vendors.reset()
    stranger = speak(gateway, "/v1/messages/batches", batch, key(gateway))
    assert (stranger.status_code, stranger.json()["error"]["type"]) == (404, "not_found_error")
    astray = {"requests": [{"custom_id": "a", "params": message(bring(client, "gpt").id, "claude")}]}
    refused = speak(gateway, "/v1/messages/batches", astray, secret)
    assert (refused.status_code, "does not lie where" in refused.text) == (400, True)
    assert vendors.asked == []


def test_anthropics_client_is_told_in_its_form(gateway: Gateway, client: openai.OpenAI, secret: str) -> None:
    file = bring(client, "claude")
    with claude_of(gateway, secret) as own, claude_of(gateway, key(gateway)) as other:
        assert own.messages.create(**message(file.id, "claude")).content[0].text == "read"
        with pytest.raises(anthropic.NotFoundError) as caught:
            other.messages.create(**message(file.id, "claude"))
        assert caught.value.body["error"]["type"] == "not_found_error"
        with pytest.raises(anthropic.BadRequestError, match="does not lie where 'gpt' is"):
            own.messages.create(**message(file.id, "gpt"))


@pytest.mark.parametrize("form", ["{}", "files/{}", ADDRESS.rpartition("/")[0] + "/{}"])
@pytest.mark.parametrize("spelling", ["fileData fileUri", "file_data file_uri"])
def test_googles_form_names_a_file_where_it_lies(
    gateway: Gateway, client: openai.OpenAI, secret: str, vendors: Vendors, mock: Mock, form: str, spelling: str
) -> None:
    file = bring(client, "gemini,gpt")
    asked = contents(form.format(file.id), spelling)
    answer = speak(gateway, "/v1beta/models/gemini:generateContent", asked, secret)
    assert (answer.status_code, answer.json()["candidates"]) == (200, [TURN])
    text, part = vendors.last(GENERATE).json["contents"][0]["parts"]
    assert text["text"] == f"not {form.format(file.id)}"
    assert part == contents(ADDRESS, spelling)["contents"][0]["parts"][1]
    assert speak(gateway, "/v1beta/models/gpt:streamGenerateContent?alt=sse", asked, secret).status_code == 200
    named = mock.last()["json"]["messages"][0]["content"][1]
    assert (named["type"], named["file"]["file_id"][:9]) == ("file", "file-mock")


def test_googles_clients_are_told_in_their_form(gateway: Gateway, client: openai.OpenAI, secret: str) -> None:
    asked = contents(bring(client, "gemini").id)
    other = speak(gateway, "/v1beta/models/gemini:generateContent", asked, key(gateway))
    assert (other.status_code, other.json()["error"]["status"]) == (404, "NOT_FOUND")
    astray = speak(gateway, "/v1beta/models/gpt:generateContent", asked, secret)
    assert (astray.status_code, astray.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_openais_forms_name_them_too(
    gateway: Gateway, client: openai.OpenAI, secret: str, vendors: Vendors, mock: Mock
) -> None:
    file = bring(client, "claude,gemini,gpt")
    part = {"type": "file", "file": {"file_id": file.id}}
    turns = [{"role": "user", "content": [part]}]
    for model in ("claude", "gemini"):
        assert speak(gateway, "/v1/chat/completions", {"model": model, "messages": turns}, secret).status_code == 200
        asked = [{"role": "user", "content": [{"type": "input_file", "file_id": file.id}]}]
        assert speak(gateway, "/v1/responses", {"model": model, "input": asked}, secret).status_code == 200
    sent = vendors.last("/v1/messages")
    assert sent.json["messages"][0]["content"][0]["source"] == {"type": "file", "file_id": "file_011C"}
    assert "files-api-2025-04-14" in sent.headers["anthropic-beta"]
    assert vendors.last(GENERATE).json["contents"][0]["parts"][0]["fileData"]["fileUri"] == ADDRESS
    path = "/openai/deployments/gpt/chat/completions"  # which says the model in the place of the body
    assert speak(gateway, path, {"messages": turns}, secret).status_code == 200
    assert mock.last()["json"]["messages"][0]["content"][0]["file"]["file_id"].startswith("file-mock")
