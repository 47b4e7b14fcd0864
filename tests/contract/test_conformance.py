"""The twelve configuration files, each in the style of one kind of public deployment, are served."""

from pathlib import Path

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock
from tests.unit.config.conftest import ENVIRONMENT

FILES = Path(__file__).parents[1] / "unit" / "config" / "conformance"
WEAK_KEY = "sk-conf-123"  # the one of the files; served on loopback only, and only on purpose
PERMITTED = {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
# file: the names listed, and how many deployments are left out: their provider is not served yet, or does not exist
EXPECTED = {
    "01_smallest": (["chat-small", "embed"], 0),
    "02_balancing": (["house-gpt", "backup-gpt", "long-context"], 0),
    "03_wildcards": (["openai/gpt-4o-mini"], 0),
    "04_self_hosted": (["llama-local", "qwen-vllm", "any-openai-server", "cust", "gpt-3.5-turbo"], 0),
    "05_production": (["main"], 0),
    "06_clouds": (["claude", "gemini-flash", "azure-foundry", "entra", "eu-only"], 1),  # its service account is none
    "07_observability": (["m1"], 0),
    "08_guardrails": (["m1"], 0),
    "09_tools": (["m1"], 0),
    "10_endpoints": (["m1", "whisper", "tts", "img", "rr", "mod", "rt"], 0),
    "11_governance": (["shared"], 0),
    "12_messy": (["with-cred", "quoted", "canned", "from-include", "from-nested"], 1),
}


def serve(start_gateway: StartGateway, name: str, **env: str) -> Gateway:
    key = "sk-conformance-key-0001" if name == "10_endpoints" else WEAK_KEY
    return start_gateway(FILES / f"{name}.yaml", env={**ENVIRONMENT, **PERMITTED, **env}, key=key)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_is_served(start_gateway: StartGateway, name: str) -> None:
    gateway = serve(start_gateway, name)
    names, left_out = EXPECTED[name]
    assert gateway.models() == names if name != "03_wildcards" else set(names) < set(gateway.models())
    assert gateway.log.count(": dropped: model_list[") == left_out
    assert "Traceback" not in gateway.log
    assert gateway.client.get("/v1/models", headers={"authorization": "Bearer sk-other"}).status_code == 401


def test_there_is_an_expectation_for_every_file() -> None:
    assert sorted(file.stem for file in FILES.glob("*.yaml")) == sorted(EXPECTED)


def test_models_behind_patterns_are_listed(start_gateway: StartGateway) -> None:
    names = serve(start_gateway, "03_wildcards").models()
    assert len(names) == len(set(names))
    assert {"openai/gpt-4o", "anthropic/claude-opus-4-5", "gemini-2.5-flash", "gpt-4o"} <= set(names)
    assert not [name for name in names if "*" in name or "-x-" in name]


def test_patterns_are_listed_on_request(start_gateway: StartGateway) -> None:
    gateway = serve(start_gateway, "03_wildcards")
    data = gateway.client.get("/v1/models", params={"return_wildcard_routes": "true"}).json()["data"]
    stars = [model["id"] for model in data if "*" in model["id"]]
    assert stars == ["anthropic/*", "openai/*", "team-*-chat", "gemini-*", "*"]


def test_wildcards_choose_deployment_and_key(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = serve(start_gateway, "03_wildcards", OPENAI_API_BASE=f"{mock.url}/v1", OPENAI_BASE_URL=f"{mock.url}/v1")
    for name, upstream, key in (
        ("openai/gpt-4o-mini", "gpt-4o-mini", "k2"),
        ("openai/gpt-4o", "gpt-4o", "k1"),
        ("team-x-chat", "ft-x", "k1"),
        ("anything", "anything", "k1"),
    ):
        answer = gateway.chat({"model": name, "messages": []})
        assert (answer.status_code, answer.json()["model"]) == (200, name)
        request = mock.last()
        assert (request["json"]["model"], dict(request["headers"])["authorization"]) == (upstream, f"Bearer {key}")


def test_the_canned_model_of_the_messy_file_answers(start_gateway: StartGateway) -> None:
    gateway = serve(start_gateway, "12_messy")
    answer = gateway.chat({"model": "canned", "messages": []})
    assert answer.json()["choices"][0]["message"]["content"] == "always this"
    streamed = gateway.chat({"model": "canned", "messages": [], "stream": True})
    assert streamed.text.endswith("data: [DONE]\n\n")


def test_a_hidden_alias_of_the_self_hosted_file_works(start_gateway: StartGateway) -> None:
    gateway = serve(start_gateway, "04_self_hosted")
    answer = gateway.chat({"model": "secret-name", "messages": [], "timeout": 5})
    assert answer.status_code == 500  # its host does not exist here
    assert answer.headers["x-litellm-model-group"] == "secret-name"


def test_a_weak_key_is_refused_without_the_override(start_gateway: StartGateway) -> None:
    with pytest.raises(AssertionError, match="shorter than 16 characters"):
        start_gateway(FILES / "01_smallest.yaml", env=ENVIRONMENT, key=WEAK_KEY)
