"""SageMaker's endpoints: https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints.html.

What answers there is somebody's own server: `sagemaker/` names one that generates text, `sagemaker_chat/` and
`sagemaker_nova/` one that speaks OpenAI's form.
"""

from typing import Final
from urllib.parse import urlsplit

from tianji.lazy import load
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.logins import aws
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import EMBEDDINGS, Upstream

TEXTS: Final = "tianji.protocol.vendors.sagemaker"
CHATS: Final = "tianji.protocol.vendors.sagemaker_chat"
SERVICE: Final = "sagemaker"
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of an endpoint."""
    region = aws.region_of(deployment, None)
    own = deployment.api_base or deployment.text("sagemaker_base_url")
    base, query = address.split_base(own or f"https://runtime.sagemaker.{region}.{aws.domain_of(region)}")
    source = aws.keys_of(deployment, region)
    texts = deployment.provider == "sagemaker"
    component = deployment.text("model_id")
    headers = [("x-amzn-sagemaker-inference-component", component)] if component else []
    unsupported = load(TEXTS).UNSUPPORTED - {"parallel_tool_calls"} if texts else frozenset[str]()
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(
            deployment, Rules(unsupported=unsupported, removed=HINTS, conditions=(USED_TOOL_CHOICE,))
        ),
        key_missing=None if source else aws.MISSING,
        secrets=aws.secrets_of(deployment),
        protocol=TEXTS if texts else CHATS,
        sign=None if source is None else aws.signer(source, urlsplit(base).netloc, region, SERVICE),
        awaits=source.task if isinstance(source, TokenSource) else None,
        embeddings=EMBEDDINGS,
    )
