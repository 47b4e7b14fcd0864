"""The gateway of the tests of pass-through: two workers, with providers in the environment and endpoints."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.contract.harness import BOOKS, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, openai_model
from tests.fakes.google_account import account


def environment(base: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": UPSTREAM_KEY,
        "OPENAI_API_BASE": f"{base}/v1",
        "ANTHROPIC_API_KEY": UPSTREAM_KEY,
        "ANTHROPIC_API_BASE": base,
        "GEMINI_API_KEY": UPSTREAM_KEY,
        "GEMINI_API_BASE": base,
        "COHERE_API_KEY": UPSTREAM_KEY,
        "COHERE_API_BASE": base,
        "MISTRAL_API_BASE": f"{base}/v1",
        "AZURE_API_KEY": UPSTREAM_KEY,
        "AZURE_API_BASE": base,
        "AWS_BEDROCK_RUNTIME_ENDPOINT": base,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": ODD_KEY,
        "AWS_REGION_NAME": "eu-west-1",
        "AWS_ENDPOINT_URL_COMPREHENDMEDICAL": base,
        "AWS_ENDPOINT_URL_TRANSCRIBE": base,
        "TYPESAFE_API_KEY": UPSTREAM_KEY,
        "TYPESAFE_API_BASE": base,
        "TINYFISH_API_KEY": UPSTREAM_KEY,
        "TINYFISH_AGENT_API_BASE": base,
        "LAYA_API_BASE": base,
        "ASSEMBLYAI_API_KEY": UPSTREAM_KEY,
        "ASSEMBLYAI_API_BASE": base,
        "DEEPGRAM_API_KEY": UPSTREAM_KEY,
        "DEEPGRAM_API_BASE": base,
        "ELEVENLABS_API_KEY": UPSTREAM_KEY,
        "ELEVENLABS_API_BASE": base,
        "FAL_AI_QUEUE_API_BASE": base,
        "CURSOR_API_KEY": UPSTREAM_KEY,
        "CURSOR_API_BASE": base,
        "LANGFUSE_HOST": base,
        "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
        "LANGFUSE_SECRET_KEY": ODD_KEY,
        "VLLM_API_BASE": base,
        "OPENROUTER_API_BASE": f"{base}/v1",
        "VERTEXAI_API_BASE": base,
    }


def endpoints(base: str, dead: str) -> list[dict[str, Any]]:
    return [
        {"path": "/sockets", "target": f"{base.replace('http', 'ws')}/echo", "cost_per_request": 0.25},
        {"path": "/unreachable", "target": dead},
        {
            "path": "/custom/api",
            "target": f"{base}/v1",
            "headers": {"X-Partner": "key os.environ/OPENAI_API_KEY"},
            "id": "of-file",
        },
        {
            "path": "/open",
            "target": f"{base}/v1/models?own=1&a=target",
            "include_subpath": True,
            "auth": False,
            "forward_headers": True,
            "merge_query_params": True,
            "default_query_params": {"v": "2", "a": "default"},
        },
        {"path": "/priced", "target": f"{base}/v1/models", "cost_per_request": 0.25, "methods": ["GET"]},
        {"path": "/priced", "target": f"{base}/v1/chat/completions", "methods": ["POST"]},
        {"path": "/anthropic/v1/complete", "target": f"{base}/v1/completions"},
        {"path": "/key/info", "target": f"{base}/v1/models"},
        {
            "path": "/traces",
            "target": f"{base}/v1/models",
            "headers": {
                "LANGFUSE_PUBLIC_KEY": "os.environ/LANGFUSE_PUBLIC_KEY",
                "LANGFUSE_SECRET_KEY": "os.environ/LANGFUSE_SECRET_KEY",
            },
            "custom_auth_parser": "langfuse",
        },
        {"path": "/hasty", "target": f"{base}/v1/models", "timeout": 0.5, "include_subpath": False},
        {"path": "/broken", "target": f"{base}/v1/models", "headers": {"Host": "elsewhere"}},
        {"path": "/named", "target": f"{base}/v1/models", "headers": {"litellm_user_api_key": "x-my-key"}},
    ]


@pytest.fixture(scope="package")
def gateway(
    edge: str, mock_process: Mock, dead_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    base = mock_process.url
    lent = {"model": "mistral/mistral-large-latest", "api_base": f"{base}/v1", "api_key": ODD_KEY}
    azure = {"model": "azure/gpt-4o-east", "api_base": base, "api_key": ODD_KEY}
    config = {
        "model_list": [
            openai_model("gpt-test", "gpt-test", base),
            {"model_name": "large", "litellm_params": {**lent, "use_in_pass_through": True}},
            {"model_name": "east", "litellm_params": azure},
        ],
        "default_vertex_config": {
            "vertex_project": "p-default",
            "vertex_location": "europe-west1",
            "vertex_credentials": account(f"{base}/token"),
        },
        "general_settings": {
            "pass_through_request_timeout": 30,
            "pass_through_endpoints": endpoints(base, dead_url),
            "store_model_in_db": True,
            "provider_url_destination_allowed_hosts": ["127.0.0.1"],
        },
    }
    folder = tmp_path_factory.mktemp("passthrough")
    with Gateway(config, folder, edge=edge, env=environment(base) | BOOKS, workers=2) as running:
        yield running
