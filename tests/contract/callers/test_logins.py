"""Clients' own logins with vendors, and headers of theirs that go upstream, through the running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import (
    BOOKS,
    CHAT,
    MASTER_KEY,
    UPSTREAM_KEY,
    Gateway,
    Mock,
    client_at,
    eventually,
    openai_model,
)
from tests.fakes.ears import Ears

LOGIN = "sk-ant-oat01-login-Canary5tGhJk9"
KEY = "sk-ant-api03-own-Canary8uHjKl3"
GOOGLE_KEY = "AIzaOwnCanary2wSxEdC"
OWN = {"x-litellm-api-key": f"Bearer {MASTER_KEY}"}
BODY = {"max_tokens": 16, "messages": [{"role": "user", "content": "one two three"}]}
HOOK = """
import json
from litellm.integrations.custom_logger import CustomLogger

class Listener(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        with open("hooked", "a") as file:
            file.write(json.dumps([data, str(user_api_key_dict)], default=str))
        return data

listener = Listener()
"""


def entry(name: str, model: str, base: str, **params: object) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, "api_base": base, **params}}


def models(mock: str) -> list[dict[str, Any]]:
    return [
        entry("claude", "anthropic/claude-sonnet-4-5", mock),
        entry("kept", "anthropic/other-vendor", mock, api_key=UPSTREAM_KEY),
        entry("gemini", "gemini/gemini-2.5-flash", f"{mock}/v1beta"),
        openai_model("gpt", "gpt-up", mock),
        openai_model("named-gpt", "named-up", mock),
        openai_model("like/some", "like-up", mock),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logins")


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, folder: Path, ears: Ears) -> Iterator[Gateway]:
    (folder / "listener.py").write_text(HOOK)
    config = {
        "model_list": models(mock_process.url),
        "litellm_settings": {
            "callbacks": ["listener.listener", "generic_api"],
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
            "model_group_settings": {"forward_client_headers_to_llm_api": ["named-gpt", "like/*"]},
            "add_user_information_to_llm_headers": True,
        },
        "router_settings": {"num_retries": 0, "allowed_fails": 0, "model_group_alias": {"nick": "named-gpt"}},
        "general_settings": {"forward_openai_org_id": True, "store_prompts_in_spend_logs": True},
    }
    env = {**BOOKS, "GENERIC_LOGGER_ENDPOINT": f"{ears.url}/log", "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.2"}
    with Gateway(config, folder, edge=edge, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def open_gateway(edge: str, mock_process: Mock, folder: Path) -> Iterator[Gateway]:
    config = {
        "model_list": models(mock_process.url),
        "router_settings": {"num_retries": 0, "allowed_fails": 0},
        "litellm_settings": {"forward_llm_provider_auth_headers": True},
        "general_settings": {"forward_client_headers_to_llm_api": True, "litellm_key_header_name": "x-company-key"},
    }
    with Gateway(config, folder, edge=edge) as running:
        yield running


def ask(gateway: Gateway, path: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    """Ask without the client's usual key."""
    with client_at(gateway.url) as client:
        return client.post(path, json=body, headers=headers)


def messages(gateway: Gateway, model: str, headers: dict[str, str], **members: object) -> httpx.Response:
    return ask(gateway, "/v1/messages", {**BODY, "model": model, **members}, headers)


def sent(mock: Mock) -> dict[str, str]:
    return dict(map(tuple, mock.last()["headers"]))


@pytest.mark.parametrize("stream", [False, True])
def test_claude_codes_own_login_goes_upstream(gateway: Gateway, mock: Mock, stream: bool) -> None:
    """As Claude Code sends it with `ANTHROPIC_CUSTOM_HEADERS: x-litellm-api-key: Bearer ...`."""
    headers = {
        **OWN,
        "authorization": f"Bearer {LOGIN}",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "claude-code-20250219,oauth-2025-04-20",
        "user-agent": "claude-cli/2.0",
    }
    answer = messages(gateway, "claude", headers, stream=stream)
    assert answer.status_code == 200, answer.text
    assert "word" in answer.text or "content" in answer.text
    told = sent(mock)
    assert told["authorization"] == f"Bearer {LOGIN}"
    assert told["anthropic-beta"] == "claude-code-20250219,oauth-2025-04-20"
    assert "x-api-key" not in told
    assert MASTER_KEY not in json.dumps(mock.last())


def test_a_login_serves_requests_in_other_forms_too(gateway: Gateway, mock: Mock) -> None:
    headers = {**OWN, "authorization": f"Bearer {LOGIN}"}
    for path in ("/v1/chat/completions", "/v1/responses"):
        members = {"input": "one"} if path.endswith("responses") else {"messages": BODY["messages"]}
        answer = ask(gateway, path, {"model": "claude", **members}, headers)
        assert answer.status_code == 200, answer.text
        told = sent(mock)
        assert told["authorization"] == f"Bearer {LOGIN}"
        assert "oauth-2025-04-20" in told["anthropic-beta"].split(",")


def test_without_a_login_a_deployment_without_a_key_stays_closed(gateway: Gateway, mock: Mock) -> None:
    assert messages(gateway, "claude", OWN).status_code == 503
    assert messages(gateway, "claude", {**OWN, "x-api-key": KEY}).status_code == 503  # nobody has allowed keys
    assert not mock.requests()


def test_a_login_goes_nowhere_but_to_its_vendor(gateway: Gateway, mock: Mock) -> None:
    headers = {**OWN, "authorization": f"Bearer {LOGIN}"}
    assert messages(gateway, "kept", headers).status_code == 200  # another vendor, with a key of the operator's
    assert sent(mock)["x-api-key"] == UPSTREAM_KEY
    assert ask(gateway, "/v1/chat/completions", {**CHAT, "model": "gpt"}, headers).status_code == 200
    assert sent(mock)["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert LOGIN not in json.dumps(mock.requests())


def test_a_refused_login_rests_no_deployment(gateway: Gateway, mock: Mock) -> None:
    for status in (401, 403, 429):
        mock.control({"status": status}, authorization="Bearer sk-ant-oat01-bad", times=1)
        answer = messages(gateway, "claude", {**OWN, "authorization": "Bearer sk-ant-oat01-bad"})
        assert answer.status_code == status, answer.text
        assert messages(gateway, "claude", {**OWN, "authorization": f"Bearer {LOGIN}"}).status_code == 200


def test_what_lets_in_is_no_login(gateway: Gateway, mock: Mock) -> None:
    """A token where the gateway's key belongs is a wrong key, and a key of the gateway is never a login."""
    assert messages(gateway, "claude", {"authorization": f"Bearer {LOGIN}"}).status_code == 401
    twice = {"authorization": f"Bearer {MASTER_KEY}", "x-api-key": MASTER_KEY}
    assert messages(gateway, "claude", twice).status_code == 503
    assert not mock.requests()


def test_keys_go_upstream_where_the_operator_lets_them(open_gateway: Gateway, mock: Mock) -> None:
    assert messages(open_gateway, "claude", {**OWN, "x-api-key": KEY}).status_code == 200
    assert sent(mock)["x-api-key"] == KEY
    assert "authorization" not in sent(mock)
    path = "/v1beta/models/gemini:generateContent"
    contents = {"contents": [{"role": "user", "parts": [{"text": "one"}]}]}
    assert ask(open_gateway, path, contents, {**OWN, "x-goog-api-key": GOOGLE_KEY}).status_code == 200
    assert sent(mock)["x-goog-api-key"] == GOOGLE_KEY
    assert ask(open_gateway, path, contents, {**OWN, "x-goog-api-key": KEY}).status_code == 503


def test_no_key_of_the_gateways_goes_upstream(open_gateway: Gateway, mock: Mock) -> None:
    made = open_gateway.post("/key/generate", {}, x_company_key=f"Bearer {MASTER_KEY}").json()["key"]
    company = {"x-company-key": f"Bearer {made}", "x-trace": "t1", "x-stainless-os": "x", "cookie": "a=b"}
    for headers in (company, {**company, "x-api-key": made}, {**OWN, "x-goog-api-key": made, "x-trace": "t1"}):
        answer = ask(open_gateway, "/v1/chat/completions", {**CHAT, "model": "gpt"}, headers)
        assert answer.status_code == 200, answer.text
        assert sent(mock)["x-trace"] == "t1"
    text = json.dumps(mock.requests())
    assert made not in text
    assert MASTER_KEY not in text
    assert "x-company-key" not in text
    assert "x-stainless-os" not in text


def test_headers_go_upstream_for_groups_that_are_named(gateway: Gateway, mock: Mock) -> None:
    for model, travels in (("gpt", False), ("named-gpt", True), ("nick", True), ("like/some", True)):
        answer = gateway.chat({**CHAT, "model": model}, x_trace="t2", openai_organization="org-client")
        assert answer.status_code == 200, answer.text
        told = sent(mock)
        assert (told.get("x-trace") == "t2") is travels
        assert told["openai-organization"] == "org-client"
        assert ("x-litellm-user_api_key_hash" in told) is travels


def test_a_login_is_told_to_nobody(gateway: Gateway, mock: Mock, ears: Ears, folder: Path) -> None:
    mock.control({"body": f'{{"error":{{"message":"token {LOGIN} is bad"}}}}', "status": 401}, times=1)
    headers = {**OWN, "authorization": f"Bearer {LOGIN}", "x-goog-api-key": GOOGLE_KEY}
    refused = messages(gateway, "claude", headers, metadata={"user_id": "refused"})
    assert refused.status_code == 401
    assert messages(gateway, "claude", headers, metadata={"user_id": "told"}).status_code == 200
    eventually(lambda: "told" in json.dumps(ears.events()), "the destination hears of it", 30)
    told = [json.dumps(ears.events()), gateway.log, refused.text, (folder / "hooked").read_text()]
    eventually(lambda: "told" in json.dumps(gateway.client.get("/spend/logs").json()), "the ledger has it", 30)
    told.append(gateway.client.get("/spend/logs").text)
    told += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    for text in told:
        assert LOGIN not in text
        assert GOOGLE_KEY not in text
