"""The gateway of the tests of what upstreams keep."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.contract.harness import BOOKS, UPSTREAM_KEY, Gateway, Mock, openai_model
from tests.contract.objects.asking import client_of
from tests.contract.objects.keys import key


def claude(name: str, model: str, base: str, **params: Any) -> dict[str, Any]:
    settings = {"model": f"anthropic/{model}", "api_base": base, "api_key": UPSTREAM_KEY, **params}
    return {"model_name": name, "litellm_params": settings}


def specialist(name: str, model: str, base: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model, "api_base": f"{base}/v1", "api_key": UPSTREAM_KEY}}


@pytest.fixture(scope="package")
def serving(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            openai_model("gpt-test", "upstream-name", base, input_cost_per_token=1e-6, output_cost_per_token=2e-6),
            openai_model("other", "other-name", base),
            specialist("ranker", "jina_ai/ranks", base),
            specialist("reader", "mistral/reads", base),
            openai_model("native", "responses/native-name", base),
            openai_model("tuned", "tuned-name", base, training_cost_per_token=25e-6),
            {
                "model_name": "east",
                "litellm_params": {"model": "azure/east", "api_base": base, "api_key": UPSTREAM_KEY},
            },
            {"model_name": "far", "litellm_params": {"model": "anthropic/claude", "api_base": base, "api_key": "k"}},
            {"model_name": "nowhere", "litellm_params": {"model": "cohere/command", "api_base": base, "api_key": "k"}},
            claude("sonnet", "claude-sonnet-up", base, input_cost_per_token=1e-6, output_cost_per_token=2e-6),
            claude("opus", "claude-opus-up", base, input_cost_per_token=1e-5, output_cost_per_token=1e-5),
            claude("claude-*", "claude-*", base, extra_headers={"anthropic-beta": "own-flag"}),
            claude("elsewhere", "claude-sonnet-up", base, api_key="another-key"),
            openai_model("sora", "sora-2-pro", base),
            openai_model("clips", "clips-up", base, output_cost_per_second=0.02, output_cost_per_second_1080p=0.05),
            {
                "model_name": "azure-sora",
                "litellm_params": {"model": "azure/sora-2", "api_base": base, "api_key": UPSTREAM_KEY},
            },
            {
                "model_name": "veo",
                "litellm_params": {
                    "model": "gemini/veo-3.1-generate-001",
                    "api_base": f"{base}/v1beta",
                    "api_key": "k",
                },
            },
            {
                "model_name": "vertex-veo",
                "litellm_params": {"model": "vertex_ai/veo-3.1-generate-001", "api_base": base, "api_key": "k"},
            },
        ],
        "files_settings": [
            {"custom_llm_provider": "openai", "api_base": f"{base}/v1", "api_key": UPSTREAM_KEY},
            {"custom_llm_provider": "azure", "api_base": base, "api_key": UPSTREAM_KEY, "api_version": "2025-01-01"},
        ],
        "finetune_settings": [{"custom_llm_provider": "openai", "api_base": f"{base}/v1", "api_key": UPSTREAM_KEY}],
        "assistant_settings": {
            "custom_llm_provider": "openai",
            "litellm_params": {"api_base": f"{base}/v1", "api_key": UPSTREAM_KEY},
        },
        "general_settings": {
            "max_batch_file_records": 100,
            "blocked_file_extensions": [".exe"],
            "user_url_allowed_hosts": ["127.0.0.1"],
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("objects"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture
def gateway(serving: Gateway, mock: Mock) -> Gateway:
    return serving


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with client_of(gateway, key(gateway)) as made:
        yield made


@pytest.fixture
def stranger(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with client_of(gateway, key(gateway)) as made:
        yield made
