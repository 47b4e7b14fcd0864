"""AWS Bedrock's runtime: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html.

Requests are signed, or carry a key of Bedrock's own
(https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html).
"""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from tianji.errors import ConfigurationError
from tianji.protocol.bedrock.models import family
from tianji.protocol.bedrock.outbound import UNSUPPORTED
from tianji.protocol.ranks import MODEL_ARN
from tianji.providers import address, openai_compatible, table
from tianji.providers.deployment import Deployment
from tianji.providers.logins import aws
from tianji.providers.logins.tokens import TokenSource
from tianji.providers.own import anthropic
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping, plain_shaping
from tianji.providers.upstream import EMBEDDINGS, MEDIA, PATHS, Upstream

CONVERSE: Final = "tianji.protocol.bedrock.outbound"
INVOKE: Final = "tianji.protocol.bedrock.invoke"
BASES: Final = ("AWS_BEDROCK_RUNTIME_ENDPOINT",)
KEYS: Final = ("AWS_BEARER_TOKEN_BEDROCK",)
SERVICE: Final = "bedrock"
RUNTIME: Final = "bedrock-runtime"
AGENTS: Final = "bedrock-agent-runtime"
RANKING: Final = {"rerank": "/rerank"}
"""https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html"""
_PAINTERS: Final = re.compile(r"titan-image|nova-canvas|stability\.")
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})
_SAME = frozenset({"converse", "converse_like", "nova", "nova-2"})  # in front of a model: how it is asked anyway
_OTHERS = frozenset({"agent", "agentcore", "async_invoke", "openai", "claude_platform"})
_MANTLE: Final = "mantle/"
_CHAT: Final = "chat_completions/"
_CHAT_PATH: Final = "/openai/v1/chat/completions"


class Place(NamedTuple):
    """What a name says: the region in it, if there is one, the model, and whether it is asked by InvokeModel."""

    region: str | None
    model: str
    invokes: bool = False


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `bedrock`. Raises ConfigurationError for a way of asking that is not served."""
    if deployment.model.startswith(_MANTLE):
        return _mantle(deployment)
    chats = deployment.model.startswith(_CHAT)
    if chats:
        deployment = replace(deployment, model=deployment.model.removeprefix(_CHAT))
    found = place_of(deployment)
    region = aws.region_of(deployment, found.region)
    own = deployment.api_base or deployment.text("aws_bedrock_runtime_endpoint") or deployment.variable(BASES)
    ranks, paints = "rerank" in found.model, _PAINTERS.search(found.model) is not None
    host = AGENTS if ranks else RUNTIME
    base, query = address.split_base(own or f"https://{host}.{region}.{aws.domain_of(region)}")
    embeds = "embed" in deployment.model
    talks = not (embeds or ranks or paints or chats)
    if ranks:
        told = found.model if found.model.startswith("arn:") else arn_of(found.model, region)
        deployment = replace(deployment, extra_body={**deployment.extra_body, MODEL_ARN: told})
    bearer = deployment.api_key or deployment.variable(KEYS)
    source = None if bearer else aws.keys_of(deployment, region)
    headers = [("authorization", f"Bearer {bearer}")] if bearer else []
    return Upstream(
        provider=deployment.provider,
        model=found.model,
        base_url=base,
        headers=address.encode_headers([*headers, *deployment.extra_headers.items()]),
        query=address.encode_query(query, deployment.extra_query),
        paths=_paths(ranks=ranks, paints=paints, chats=chats),
        shaping=compile_shaping(
            deployment,
            Rules(
                unsupported=frozenset() if chats else anthropic.LACKS if found.invokes else UNSUPPORTED,
                removed=HINTS,
                conditions=(USED_TOOL_CHOICE,),
            ),
        ),
        plain_shaping=plain_shaping(deployment) if ranks or paints else None,
        ranks="bedrock",
        media={"image_generation": f"{MEDIA}.bedrock_pictures"} if paints else {},
        key_missing=None if bearer or source else f"set AWS_BEARER_TOKEN_BEDROCK; else {aws.MISSING}",
        secrets=(*((bearer,) if bearer else ()), *aws.secrets_of(deployment)),
        protocol=None if not talks else INVOKE if found.invokes else CONVERSE,
        embeddings=EMBEDDINGS if embeds else None,
        sign=None if source is None else aws.signer(source, urlsplit(base).netloc, region, SERVICE),
        awaits=source.task if isinstance(source, TokenSource) else None,
    )


def _paths(*, ranks: bool, paints: bool, chats: bool) -> dict[str, str]:
    """Return where operations are that are not said in a protocol of the model's.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html
    """
    if ranks:
        return dict(RANKING)
    if paints:
        return {"image_generation": PATHS["image_generation"]}
    return {"chat": _CHAT_PATH} if chats else {}


def _mantle(deployment: Deployment) -> Upstream:
    """Ask for OpenAI's form where it has an address of its own.

    https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
    """
    row = table.rows()["bedrock_mantle"]
    own = deployment.api_base or deployment.variable(row.base_variables)
    base = own or f"https://bedrock-mantle.{aws.region_of(deployment, None)}.api.aws/v1"
    model = deployment.model.removeprefix(_MANTLE)
    return openai_compatible.build(row, replace(deployment, model=model, api_base=base))


def arn_of(model: str, region: str) -> str:
    """Return the name by which a region knows a model that is not one's own."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"


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
