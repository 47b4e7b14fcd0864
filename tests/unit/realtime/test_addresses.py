"""Where upstreams have their realtime API."""

from types import SimpleNamespace
from typing import Any

import pytest

from tianji.gateway.compiled.plans import head_bytes
from tianji.realtime.addresses import address_of, resource_of

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
KEY = (b"authorization", b"Bearer key")


def plan(target: str, *headers: tuple[bytes, bytes], host: str = "up.example") -> Any:
    return SimpleNamespace(head=head_bytes(target, host, headers))


@pytest.mark.parametrize(
    ("provider", "planned", "query", "beta", "target"),
    [
        ("openai", "/v1/realtime", {}, False, "/v1/realtime?model=a%2Fb"),
        ("openai", "/v1/realtime?x=1", {"intent": "t", "model": "m"}, True, "/v1/realtime?model=a%2Fb&x=1&intent=t"),
        (
            "azure",
            "/openai/deployments/d/realtime?api-version=2025-02-01-preview",
            {},
            False,
            "/openai/v1/realtime?model=a%2Fb",
        ),
        ("azure", "/openai/v1/realtime", {}, False, "/openai/v1/realtime?model=a%2Fb"),
        (
            "azure",
            "/p/openai/deployments/d/realtime?api-version=2025-02-01-preview",
            {"deployment": "x"},
            True,
            "/p/openai/realtime?api-version=2024-10-01-preview&deployment=a%2Fb",
        ),
        (
            "azure",
            "/openai/deployments/d/realtime?api-version=2025-08-28",
            {"api-version": "2025-04-01-preview"},
            True,
            "/openai/realtime?api-version=2025-04-01-preview&deployment=a%2Fb",
        ),
        (
            "azure",
            "/openai/deployments/d/realtime?api-version=2025-08-28",
            {},
            True,
            "/openai/realtime?api-version=2025-08-28&deployment=a%2Fb",
        ),
        ("gemini", "/v1beta/live", {"model": "m", "key": "k"}, False, GEMINI),
        ("gemini", "/proxy/realtime", {}, False, f"/proxy{GEMINI}"),
        ("vertex_ai", "/v1/projects/p/locations/l/realtime?x=1", {}, False, f"{VERTEX}?x=1"),
    ],
)
def test_targets(provider: str, planned: str, query: dict[str, str], beta: bool, target: str) -> None:
    address = address_of(plan(planned, KEY), provider, "a/b", query, beta=beta, secret=None)
    assert (address.host, address.target) == ("up.example", target)


@pytest.mark.parametrize(
    ("provider", "path", "named"),
    [
        ("gemini", "/v1beta/live", "models/m"),
        ("vertex_ai", "/v1/projects/p/locations/l/live", "projects/p/locations/l/publishers/google/models/m"),
        ("vertex_ai", "/v1/live", "publishers/google/models/m"),
    ],
)
def test_googles_models_are_named_by_where_they_are(provider: str, path: str, named: str) -> None:
    planned: Any = SimpleNamespace(path=path)
    assert resource_of(planned, provider, "m") == named


def test_headers_are_the_deployments_and_a_secret_stands_for_its_key() -> None:
    made = plan("/v1/realtime", KEY, (b"api-key", b"k2"), (b"x-tenant", b"t"))
    own = address_of(made, "openai", "m", {}, beta=False, secret=None).headers
    assert {name for name, _ in own} == {b"user-agent", b"authorization", b"api-key", b"x-tenant"}
    secret = dict(address_of(made, "openai", "m", {}, beta=False, secret="ek").headers)
    assert (secret[b"authorization"], b"api-key" in secret) == (b"Bearer ek", False)


@pytest.mark.parametrize(
    ("host", "intent", "target"),
    [
        ("api.openai.com", "transcription", "/v1/realtime?x=1&intent=transcription"),
        ("eu.api.openai.com", "transcription", "/v1/realtime?x=1&intent=transcription"),
        ("api.openai.com", "realtime", "/v1/realtime?model=m&x=1&intent=realtime"),
        ("api.openai.com.example", "transcription", "/v1/realtime?model=m&x=1&intent=transcription"),
    ],
)
def test_openai_is_told_no_model_where_it_only_writes_down(host: str, intent: str, target: str) -> None:
    planned = plan("/v1/realtime?x=1", KEY, host=host)
    assert address_of(planned, "openai", "m", {"intent": intent}, beta=False, secret=None).target == target
