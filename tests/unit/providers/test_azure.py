"""Azure's addresses, versions and credentials."""

import pytest

from tianji.errors import ConfigurationError
from tianji.providers import build
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
    assert set(PATHS) - set(upstream.paths) == {"moderations", "image_variation", "rerank"}


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
        ({"tenant_id": "t", "client_id": "c", "client_secret": "s"}, "Entra"),
        ({"azure_ad_token": "oidc/x"}, "oidc/"),
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


def test_azure_ai_claude_is_not_served() -> None:
    with pytest.raises(ConfigurationError, match="not served yet"):
        build({"model": "azure_ai/claude-x", "api_base": "https://r.services.ai.azure.com"}, {}, drop_params=False)
