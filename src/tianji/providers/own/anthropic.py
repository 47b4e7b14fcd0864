"""Anthropic's own Messages API (https://docs.anthropic.com/en/api/overview)."""

from typing import TYPE_CHECKING, Final

from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps import message_steps
from tianji.providers.steps.shaping import Rules, compile_shaping, native_shaping
from tianji.providers.upstream import OwnForm, Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

BASE: Final = "https://api.anthropic.com"
BASES: Final = ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL")
KEYS: Final = ("ANTHROPIC_API_KEY",)
TOKENS: Final = ("ANTHROPIC_AUTH_TOKEN",)
PATH: Final = "/v1/messages"
PROTOCOL: Final = "tianji.protocol.anthropic.outbound"
VERSION: Final = "2023-06-01"
_OAUTH_TOKEN: Final = "sk-ant-oat"  # noqa: S105 - how such a token begins
_OAUTH_BETA: Final = "oauth-2025-04-20"

# OpenAI's parameters that Anthropic has nothing for.
LACKS: Final = frozenset(
    {
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "seed",
        "n",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
    }
)
# Hints to OpenAI's own machinery, without which the same answer comes.
HINTS: Final = frozenset({"prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})
# Parameters of a deployment that mean the same in both forms.
SHARED: Final = frozenset(
    {
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "service_tier",
        "context_management",
        "output_config",
        "speed",
    }
)
CARRIED: Final = frozenset({b"anthropic-beta", b"anthropic-version"})
RULES: Final = Rules(
    sends=frozenset({"metadata"}), unsupported=LACKS, removed=HINTS, conditions=(USED_TOOL_CHOICE,)
)  # of metadata, `user_id` alone goes on


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `anthropic`."""
    own_base = deployment.api_base or deployment.variable(BASES)
    base, query = address.split_base(_without_path(own_base or BASE))
    key = deployment.api_key or deployment.variable(KEYS) or deployment.variable(TOKENS)
    headers = [("anthropic-version", VERSION), *_credentials(deployment, key)]
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=_without_path(base),
        headers=address.encode_headers(_joined([*headers, *deployment.extra_headers.items()])),
        query=address.encode_query(query, deployment.extra_query),
        paths={},
        shaping=compile_shaping(deployment, RULES),
        key_missing=None if key else "set ANTHROPIC_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        protocol=PROTOCOL,
        own_forms={
            "messages": OwnForm(
                suffix=lambda _model, _streamed: PATH,
                shaping=native_shaping(deployment, SHARED, (message_steps.own_thoughts,)),
                carries=CARRIED,
            )
        },
    )


def _without_path(url: str) -> str:
    """Return an address without what requests go to behind it; people write it with and without."""
    return url.rstrip("/").removesuffix("/messages").removesuffix("/v1")


def _credentials(deployment: Deployment, key: str | None) -> list[tuple[str, str]]:
    """Return the headers of a key, or of a token of somebody who logged in."""
    if key is None:
        return []
    if key.startswith(_OAUTH_TOKEN):
        return [
            ("authorization", f"Bearer {key}"),
            ("anthropic-beta", _OAUTH_BETA),
            ("anthropic-dangerous-direct-browser-access", "true"),
        ]
    if deployment.api_key is None and deployment.variable(KEYS) is None:
        return [("authorization", f"Bearer {key}")]
    return [("x-api-key", key)]


def _joined(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Let several `anthropic-beta` be one list; of every other header the last counts."""
    betas = [value for name, value in headers if name.lower() == "anthropic-beta" and value]
    rest = [pair for pair in headers if pair[0].lower() != "anthropic-beta"]
    flags: Mapping[str, None] = dict.fromkeys(flag.strip() for value in betas for flag in value.split(","))
    return [*rest, ("anthropic-beta", ",".join(flags))] if flags else rest
