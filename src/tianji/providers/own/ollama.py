"""Ollama, on one's own machine or hosted: https://github.com/ollama/ollama/blob/main/docs/api.md.

Chat goes by its own API, which knows what its form of OpenAI's does not; texts and embeddings go by the latter.
"""

from typing import Final

from tianji.lazy import load
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import Upstream

BASE: Final = "http://localhost:11434"
BASES: Final = ("OLLAMA_API_BASE",)
KEYS: Final = ("OLLAMA_API_KEY",)
PROTOCOL: Final = "tianji.protocol.vendors.ollama"
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `ollama` or `ollama_chat`."""
    base, query = address.split_base(deployment.api_base or deployment.variable(BASES) or BASE)
    key = deployment.api_key or deployment.variable(KEYS)
    headers = [("authorization", f"Bearer {key}")] if key else []
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base.removesuffix("/v1").removesuffix("/api/chat").removesuffix("/api"),
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={"completions": "/v1/completions", "embeddings": "/v1/embeddings"},
        shaping=compile_shaping(
            deployment,
            Rules(
                unsupported=load(PROTOCOL).UNSUPPORTED - {"parallel_tool_calls"},
                removed=HINTS,
                conditions=(USED_TOOL_CHOICE,),
            ),
        ),
        key_missing=None,
        secrets=(key,) if key else (),
        protocol=PROTOCOL,
    )
