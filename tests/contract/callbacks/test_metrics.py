"""Numbers, health, documentation and headers: exact over workers, true, and readable by the usual tools."""

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model

Numbers = dict[str, float]


def numbers(gateway: Gateway) -> Numbers:
    """Read /metrics over a connection of its own: any worker may answer, and all must say the same."""
    with closing(HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        connection.request("GET", "/metrics", headers={"authorization": f"Bearer {gateway.key}"})
        text = connection.getresponse().read().decode()
    found: Numbers = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}"
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def ask(gateway: Gateway, model: str, stream: bool, key: str = "") -> int:
    with closing(HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        body = json.dumps({"model": model, "messages": [], "max_tokens": 7, "stream": stream})
        connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key or gateway.key}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_sums_are_exact_over_workers(start_gateway: StartGateway, mock: Mock) -> None:
    models = [openai_model("m", "m", mock.url), openai_model("bad", "mock-status-429", mock.url)]
    gateway = start_gateway({"model_list": models, "router_settings": {"num_retries": 0}}, workers=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(gateway, "bad" if n % 5 == 0 else "m", n % 2 == 0), range(300)))
        strangers = list(pool.map(lambda _: ask(gateway, "m", stream=False, key="sk-unknown"), range(40)))
    assert (answers.count(200), answers.count(429), set(strangers)) == (240, 60, {401})
    eventually(lambda: numbers(gateway)["tianji_in_flight_requests{model=m,provider=openai}"] == 0, "all have ended")
    seen = numbers(gateway)
    assert seen["tianji_requests_total{model=m,provider=openai,status=200}"] == 240
    assert seen["tianji_requests_total{model=bad,provider=openai,status=429}"] == 60
    assert seen["tianji_tokens_total{model=m,provider=openai,type=completion}"] == 240 * 7
    assert seen["tianji_request_total_latency_seconds_count{model=m,provider=openai}"] == 240
    assert seen["tianji_request_total_latency_seconds_bucket{le=+Inf,model=m,provider=openai}"] == 240
    assert seen["tianji_overhead_seconds_count{model=m,provider=openai}"] == 240
    assert seen["tianji_time_to_first_token_seconds_count{model=m,provider=openai}"] == 240
    assert 0 < seen["tianji_overhead_seconds_sum{model=m,provider=openai}"] < 60
    assert seen["tianji_in_flight_requests{model=bad,provider=openai}"] == 0
    assert seen["tianji_refused_requests_total{error_type=token_not_found_in_db,status=401}"] == 40
    assert seen["tianji_metrics_dropped_updates_total{}"] == 0
    assert all(numbers(gateway) == seen for _ in range(10))


def test_a_worker_that_died_takes_no_number_with_it(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)]}, workers=2)
    for _ in range(20):
        assert ask(gateway, "m", stream=False) == 200
    before = numbers(gateway)
    first, _ = gateway.workers()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: len(gateway.workers()) == 2 and first not in gateway.workers(), "another worker")
    assert numbers(gateway) == before


def test_histogram_buckets_rise(gateway: Gateway, mock: Mock) -> None:
    assert gateway.chat().status_code == 200
    buckets = [
        (float(re.findall(r"le=([^,]+)", key)[0]), value)
        for key, value in numbers(gateway).items()
        if key.startswith("tianji_request_total_latency_seconds_bucket") and "model=gpt-test" in key
    ]
    values = [value for _, value in sorted(buckets)]
    assert len(values) > 10
    assert values == sorted(values)


def test_the_gauge_shows_what_is_under_way(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway({"model_list": [openai_model("m", "m", mock.url)]}, workers=2)
    mock.control({"first_byte_ms": 60000})
    name = "tianji_in_flight_requests{model=m,provider=openai}"
    body = b'{"model":"m","messages":[]}'
    clients = []
    for _ in range(12):
        clients.append(gateway.connect())
        clients[-1].sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
            % (gateway.key.encode(), len(body), body)
        )
    eventually(lambda: numbers(gateway)[name] == 12, "twelve are under way")
    for client in clients:
        client.close()
    eventually(lambda: numbers(gateway)[name] == 0, "none is under way")
    assert numbers(gateway)["tianji_requests_total{model=m,provider=openai,status=499}"] == 12


# -- health -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness"])
def test_alive(gateway: Gateway, path: str) -> None:
    answer = gateway.client.get(path, headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, "I'm alive!")


def test_ready(gateway: Gateway) -> None:
    answer = gateway.client.get("/health/readiness", headers={"authorization": ""})
    assert (answer.status_code, answer.json()["status"]) == (200, "healthy")


def test_health_calls_the_deployments(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="pair-b")
    answer = gateway.client.get("/health")
    assert answer.status_code == 200
    told = answer.json()
    healthy = [row["model"] for row in told["healthy_endpoints"]]
    unhealthy = {row["model"]: row["error"] for row in told["unhealthy_endpoints"]}
    assert "openai/gpt-test" in healthy
    assert "openai/pair-a" in healthy
    assert unhealthy.keys() == {"openai/never", "openai/pair-b"}
    assert "Mock fault: status 500" in unhealthy["openai/pair-b"]
    assert (told["healthy_count"], told["unhealthy_count"]) == (len(healthy), 3)
    assert {request["json"].get("max_tokens") for request in mock.requests()} <= {16, None}


def test_health_of_one(gateway: Gateway, mock: Mock) -> None:
    assert gateway.client.get("/health", params={"model": "gpt-test"}).status_code == 200
    assert gateway.client.get("/health", params={"model": "dead"}).status_code == 503
    told = gateway.client.get("/health", params={"model": "half-dead"})
    assert (told.status_code, told.json()["healthy_count"], told.json()["unhealthy_count"]) == (200, 1, 1)
    one = gateway.client.get("/health", params={"model_id": "pair-a"}).json()
    assert [row["model_id"] for row in one["healthy_endpoints"]] == ["pair-a"]
    assert gateway.client.get("/health", params={"model": "nobody"}).status_code == 404


# -- documentation ------------------------------------------------------------------------------------------------


def test_openapi_describes_the_routes(gateway: Gateway) -> None:
    told = gateway.client.get("/openapi.json", headers={"authorization": ""}).json()
    assert told["openapi"].startswith("3.")
    assert {"/v1/chat/completions", "/v1/embeddings", "/v1/models", "/health", "/metrics"} <= told["paths"].keys()
    names = []
    for path, operations in told["paths"].items():
        assert path.startswith("/")
        for method, operation in operations.items():
            assert method in ("get", "post", "put", "patch", "delete", "head", "options")
            names.append(operation["operationId"])
            assert operation["responses"]
            inside = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
            assert inside == set(re.findall(r"\{(\w+)\}", path))
    assert len(names) == len(set(names))
    chat = told["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert chat["required"] == ["model", "messages"]


def test_the_documentation_loads_nothing_from_elsewhere(gateway: Gateway) -> None:
    answer = gateway.client.get("/docs", headers={"authorization": ""})
    assert answer.headers["content-type"].startswith("text/html")
    assert re.findall(r"(?:src|href|url|import|fetch)\s*[=(]\s*[\"']?(?:https?:)?//", answer.text) == []
    assert "/openapi.json" in answer.text or "openapi.json" in answer.text


# -- headers ------------------------------------------------------------------------------------------------------


def test_headers_tell_of_the_call_and_have_twins(gateway: Gateway, mock: Mock) -> None:
    for stream in (False, True):
        headers = gateway.chat({"model": "pair-a", "messages": [], "stream": stream}).headers
        ours = {name[9:]: value for name, value in headers.items() if name.startswith("x-tianji-")}
        theirs = {name[10:]: value for name, value in headers.items() if name.startswith("x-litellm-")}
        assert ours == {name: theirs[name] for name in ("call-id", "model-id", "overhead-duration-ms")}
        assert (theirs["model-id"], theirs["model-group"]) == ("pair-a", "pair-a"), (
            "the group is called as it was asked"
        )
        assert theirs["model-name"] == "openai/pair-a"
        assert theirs["model-api-base"] == f"{mock.url}/v1"
        assert 0 <= float(theirs["overhead-duration-ms"]) <= float(theirs["response-duration-ms"])
        assert theirs["attempted-retries"] == theirs["attempted-fallbacks"] == "0"


@pytest.mark.parametrize("name", ["x-litellm-call-id", "x-tianji-call-id"])
def test_a_call_id_is_echoed_on_success_and_failure(gateway: Gateway, mock: Mock, name: str) -> None:
    sent = {name.replace("-", "_"): "my-call/7"}
    wishes = [{"model": "gpt-test", "messages": []}, {"model": "nobody", "messages": []}, {}]
    for answer in [gateway.chat(wish, **sent) for wish in wishes]:
        assert answer.headers["x-tianji-call-id"] == answer.headers["x-litellm-call-id"] == "my-call/7"
    refused = gateway.chat(authorization="Bearer sk-wrong", **sent)
    assert (refused.status_code, refused.headers["x-tianji-call-id"]) == (401, "my-call/7")


@pytest.mark.parametrize("sent", ["two words", "a" * 129, 'quo"te', "back\\slash"])
def test_a_call_id_that_is_none_is_replaced(gateway: Gateway, mock: Mock, sent: str) -> None:
    ids = [gateway.chat(x_litellm_call_id=sent).headers["x-tianji-call-id"] for _ in range(2)]
    assert sent not in ids
    assert len(set(ids)) == 2
