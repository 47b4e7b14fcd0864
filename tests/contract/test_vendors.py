"""Vendors with a login or a form of their own, through the running gateway, in forms as their references show them."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import Gateway, events
from tests.fakes.vendors import Answer, Vendors, plain
from tests.fakes.vendors import events as streamed

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


def models(url: str) -> dict[str, dict[str, Any]]:
    """Return the deployments by name."""
    return {
        "entra": {"model": "azure/dep", "api_base": url, "tenant_id": "t", "client_id": "c", "client_secret": "s3cret"},
    }


def environment(url: str) -> dict[str, str]:
    return {"AZURE_AUTHORITY_HOST": url}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listed = [
        {"model_name": name, "litellm_params": {**PRICE, **params}} for name, params in models(vendors.url).items()
    ]
    config = {"model_list": listed, "router_settings": {"num_retries": 0}}
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
        vendors.say("/t/oauth2/v2.0/token", TOKEN)
        vendors.say(self.PATH, plain(CHAT))
        for _ in range(3):
            assert said(gateway, "entra")["usage"] == USAGE
        assert vendors.last(self.PATH).headers["authorization"] == "Bearer tok-1"
        assert vendors.last(self.PATH).json == {"model": "dep", "messages": ASK}
        assert sum(asked.path == "/t/oauth2/v2.0/token" for asked in vendors.asked) <= 1

    def test_streams_hide_what_was_not_asked_for(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say("/t/oauth2/v2.0/token", TOKEN)
        vendors.say(self.PATH, streamed(*CHUNKS))
        found = chunks(gateway, "entra")
        assert text(found) == "a b"
        assert found[-1]["usage"] == USAGE
        plainly = events(gateway.chat({"model": "entra", "messages": ASK, "stream": True}).text)
        assert all("usage" not in chunk for chunk in plainly[:-1])
        assert vendors.last(self.PATH).json["stream_options"] == {"include_usage": True}

    def test_health_checks_show_it_too(self, gateway: Gateway, vendors: Vendors) -> None:
        vendors.say("/t/oauth2/v2.0/token", TOKEN)
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
