"""Cohere's chat (https://docs.cohere.com/reference/chat). Its embeddings have a row of the table, as `cohere`."""

from typing import Final

from tianji.protocol.cohere.outbound import SUFFIX, UNSUPPORTED
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import Upstream

BASE: Final = "https://api.cohere.com"
BASES: Final = ("COHERE_API_BASE", "CO_API_URL")
KEYS: Final = ("COHERE_API_KEY", "CO_API_KEY")
PROTOCOL: Final = "tianji.protocol.cohere.outbound"
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `cohere_chat`."""
    own = (deployment.api_base or deployment.variable(BASES) or BASE).rstrip("/")
    base, query = address.split_base(own.removesuffix(SUFFIX).removesuffix("/v2").removesuffix("/v1"))
    key = deployment.api_key or deployment.variable(KEYS)
    headers = [("authorization", f"Bearer {key}")] if key else []
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(
            deployment,
            Rules(unsupported=UNSUPPORTED - {"parallel_tool_calls"}, removed=HINTS, conditions=(USED_TOOL_CHOICE,)),
        ),
        key_missing=None if key else "set COHERE_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        protocol=PROTOCOL,
    )
