"""Callers whom a server vouches for, or a proxy in front: `enable_oauth2_auth`, `enable_oauth2_proxy_auth`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import CHAT, Gateway, Mock, openai_model
from tests.fakes.json_server import JsonServer


class Authorization(JsonServer):
    """Knows some tokens, as RFC 7662 has it."""

    def __init__(self) -> None:
        self.tokens: dict[str, dict[str, Any]] = {}
        self.status = 200
        super().__init__()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        return self.status, self.tokens.get(body["token"], {"active": False})


@pytest.fixture(scope="module")
def authorization() -> Iterator[Authorization]:
    with Authorization() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, authorization: Authorization, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    models = [openai_model(name, "gpt-test", mock_process.url) for name in ("m", "n")]
    config = {"model_list": models, "general_settings": {"enable_oauth2_auth": True}}
    env = {
        "OAUTH_TOKEN_INFO_ENDPOINT": f"{authorization.url}/introspect",
        "OAUTH_CLIENT_ID": "us",
        "OAUTH_CLIENT_SECRET": "secret",
        "OAUTH_USER_ID_FIELD_NAME": "username",
    }
    with Gateway(config, tmp_path_factory.mktemp("others"), edge=edge, env=env, workers=1) as running:
        running.post("/team/new", {"team_id": "red", "models": ["m"]})
        yield running


def call(gateway: Gateway, token: str | None, model: str = "m", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {} if token is None else {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=gateway.url) as client:
        return client.post("/v1/chat/completions", json={**CHAT, "model": model}, headers=named)


def test_a_token_that_the_server_knows_lets_in_and_is_asked_for_once(
    gateway: Gateway, authorization: Authorization
) -> None:
    authorization.tokens["good"] = {"active": True, "username": "ann", "team_id": "red", "exp": 4_000_000_000}
    authorization.requests.clear()
    for _ in range(3):
        assert call(gateway, "good").status_code == 200
    assert authorization.requests == [("POST", "/introspect", {"token": "good"})]
    refused = call(gateway, "good", "n")
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "team_model_access_denied")


def test_a_team_that_changes_counts_with_the_next_request(gateway: Gateway, authorization: Authorization) -> None:
    gateway.post("/team/new", {"team_id": "blue", "models": ["n"]})
    authorization.tokens["blue"] = {"active": True, "username": "ann", "team_id": "blue"}
    assert call(gateway, "blue").status_code == 403
    gateway.post("/team/update", {"team_id": "blue", "models": ["m"]})
    assert call(gateway, "blue").status_code == 200
    gateway.post("/team/block", {"team_id": "blue"})
    assert call(gateway, "blue").status_code == 401


def test_any_other_token_lets_in_nobody(gateway: Gateway, authorization: Authorization) -> None:
    authorization.tokens |= {"late": {"active": True, "username": "ann", "exp": 1}, "empty": {"active": True}}
    for token, kind in (("unknown", "auth_error"), ("late", "expired_key"), ("empty", "auth_error")):
        refused = call(gateway, token)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, kind)
    assert call(gateway, None).status_code == 401


def test_a_server_that_is_away_opens_nothing_and_calls_nobody_unknown(
    gateway: Gateway, authorization: Authorization
) -> None:
    authorization.status = 500
    try:
        assert call(gateway, "whoever").status_code == 503
    finally:
        authorization.status = 200


def test_keys_go_on_and_are_shown_to_nobody(gateway: Gateway, authorization: Authorization) -> None:
    made = gateway.post("/key/generate", {"models": ["n"]}).json()["key"]
    authorization.requests.clear()
    assert call(gateway, made, "n").status_code == 200
    assert call(gateway, "sk-of-nobody", "n").status_code == 401
    assert not authorization.requests
    bearer = {"authorization": "Bearer good"}
    assert gateway.client.post("/key/generate", json={}, headers=bearer).status_code == 401, "for models, not for keys"


def test_a_proxy_names_callers_and_nobody_else_does(edge: str, mock_process: Mock, tmp_path: Path) -> None:
    models = [openai_model(name, "gpt-test", mock_process.url) for name in ("m", "n")]
    settings = {
        "enable_oauth2_proxy_auth": True,
        "oauth2_config_mappings": {"user_id": "X-User", "team_id": "X-Team"},
        "trusted_proxy_ranges": ["127.0.0.1"],
    }
    with Gateway({"model_list": models, "general_settings": settings}, tmp_path, edge=edge, workers=1) as running:
        running.post("/team/new", {"team_id": "red", "models": ["m"]})
        assert call(running, None, x_user="ann").status_code == 200
        assert call(running, None, "n", x_user="ann", x_team="red").status_code == 403
        assert call(running, None).status_code == 401
        assert running.chat({**CHAT, "model": "m"}).status_code == 200, "the master key is one"
        info = running.client.get("/user/info", headers={"authorization": "", "x-user": "ann"})
        assert info.json()["user_id"] == "ann"
        away = httpx.HTTPTransport(local_address="127.0.0.2")
        with httpx.Client(base_url=running.url, transport=away) as stranger:
            headers = {"x-user": "ann", "x-forwarded-for": "127.0.0.1"}
            body = {**CHAT, "model": "m"}
            assert stranger.post("/v1/chat/completions", json=body, headers=headers).status_code == 401
