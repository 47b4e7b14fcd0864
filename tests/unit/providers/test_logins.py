"""Providers that show a token which was had for something else."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.unit.providers.recorder import Recorder

from tianji.errors import ConfigurationError, UpstreamFailure
from tianji.providers import Upstream, build
from tianji.providers.logins.oauth import client_credentials, seconds


async def signed(
    monkeypatch: pytest.MonkeyPatch, fetch: Recorder, params: dict[str, Any], environ: dict[str, str], body: bytes = b""
) -> tuple[Upstream, dict[bytes, bytes]]:
    """Build a deployment whose token service is `fetch`, wait as a request does, and return what signs it."""
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    found = build(params, environ, drop_params=False)
    assert found.awaits is not None
    assert found.sign is not None
    assert found.key_missing is None
    task = found.awaits()
    if task is not None:
        await task
    return found, dict(found.sign("/x", body))


TOKEN = {"access_token": "tok", "expires_in": "3600"}


async def test_a_principal_of_databricks(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Recorder((200, TOKEN))
    environ = {
        "DATABRICKS_CLIENT_ID": "me",
        "DATABRICKS_CLIENT_SECRET": "s-12345",
        "DATABRICKS_API_BASE": "https://w.x",
    }
    found, headers = await signed(monkeypatch, fetch, {"model": "databricks/m"}, environ)
    assert headers == {b"authorization": b"Bearer tok"}
    assert found.secrets == ("s-12345",)
    method, url, sent, form = fetch.asked[0]
    assert (method, url) == ("POST", "https://w.x/oidc/v1/token")
    assert base64.b64decode(sent["authorization"].removeprefix("Basic ")) == b"me:s-12345"
    assert parse_qs(form.decode()) == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
    assert build({"model": "databricks/m", "api_key": "k"}, environ, drop_params=False).sign is None


async def test_a_key_of_ibm_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Recorder((200, TOKEN))
    environ = {"WATSONX_APIKEY": "k-12345", "WATSONX_PROJECT_ID": "p"}
    found, headers = await signed(monkeypatch, fetch, {"model": "watsonx/ibm/granite"}, environ)
    assert headers == {b"authorization": b"Bearer tok"}
    assert found.base_url == "https://us-south.ml.cloud.ibm.com"
    assert found.query == "version=2024-03-13"
    assert dict(found.shaping.override) == {"project_id": b'"p"'}
    assert fetch.asked[0][1] == "https://iam.cloud.ibm.com/identity/token"
    assert parse_qs(fetch.asked[0][3].decode())["apikey"] == ["k-12345"]


@pytest.mark.parametrize(
    ("environ", "header"), [({"WATSONX_TOKEN": "t"}, b"Bearer t"), ({"WATSONX_ZENAPIKEY": "z"}, b"ZenApiKey z")]
)
def test_tokens_of_ibm(environ: dict[str, str], header: bytes) -> None:
    found = build({"model": "watsonx/m", "space_id": "s"}, environ, drop_params=False)
    assert dict(found.headers)[b"authorization"] == header
    assert dict(found.shaping.override) == {"space_id": b'"s"'}
    assert "WATSONX_API_KEY" in (build({"model": "watsonx/m"}, {}, drop_params=False).key_missing or "")


async def test_gigachat(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Recorder((200, {"access_token": "tok", "expires_at": int((time.time() + 1800) * 1000)}))
    found, headers = await signed(monkeypatch, fetch, {"model": "gigachat/GigaChat-2", "api_key": "Y3I6"}, {})
    assert headers == {b"authorization": b"Bearer tok"}
    _, url, sent, form = fetch.asked[0]
    assert url == "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"
    assert sent["authorization"] == "Basic Y3I6"
    assert len(sent["rquid"]) == 36
    assert form == b"scope=GIGACHAT_API_PERS"
    assert found.secrets == ("Y3I6",)


async def test_sap(monkeypatch: pytest.MonkeyPatch) -> None:
    service = {
        "clientid": "c", "clientsecret": "s-12345", "url": "https://auth.sap", "serviceurls": {"AI_API_URL": "https://ai.sap"},
    }  # fmt: skip
    fetch = Recorder((200, TOKEN))
    environ = {"AICORE_SERVICE_KEY": json.dumps(service), "AICORE_DEPLOYMENT_ID": "d1"}
    found, headers = await signed(monkeypatch, fetch, {"model": "sap/gpt-4o"}, environ)
    assert headers == {b"authorization": b"Bearer tok"}
    assert found.base_url == "https://ai.sap/v2/inference/deployments/d1"
    assert dict(found.headers)[b"ai-resource-group"] == b"default"
    assert fetch.asked[0][1] == "https://auth.sap/oauth/token"
    assert parse_qs(fetch.asked[0][3].decode())["client_secret"] == ["s-12345"]
    with pytest.raises(ConfigurationError, match="deployment_url"):
        build({"model": "sap/m"}, {}, drop_params=False)
    with pytest.raises(ConfigurationError, match="no JSON"):
        build({"model": "sap/m", "api_key": "{oops"}, {}, drop_params=False)
    given = {
        "model": "sap/m",
        "deployment_url": "https://h/v2/inference/deployments/d/v2/completion",
        "api_key": "tok-1",
    }
    found = build(given, {}, drop_params=False)
    assert found.base_url == "https://h/v2/inference/deployments/d"
    assert dict(found.headers)[b"authorization"] == b"Bearer tok-1"


def test_copilots_login_is_read_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "access-token").write_text("gho_1\n")
    fetch = Recorder((200, {"token": "tid=1;exp=2", "expires_at": int(time.time()) + 1500}))
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    body = json.dumps({"messages": [{"role": "user", "content": [image]}, {"role": "assistant", "content": "a"}]})

    async def ask() -> dict[bytes, bytes]:
        environ = {"GITHUB_COPILOT_TOKEN_DIR": str(tmp_path)}
        found, headers = await signed(monkeypatch, fetch, {"model": "github_copilot/gpt-4o"}, environ, body.encode())
        assert dict(found.headers)[b"copilot-integration-id"] == b"vscode-chat"
        assert found.sign is not None
        assert dict(found.sign("/", b'{"messages": [{"role": "user", "content": "q"}]}'))[b"x-initiator"] == b"user"
        return headers

    assert asyncio.run(ask()) == {
        b"authorization": b"Bearer tid=1;exp=2",
        b"x-initiator": b"agent",
        b"copilot-vision-request": b"true",
    }
    assert fetch.asked[0][:2] == ("GET", "https://api.github.com/copilot_internal/v2/token")
    assert fetch.asked[0][2]["authorization"] == "token gho_1"


def test_a_copilot_that_nobody_logged_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def ask() -> None:
        await signed(
            monkeypatch, Recorder(), {"model": "github_copilot/m"}, {"GITHUB_COPILOT_TOKEN_DIR": str(tmp_path / "gone")}
        )

    with pytest.raises(UpstreamFailure, match="make it by an editor first"):
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((401, {"error": "invalid_client"}), "status 401.*invalid_client"),
        ((200, b"<html>"), "not JSON"),
        ((200, {"token": "x"}), "holds none"),
        ((200, {"access_token": "a\r\nx: y"}), "holds none"),
    ],
)
async def test_when_there_is_no_token(answer: Any, says: str) -> None:
    login = client_credentials("Somebody", "https://a/token", "me", "s-12345")
    with pytest.raises(UpstreamFailure, match=says) as caught:
        await login.mint(Recorder(answer))
    assert "Somebody" in caught.value.message
    assert "s-12345" not in caught.value.message + repr(login)


@pytest.mark.parametrize(
    ("said", "found"), [(3599, 3599.0), ("3599", 3599.0), (-1, None), (True, None), ("soon", None), (None, None)]
)
def test_lifetimes(said: object, found: float | None) -> None:
    assert seconds(said) == found
