"""Gemini and Vertex AI: where requests go, and as whom."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tianji.errors import ConfigurationError, UpstreamConnectFailed
from tianji.providers import Upstream, build
from tianji.providers.steps.shaping import apply

KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
ACCOUNT = {"type": "service_account", "project_id": "p-1", "client_email": "a@b", "private_key": KEY.decode()}
VERTEX = {"model": "vertex_ai/gemini-2.5-pro", "vertex_credentials": ACCOUNT}


def made(environ: dict[str, str] | None = None, **params: Any) -> Upstream:
    return build({"model": "gemini/gemini-2.5-flash", **params}, environ or {}, drop_params=False)


def vertex(environ: dict[str, str] | None = None, **params: Any) -> Upstream:
    return made(environ, **{**VERTEX, **params})


def test_gemini_at_home() -> None:
    found = made({"GOOGLE_API_KEY": "k-123456"})
    assert found.base_url == "https://generativelanguage.googleapis.com/v1beta"
    assert found.headers == ((b"x-goog-api-key", b"k-123456"),)
    assert found.protocol == "tianji.protocol.gemini.outbound"
    assert found.secrets == ("k-123456",)
    assert found.key_missing is None
    assert "GEMINI_API_KEY" in (made().key_missing or "")


def test_who_keeps_prefixes_of_requests() -> None:
    assert made().prefixes == ""
    assert vertex(vertex_location="europe-west1").prefixes == "projects/p-1/locations/europe-west1/publishers/google/"
    assert made(model="gemini/imagen-4").prefixes is None
    assert made(model="vertex_ai/gemini-2.5-pro", api_key="express").prefixes is None
    assert vertex(model="vertex_ai/claude-opus-4").prefixes is None


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"),
        ("https://generativelanguage.googleapis.com/v1/", "https://generativelanguage.googleapis.com/v1"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "https://generativelanguage.googleapis.com/v1beta"),
        ("https://proxy.example/gemini", "https://proxy.example/gemini"),
    ],
)
def test_gemini_elsewhere(base: str, url: str) -> None:
    assert made(api_base=base).base_url == url
    assert made({"GEMINI_API_BASE": base}).base_url == url


def test_embeddings_take_the_form_of_openai() -> None:
    found = made({"GEMINI_API_KEY": "k"}, model="gemini/gemini-embedding-001")
    assert found.paths == {"embeddings": "/openai/embeddings"}
    assert found.headers == ((b"authorization", b"Bearer k"),)
    assert found.protocol is None


def test_what_clients_ask_in_googles_form_goes_through() -> None:
    form = made().own_forms["gemini"]
    assert form.suffix("gemini-2.5-flash", False) == "/models/gemini-2.5-flash:generateContent"
    assert form.suffix("gemini-2.5-flash", True) == "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert not form.names_model


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertex_by_location(location: str, host: str) -> None:
    found = vertex(vertex_location=location)
    assert found.base_url == f"https://{host}/v1/projects/p-1/locations/{location}"
    assert vertex({"VERTEXAI_LOCATION": location}).base_url == found.base_url
    suffix = found.own_forms["gemini"].suffix("gemini-2.5-pro", False)
    assert suffix == "/publishers/google/models/gemini-2.5-pro:generateContent"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://proxy.example", "https://proxy.example/v1/projects/p-1/locations/us-central1"),
        ("https://proxy.example/v1", "https://proxy.example/v1/projects/p-1/locations/us-central1"),
        ("https://proxy.example/a/b", "https://proxy.example/a/b"),
    ],
)
def test_vertex_behind_an_address(base: str, url: str) -> None:
    assert vertex(api_base=base).base_url == url


def test_vertex_by_an_api_key() -> None:
    found = made(model="vertex_ai/gemini-2.5-flash", api_key="k-123456")
    assert found.base_url == "https://aiplatform.googleapis.com/v1"
    assert found.headers == ((b"x-goog-api-key", b"k-123456"),)
    assert found.sign is None


def test_vertex_takes_the_project_that_is_named() -> None:
    assert "/projects/p-2/" in vertex(vertex_project="p-2").base_url
    assert "/projects/p-3/" in vertex({"VERTEXAI_PROJECT": "p-3"}).base_url


def test_a_token_is_one_of_all_deployments_with_the_same_credentials() -> None:
    one, other = vertex(), vertex(vertex_location="global", vertex_credentials=json.dumps(ACCOUNT))
    assert one.awaits is not None
    assert other.awaits is not None
    assert one.awaits.__self__ is other.awaits.__self__  # type: ignore[attr-defined]  # a bound method
    assert one.sign is not None
    with pytest.raises(UpstreamConnectFailed, match="still being fetched"):
        one.sign("/x", b"")


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"vertex_location": "evil.example/"}, "no location"),
        ({"vertex_project": "a/b"}, "id of a project"),
        ({"vertex_credentials": {**ACCOUNT, "project_id": None}}, "set vertex_project"),
        ({"model": "vertex_ai/gemma/1234"}, "endpoint of its own"),
        ({"model": "vertex_ai/agent_engine/1234"}, "endpoint of its own"),
        ({"model": "vertex_ai/meta/llama-3", "api_key": "k"}, "no API key"),
    ],
)
def test_what_vertex_cannot_be_asked(params: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        vertex(**params)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("meta/llama-3.3-70b-instruct-maas", "/endpoints/openapi/chat/completions"),
        ("openai/gpt-oss-20b-maas", "/endpoints/openapi/chat/completions"),
        ("openai/5464397967697903616", "/endpoints/5464397967697903616/chat/completions"),
    ],
)
def test_open_models_on_vertex_speak_openais_form(model: str, path: str) -> None:
    found = vertex(model=f"vertex_ai/{model}", vertex_location="us-east5")
    assert found.base_url == "https://us-east5-aiplatform.googleapis.com/v1/projects/p-1/locations/us-east5"
    assert (found.model, dict(found.paths), found.protocol) == (model, {"chat": path}, None)
    assert found.sign is not None


def test_mistrals_models_on_vertex_follow_mistrals_rules() -> None:
    found = vertex(model="vertex_ai/mistral-large@2407")
    body = {"messages": [{"role": "user", "content": "x"}], "seed": 3, "max_completion_tokens": 9}
    assert apply(found.shaping, body, label="m") == {
        "messages": [{"role": "user", "content": "x"}],
        "random_seed": 3,
        "max_tokens": 9,
    }
    assert str(found.protocol).endswith("vertex_raw")
    assert not found.paths


def test_ranks_on_vertex_are_another_service() -> None:
    found = vertex(model="vertex_ai/semantic-ranker-default@latest", vertex_location="us-east5")
    assert found.base_url == "https://discoveryengine.googleapis.com/v1/projects/p-1/locations/global"
    assert dict(found.paths) == {"rerank": "/rankingConfigs/default_ranking_config:rank"}
    assert found.ranks == "vertex"


def test_speech_of_googles_cloud_is_another_service() -> None:
    found = vertex(model="vertex_ai/chirp")
    assert found.base_url == "https://texttospeech.googleapis.com/v1"
    assert set(found.paths) == set(found.media) == {"audio_speech"}


@pytest.mark.parametrize(
    ("model", "made_of", "talks"),
    [
        ("imagen-4.0-generate-001", {"image_generation"}, False),
        ("gemini-2.5-flash-image", {"image_generation"}, True),
        ("gemini-2.5-flash-preview-tts", {"audio_speech"}, True),
        ("gemini-2.5-flash", set(), True),
    ],
)
@pytest.mark.parametrize("provider", ["gemini", "vertex_ai"])
def test_what_models_make(provider: str, model: str, made_of: set[str], talks: bool) -> None:
    found = (
        vertex(model=f"vertex_ai/{model}") if provider == "vertex_ai" else made(model=f"gemini/{model}", api_key="k")
    )
    assert set(found.media) == made_of
    assert made_of <= set(found.paths)
    assert (found.protocol is not None, bool(found.own_forms)) == (talks, talks)
