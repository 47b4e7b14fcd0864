"""Upstream keys, the master key and clients' texts show up in no answer, header, log or number."""

import json
from pathlib import Path

import httpx
import pytest
from tests.contract.harness import MASTER_KEY, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, eventually, refusing_address
from tests.security.conftest import MANAGED_KEY

PRIVATE = "prompt-canary-5f3a"
CLIENT_KEY = "own+Client/Canary=Key"
SECRETS = (UPSTREAM_KEY, ODD_KEY, MANAGED_KEY, MASTER_KEY, CLIENT_KEY)
SPELLINGS = {
    form
    for secret in SECRETS
    for form in (secret, secret.replace("/", "\\/"), httpx.QueryParams(a=secret)["a"], json.dumps(secret)[1:-1])
}
FAULTS = [
    {},
    {"status": 400},
    {"status": 401},
    {"status": 403},
    {"status": 429},
    {"status": 500},
    {"status": 302, "headers": {"location": f"http://u:{ODD_KEY}@x/"}},
    {"cut_at": 300},
    {"close": True},
    {"raw": "nonsense"},
    {"body": f"<html>{ODD_KEY}</html>"},
    {"error_at": 0},
    {"error_at": 2},
    {"events": [f'{{"error":{{"message":"key {ODD_KEY} and {UPSTREAM_KEY} are bad"}}}}']},
    {"garbage_at": 1},
    {"first_byte_ms": 60000},
]
REPEATED = [
    '{"error":{"message":"Incorrect API key provided: %s","type":"%s","param":"%s","code":"%s"}}',
    '{"detail":"%s %s %s %s"}',
    "<html><title>%s</title>%s %s %s</html>",
    "Authorization: Bearer %s; x-api-key=%s %s %s",
    '["%s","%s","%s","%s"]',
]


def shown(answer: httpx.Response) -> str:
    return f"{answer.headers}\n{answer.text}"


def clean(text: str) -> bool:
    return not any(secret in text for secret in SPELLINGS)


@pytest.mark.parametrize("model", ["gpt-test", "odd-key", "managed", "shaped", "dead", "half-dead", "canned"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_no_answer_shows_a_key(gateway: Gateway, mock: Mock, fault: dict[str, object], model: str) -> None:
    mock.control(fault)
    for stream in (False, True):
        body = {"model": model, "messages": [{"role": "user", "content": PRIVATE}], "stream": stream, "timeout": 0.3}
        answer = gateway.chat(body)
        assert clean(shown(answer)), shown(answer)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize("text", REPEATED)
def test_an_upstream_that_repeats_keys_is_not_repeated(gateway: Gateway, mock: Mock, text: str, status: int) -> None:
    for model, key in (("gpt-test", UPSTREAM_KEY), ("odd-key", ODD_KEY), ("managed", MANAGED_KEY)):
        raw = text % ((key,) * 4)
        mock.reset()
        mock.control({"raw": f"HTTP/1.1 {status} No\r\ncontent-length: {len(raw)}\r\n\r\n{raw}"})
        for stream in (False, True):
            answer = gateway.chat({"model": model, "messages": [], "stream": stream})
            assert answer.status_code >= 400
            assert key not in shown(answer)
            assert json.dumps(key)[1:-1] not in shown(answer)


def test_a_key_of_a_secret_manager_goes_upstream(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat({"model": "managed", "messages": []}).status_code == 200
    assert dict(mock.last()["headers"])["authorization"] == f"Bearer {MANAGED_KEY}"


def test_a_clients_own_upstream_key_takes_the_place_of_ours(gateway: Gateway, mock: Mock) -> None:
    raw = f'{{"error":{{"message":"Incorrect API key provided: {CLIENT_KEY}"}}}}'
    mock.control({"raw": f"HTTP/1.1 401 No\r\ncontent-length: {len(raw)}\r\n\r\n{raw}"})
    answer = gateway.chat({"model": "gpt-test", "messages": [], "api_key": CLIENT_KEY})
    assert answer.status_code == 401
    assert dict(mock.last()["headers"])["authorization"] == f"Bearer {CLIENT_KEY}"
    assert UPSTREAM_KEY not in json.dumps(mock.last())
    assert UPSTREAM_KEY not in shown(answer)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/models", "/v1/models/gpt-test", "/metrics", "/model/info", "/health", "/docs"]
)
def test_no_route_that_tells_shows_a_key(gateway: Gateway, mock: Mock, path: str) -> None:
    for fault in ({}, {"status": 401}):
        mock.reset()
        mock.control(fault)
        assert clean(shown(gateway.client.get(path)))


@pytest.mark.parametrize("path", ["/openapi.json", "/routes", "/health/readiness", "/", "/nope"])
def test_no_open_route_shows_a_key(gateway: Gateway, path: str) -> None:
    assert clean(shown(gateway.client.get(path)))


def test_refused_keys_are_not_repeated(gateway: Gateway) -> None:
    for key in (f"{MASTER_KEY}x", MASTER_KEY[:-1], "sk-wrong-5a4s3d2f1g"):
        answer = gateway.chat(authorization=f"Bearer {key}")
        assert answer.status_code == 401
        assert key not in shown(answer)


def test_health_tells_a_caller_without_rights_no_addresses(edge: str, mock: Mock, tmp_path: Path) -> None:
    """Without a master key everybody may call, and nobody is an administrator."""
    bound, dead_url = refusing_address()
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/x", "api_base": f"{url}/v1", "api_key": UPSTREAM_KEY}}
        for name, url in (("good", mock.url), ("bad", dead_url))
    ]
    permitted = {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
    with bound, Gateway({"model_list": models}, tmp_path, edge=edge, env=permitted, key="") as gateway:
        answer = gateway.client.get("/health", headers={"authorization": ""})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["healthy_count"], told["unhealthy_count"]) == (1, 1)
    for row in (*told["healthy_endpoints"], *told["unhealthy_endpoints"]):
        assert row.keys() == {"model", "model_id"}
    assert "127.0.0.1" not in answer.text
    assert clean(answer.text)


def test_the_log_holds_neither_keys_nor_prompts(gateway: Gateway, mock: Mock) -> None:
    for stream in (False, True):
        body = {"model": "gpt-test", "messages": [{"role": "user", "content": PRIVATE}], "stream": stream}
        assert gateway.chat(body).status_code == 200
    assert gateway.post(f"/v1/chat/completions?key={MASTER_KEY}", {"model": "gpt-test", "messages": []}).is_success
    assert gateway.chat({"model": "gpt-test", "messages": []}, authorization="Bearer sk-last").status_code == 401
    eventually(lambda: gateway.log.count("/v1/chat/completions") >= 4, "the access log is written")
    assert clean(gateway.log)
    assert PRIVATE not in gateway.log
    assert "Traceback" not in gateway.log
