"""A gateway over vendors with a form of their own, in forms as their references show them.

Each module of `tianji.protocol.media`, and `tianji.protocol.ranks`, names the document that it follows.
"""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.contract.harness import Gateway
from tests.fakes.google_account import account
from tests.fakes.vendors import Vendors, plain

KEYS = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s3cret", "aws_region_name": "eu-west-1"}


def models(url: str) -> dict[str, dict[str, Any]]:
    """Return the deployments by name."""
    vertex = {"api_base": url, "vertex_credentials": {**account(f"{url}/token"), "project_id": "p-1"}}
    azure = {"api_base": url, "tenant_id": "t", "client_id": "c", "client_secret": "s3cret"}
    return {
        "elevenlabs-voice": {"model": "elevenlabs/eleven_multilingual_v2", "api_base": url, "api_key": "k"},
        "elevenlabs-ear": {"model": "elevenlabs/scribe_v1", "api_base": url, "api_key": "k"},
        "deepgram-voice": {"model": "deepgram/aura-2-thalia-en", "api_base": f"{url}/v1", "api_key": "k"},
        "deepgram-ear": {"model": "deepgram/nova-3", "api_base": f"{url}/v1", "api_key": "k"},
        "polly": {"model": "aws_polly/neural", "api_base": url, **KEYS},
        "mistral-voice": {"model": "mistral/voxtral-mini-tts-latest", "api_base": f"{url}/v1", "api_key": "k"},
        "xai-ear": {"model": "xai/grok-voice-transcribe-2.0", "api_base": f"{url}/v1", "api_key": "k"},
        "azure-voice": {"model": "azure/speech/azure-tts", "api_base": url, "api_key": "k"},
        "azure-ear": {"model": "azure/whisper", "api_version": "2024-10-21", **azure},
        "minimax": {"model": "minimax/speech-02-hd", "api_base": url, "api_key": "k"},
        "gemini-voice": {"model": "gemini/gemini-2.5-flash-preview-tts", "api_base": url, "api_key": "k"},
        "chirp": {"model": "vertex_ai/chirp", **vertex},
        "stability": {"model": "stability/sd3.5-large", "api_base": url, "api_key": "k"},
        "stability-edit": {"model": "stability/inpaint", "api_base": url, "api_key": "k"},
        "fal": {"model": "fal_ai/fal-ai/flux/dev", "api_base": url, "api_key": "k"},
        "aiml": {"model": "aiml/flux/schnell", "api_base": f"{url}/v1", "api_key": "k"},
        "imagen": {"model": "vertex_ai/imagen-4.0-generate-001", **vertex},
        "gemini-image": {"model": "gemini/gemini-2.5-flash-image", "api_base": url, "api_key": "k"},
        "nova-canvas": {"model": "bedrock/amazon.nova-canvas-v1:0", "api_base": url, **KEYS},
        "bedrock-stability": {"model": "bedrock/stability.sd3-5-large-v1:0", "api_base": url, **KEYS},
        "openrouter": {"model": "openrouter/google/gemini-2.5-flash-image", "api_base": url, "api_key": "k"},
        "qwen-image": {"model": "dashscope/qwen-image", "api_base": f"{url}/compatible-mode/v1", "api_key": "k"},
        "topaz": {"model": "topaz/Standard V2", "api_base": url, "api_key": "k"},
        "flux": {"model": "black_forest_labs/flux-pro-1.1", "api_base": url, "api_key": "k"},
        "kontext": {"model": "black_forest_labs/flux-kontext-pro", "api_base": url, "api_key": "k"},
        "fill": {"model": "black_forest_labs/flux-pro-1.0-fill", "api_base": url, "api_key": "k"},
        "runway": {"model": "runwayml/gen4_image", "api_base": url, "api_key": "k"},
        "tei": {"model": "huggingface/BAAI/bge-reranker-base", "api_base": url, "api_key": "k"},
        "watsonx-ranks": {"model": "watsonx/cross-encoder/ms-marco", "api_base": url, "token": "t", "project_id": "p"},
        "vertex-ranks": {"model": "vertex_ai/semantic-ranker-default@latest", **vertex},
        "bedrock-ranks": {"model": "bedrock/amazon.rerank-v1:0", "api_base": url, **KEYS},
        "deepinfra-ranks": {
            "model": "deepinfra/Qwen/Qwen3",
            "api_base": f"{url}/v1/openai",
            "api_key": "k",
        },
        "nim-ranks": {"model": "nvidia_nim/nvidia/nv-rerankqa", "api_base": f"{url}/v1", "api_key": "k"},
        "qwen-ranks": {"model": "dashscope/gte-rerank", "api_base": f"{url}/compatible-mode/v1", "api_key": "k"},
        "codestral": {"model": "text-completion-codestral/codestral-2405", "api_base": f"{url}/v1", "api_key": "k"},
        "llama": {"model": "vertex_ai/meta/llama-3.3-70b-instruct-maas", **vertex},
        "mistral-on-vertex": {"model": "vertex_ai/mistral-large@2407", **vertex},
        "snowflake": {"model": "snowflake/snowflake-arctic-embed-m", "api_base": f"{url}/cortex/v1", "api_key": "k"},
    }


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    with Vendors() as running:
        token = plain({"access_token": "tok-1", "expires_in": 3600, "token_type": "Bearer"})
        running.say("/token", token)
        running.say("/t/oauth2/v2.0/token", token)
        yield running


@pytest.fixture(scope="module")
def gateway(edge: str, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    listed = [{"model_name": name, "litellm_params": params} for name, params in models(vendors.url).items()]
    env = {"AZURE_AUTHORITY_HOST": vendors.url, "WATSONX_TOKEN": "tok-1"}
    config = {"model_list": listed, "router_settings": {"num_retries": 0}}
    with Gateway(config, tmp_path_factory.mktemp("specialists"), edge=edge, env=env) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0) as made:
        yield made
