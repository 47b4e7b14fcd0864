"""Azure's addresses, versions and credentials."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from tests.unit.providers.recorder import Recorder

from tianji.errors import ConfigurationError
from tianji.providers import build
from tianji.providers.deployment import read
from tianji.providers.logins import entra
from tianji.providers.upstream import PATHS

HOST = "https://res.openai.azure.com"


@pytest.mark.parametrize(
    ("params", "url", "query"),
    [
        (
            {"model": "azure/dep", "api_version": "2024-10-21"},
            f"{HOST}/openai/deployments/dep/chat/completions",
            "api-version=2024-10-21",
        ),
        ({"model": "azure/dep"}, f"{HOST}/openai/deployments/dep/chat/completions", "api-version=2025-02-01-preview"),
        ({"model": "azure/a b"}, f"{HOST}/openai/deployments/a%20b/chat/completions", "api-version=2025-02-01-preview"),
        ({"model": "azure/dep", "api_version": "v1"}, f"{HOST}/openai/v1/chat/completions", ""),
        ({"model": "azure/dep", "api_version": "latest"}, f"{HOST}/openai/v1/chat/completions", ""),
        (
            {"model": "azure/dep", "api_version": "preview"},
            f"{HOST}/openai/v1/chat/completions",
            "api-version=preview",
        ),
        ({"model": "azure/dep", "api_base": f"{HOST}/openai/v1/"}, f"{HOST}/openai/v1/chat/completions", ""),
        (
            {"model": "azure/dep", "api_base": f"{HOST}/openai/deployments/other?api-version=2024-02-01"},
            f"{HOST}/openai/deployments/other/chat/completions",
            "api-version=2024-02-01",
        ),
        (
            {"model": "azure/dep", "extra_query": {"x": "1"}, "api_version": "2024-10-21"},
            f"{HOST}/openai/deployments/dep/chat/completions",
            "api-version=2024-10-21&x=1",
        ),
    ],
)
def test_addresses(params: dict[str, object], url: str, query: str) -> None:
    upstream = build({"api_base": HOST, "api_key": "k", **params}, {}, drop_params=False)
    assert upstream.base_url + upstream.paths["chat"] == url
    assert upstream.query == query
    assert set(PATHS) - set(upstream.paths) == {"completions", "moderations", "image_variation", "rerank", "ocr"}


def test_variables() -> None:
    environ = {"AZURE_API_BASE": HOST, "AZURE_OPENAI_API_KEY": "two", "AZURE_API_VERSION": "2024-06-01"}
    upstream = build({"model": "azure/dep"}, environ, drop_params=False)
    assert upstream.query == "api-version=2024-06-01"
    assert upstream.headers == ((b"api-key", b"two"),)
    upstream = build({"model": "azure/dep"}, environ | {"AZURE_API_KEY": "one"}, drop_params=False)
    assert upstream.headers == ((b"api-key", b"one"),)


@pytest.mark.parametrize(
    ("params", "environ", "headers"),
    [
        ({"azure_ad_token": "tok"}, {"AZURE_API_KEY": "k"}, ((b"authorization", b"Bearer tok"),)),
        ({}, {"AZURE_AD_TOKEN": "tok"}, ((b"authorization", b"Bearer tok"),)),
        ({"api_key": "k", "tenant_id": "t"}, {}, ((b"api-key", b"k"),)),
    ],
)
def test_credentials(
    params: dict[str, object], environ: dict[str, str], headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    upstream = build({"model": "azure/d", "api_base": HOST, **params}, environ, drop_params=False)
    assert upstream.headers == headers
    assert upstream.key_missing is None
    assert upstream.secrets in {("tok",), ("k",)}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "AZURE_API_KEY or AZURE_OPENAI_API_KEY"),
    ],
)
def test_missing_keys(params: dict[str, object], words: str) -> None:
    upstream = build({"model": "azure/dep", "api_base": HOST, **params}, {}, drop_params=False)
    assert words in (upstream.key_missing or "")
    assert upstream.headers == ()


def test_an_address_is_needed() -> None:
    for model in ("azure/dep", "azure_ai/m"):
        with pytest.raises(ConfigurationError, match="api_base"):
            build({"model": model}, {}, drop_params=False)


def test_azure_text() -> None:
    assert set(build({"model": "azure_text/d", "api_base": HOST}, {}, drop_params=False).paths) == {"completions"}


@pytest.mark.parametrize(
    ("base", "url", "query", "header"),
    [
        (
            "https://r.services.ai.azure.com",
            "https://r.services.ai.azure.com/models/chat/completions",
            "api-version=2024-05-01-preview",
            b"api-key",
        ),
        (
            "https://r.services.ai.azure.com/models?api-version=V",
            "https://r.services.ai.azure.com/models/chat/completions",
            "api-version=V",
            b"api-key",
        ),
        (
            "https://m.eastus.models.ai.azure.com/v1",
            "https://m.eastus.models.ai.azure.com/v1/chat/completions",
            "",
            b"authorization",
        ),
        (
            "https://r.services.ai.azure.com.evil.test",
            "https://r.services.ai.azure.com.evil.test/chat/completions",
            "",
            b"authorization",
        ),
    ],
)
def test_azure_ai(base: str, url: str, query: str, header: bytes) -> None:
    upstream = build({"model": "azure_ai/mistral-medium", "api_base": base, "api_key": "k"}, {}, drop_params=False)
    assert upstream.base_url + upstream.paths["chat"] == url
    assert upstream.query == query
    assert [name for name, _ in upstream.headers] == [header]


def test_claude_on_azure_is_asked_in_anthropics_form() -> None:
    base = "https://r.services.ai.azure.com"
    for own in (base, f"{base}/anthropic", f"{base}/anthropic/v1/messages"):
        found = build({"model": "azure_ai/claude-x", "api_base": own, "api_key": "k"}, {}, drop_params=False)
        assert found.base_url == f"{base}/anthropic"
        assert dict(found.headers)[b"x-api-key"] == b"k"
        assert b"anthropic-version" in dict(found.headers)
        assert found.protocol == "tianji.protocol.anthropic.outbound"
        assert "messages" in found.own_forms


LOGIN = {"tenant_id": "t", "client_id": "c", "client_secret": "s3"}
URL = "https://login.microsoftonline.com/t/oauth2/v2.0/token"


async def asked(fetch: Recorder, environ: dict[str, str], **params: object) -> dict[str, str]:
    """Mint a token for a deployment, and return the form that it was asked for with."""
    deployment = read(params, environ, ("azure", "dep"), drop_params=False)
    login = entra.written(deployment) or entra.inherited(deployment)
    assert login is not None
    assert (await login.mint(fetch)).value == "ya"
    return {name: value for name, (value,) in parse_qs(fetch.asked[-1][3].decode()).items()}


def answering() -> Recorder:
    return Recorder((200, {"access_token": "ya", "expires_in": 3599}))


async def test_a_client_logs_in_by_its_secret() -> None:
    fetch = answering()
    form = await asked(fetch, {"AZURE_CLIENT_SECRET": "of the environment"}, **LOGIN)
    assert fetch.asked[0][:2] == ("POST", URL)
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s3",
        "scope": "https://cognitiveservices.azure.com/.default",
    }


async def test_a_user_logs_in_by_a_password() -> None:
    user = {"azure_username": "u", "azure_password": "p", "tenant_id": "t", "client_id": "c", "azure_scope": "api://x"}
    form = await asked(answering(), {}, **user)
    assert (form["grant_type"], form["username"], form["password"], form["scope"]) == ("password", "u", "p", "api://x")


async def test_identity_tokens_are_exchanged() -> None:
    environ = {
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_ID": "c",
        "JWT": "jwt-1",
        "AZURE_AUTHORITY_HOST": "https://a.example/",
    }
    fetch = answering()
    form = await asked(fetch, environ, azure_ad_token="oidc/env/JWT")
    assert fetch.asked[0][1] == "https://a.example/t/oauth2/v2.0/token"
    assert form["client_assertion"] == "jwt-1"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert (await asked(answering(), {**environ, "AZURE_AD_TOKEN": "oidc/env/JWT"}))["client_assertion"] == "jwt-1"


def test_workloads_show_the_token_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("jwt-2")
    environ = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    assert asyncio.run(asked(answering(), environ))["client_assertion"] == "jwt-2"


async def test_machines_have_an_identity_of_their_own() -> None:
    fetch = answering()
    await asked(fetch, {}, enable_azure_ad_token_refresh=True)
    resource = "resource=https%3A%2F%2Fcognitiveservices.azure.com"
    method, url, headers, _ = fetch.asked[0]
    assert method == "GET"
    assert url == f"http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&{resource}"
    assert headers == {"metadata": "true"}
    fetch = answering()
    environ = {"IDENTITY_ENDPOINT": "http://localhost:1/token", "IDENTITY_HEADER": "h", "AZURE_CLIENT_ID": "c"}
    await asked(fetch, environ, enable_azure_ad_token_refresh=True)
    assert fetch.asked[0][1] == f"http://localhost:1/token?api-version=2019-08-01&{resource}&client_id=c"
    assert fetch.asked[0][2] == {"x-identity-header": "h"}


async def test_a_machine_may_say_when_its_token_ends() -> None:
    ends = str(int(time.time()) + 1000)
    machine = entra.Machine(url="http://m", headers=())
    token = await machine.mint(Recorder((200, {"access_token": "ya", "expires_on": ends})))
    assert 900 < token.lifetime <= 1000


@pytest.mark.parametrize(
    ("params", "environ", "header"),
    [
        (LOGIN | {"api_key": "k"}, {}, b"api-key"),
        (LOGIN | {"azure_ad_token": "tok"}, {}, b"authorization"),
        (
            {},
            {"AZURE_API_KEY": "k", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
            b"api-key",
        ),
        ({"enable_azure_ad_token_refresh": True}, {"AZURE_API_KEY": "k"}, b"api-key"),
    ],
)
def test_what_goes_before_a_login(params: dict[str, object], environ: dict[str, str], header: bytes) -> None:
    found = build({"model": "azure/dep", "api_base": HOST, **params}, environ, drop_params=False)
    assert [name for name, _ in found.headers] == [header]
    assert found.sign is None


async def test_a_login_signs_requests_and_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = answering()
    monkeypatch.setattr("tianji.providers.logins.oauth.fetcher", lambda *_: fetch)
    both = [
        build({"model": model, "api_base": HOST, **LOGIN, "client_id": "shared"}, {}, drop_params=False)
        for model in ("azure/dep", "azure_ai/other")
    ]
    for found in both:
        assert found.sign is not None
        assert found.awaits is not None
        task = found.awaits()
        if task is not None:
            await task
        assert dict(found.sign("/x", b"")) == {b"authorization": b"Bearer ya"}
        assert found.key_missing is None
        assert "s3" in found.secrets
        assert found.headers == ()
    assert len(fetch.asked) == 1


@pytest.mark.parametrize(
    "params", [{"tenant_id": "t"}, {"tenant_id": "t", "client_id": "c"}, {"azure_ad_token": "oidc/env/X"}]
)
def test_half_a_login_is_refused(params: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="tenant_id"):
        build({"model": "azure/dep", "api_base": HOST, **params}, {}, drop_params=False)


@pytest.mark.parametrize(
    ("params", "operation", "address"),
    [
        (
            {"model": "azure/speech/azure-tts", "api_base": "https://eastus.api.cognitive.microsoft.com"},
            "audio_speech",
            "https://eastus.tts.speech.microsoft.com",
        ),
        (
            {"model": "azure_ai/cohere-rerank-v4.0-pro", "api_base": "https://r.services.ai.azure.com"},
            "rerank",
            "https://r.services.ai.azure.com/providers/cohere/v2/rerank",
        ),
        (
            {"model": "azure_ai/cohere-rerank-v3-english", "api_base": "https://x.eastus.models.ai.azure.com"},
            "rerank",
            "https://x.eastus.models.ai.azure.com/v1/rerank",
        ),
        (
            {"model": "azure_ai/mistral-document-ai-2505", "api_base": "https://r.services.ai.azure.com"},
            "ocr",
            "https://r.services.ai.azure.com/providers/mistral/azure",
        ),
        (
            {"model": "azure_ai/FLUX.1-Kontext-pro", "api_base": "https://r.services.ai.azure.com/models"},
            "image_generation",
            "https://r.services.ai.azure.com/openai/deployments/FLUX.1-Kontext-pro/images/generations",
        ),
    ],
)
def test_what_lies_beside_chat(params: dict[str, object], operation: str, address: str) -> None:
    found = build({"api_key": "k", **params}, {}, drop_params=False)
    assert operation in found.paths
    assert found.base_url + ("" if found.media else found.paths[operation]) == address
    header = b"ocp-apim-subscription-key" if found.media else b"api-key"
    shown = dict(found.headers)
    assert shown.get(header, shown.get(b"authorization")) in (b"k", b"Bearer k")
