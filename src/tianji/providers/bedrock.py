"""AWS Bedrock's runtime: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.

Requests are signed, or carry a key of Bedrock's own
(https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html).
"""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tianji.errors import ConfigurationError
from tianji.protocol.bedrock.models import family
from tianji.protocol.bedrock.outbound import UNSUPPORTED
from tianji.providers import address, anthropic, aws
from tianji.providers.deployment import Deployment
from tianji.providers.openai import USED_TOOL_CHOICE
from tianji.providers.shaping import Rules, compile_shaping
from tianji.providers.tokens import TokenSource
from tianji.providers.upstream import EMBEDDINGS, Upstream

NAMES = ("bedrock", "bedrock_converse")
CONVERSE: Final = "tianji.protocol.bedrock.outbound"
INVOKE: Final = "tianji.protocol.bedrock.invoke"
BASES: Final = ("AWS_BEDROCK_RUNTIME_ENDPOINT",)
KEYS: Final = ("AWS_BEARER_TOKEN_BEDROCK",)
SERVICE: Final = "bedrock"
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})
_SAME = frozenset({"converse", "nova", "nova-2"})  # in front of a model: how it is asked anyway
_OTHERS = frozenset(
    {
        "converse_like",
        "agent",
        "agentcore",
        "async_invoke",
        "openai",
        "mantle",
        "claude_platform",
        "chat_completions",
    }
)


class Place(NamedTuple):
    """What a name says: the region in it, if there is one, the model, and whether it is asked by InvokeModel."""

    region: str | None
    model: str
    invokes: bool = False


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `bedrock`. Raises ConfigurationError for a way of asking that is not served."""
    found = place_of(deployment)
    region = aws.region_of(deployment, found.region)
    own = deployment.api_base or deployment.text("aws_bedrock_runtime_endpoint") or deployment.variable(BASES)
    base, query = address.split_base(own or f"https://bedrock-runtime.{region}.{aws.domain_of(region)}")
    embeds = "embed" in deployment.model
    bearer = deployment.api_key or deployment.variable(KEYS)
    source = None if bearer else aws.keys_of(deployment, region)
    headers = [("authorization", f"Bearer {bearer}")] if bearer else []
    return Upstream(
        provider=deployment.provider,
        model=found.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(
            deployment,
            Rules(
                unsupported=anthropic.LACKS if found.invokes else UNSUPPORTED,
                removed=HINTS,
                conditions=(USED_TOOL_CHOICE,),
            ),
        ),
        key_missing=None if bearer or source else f"set AWS_BEARER_TOKEN_BEDROCK; else {aws.MISSING}",
        secrets=(*((bearer,) if bearer else ()), *aws.secrets_of(deployment)),
        protocol=None if embeds else INVOKE if found.invokes else CONVERSE,
        embeddings=EMBEDDINGS if embeds else None,
        sign=None if source is None else aws.signer(source, urlsplit(base).netloc, region, SERVICE),
        awaits=source.task if isinstance(source, TokenSource) else None,
    )


def place_of(deployment: Deployment) -> Place:
    """Read the model's name: `converse/`, a region, an ARN; `model_id` takes the model's place in requests."""
    name, region, invokes = deployment.model, None, False
    head, slash, rest = name.partition("/")
    while slash and not head.startswith("arn:"):
        if head in _OTHERS:
            raise ConfigurationError(
                f"{deployment.label()}: {head}/ is not served yet by this release; leave it out, and the model is "
                "asked by Converse"
            )
        if head == "invoke":
            invokes = True
        elif aws.is_region(head):
            region = head
        elif head not in _SAME:
            break
        name = rest
        head, slash, rest = name.partition("/")
    model = deployment.text("model_id") or name
    if model.startswith("arn:") and region is None:
        parts = model.split(":")
        region = parts[3] if len(parts) > 3 and aws.is_region(parts[3]) else None
    if invokes and family(name) != "claude":
        raise ConfigurationError(
            f"{deployment.label()}: by invoke/ this release asks models of Anthropic's only; leave it out, and the "
            "model is asked by Converse"
        )
    return Place(region, model, invokes)
