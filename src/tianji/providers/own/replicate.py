"""Replicate (https://replicate.com/docs/reference/http): a prediction is asked for, and looked at until it is done."""

import re
from typing import Final

from tianji.lazy import load
from tianji.providers import address
from tianji.providers.deployment import Deployment
from tianji.providers.own.openai import USED_TOOL_CHOICE
from tianji.providers.steps.shaping import Rules, compile_shaping
from tianji.providers.upstream import PATHS, Upstream

BASE: Final = "https://api.replicate.com/v1"
BASES: Final = ("REPLICATE_API_BASE",)
KEYS: Final = ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN")
TEXTS: Final = "tianji.protocol.vendors.tgi"  # what it lacks is what every server of texts lacks
HINTS: Final = frozenset({"user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "store"})
_VERSION: Final = re.compile(r"(?:.*:)?([0-9a-f]{64})")


def build(deployment: Deployment) -> Upstream:
    """Compile a deployment of provider `replicate`."""
    base, _ = address.split_base(deployment.api_base or deployment.variable(BASES) or BASE)
    key = deployment.api_key or deployment.variable(KEYS)
    path, version = place_of(deployment.model)
    asking = load("tianji.providers.replicate_asking")
    headers = {"authorization": f"Bearer {key}", **deployment.extra_headers}
    return Upstream(
        provider=deployment.provider,
        model=deployment.model,
        base_url=base,
        headers=(),
        query="",
        paths={"chat": PATHS["chat"]},
        shaping=compile_shaping(
            deployment,
            Rules(
                unsupported=load(TEXTS).UNSUPPORTED - {"parallel_tool_calls"},
                removed=HINTS,
                conditions=(USED_TOOL_CHOICE,),
            ),
        ),
        key_missing=None if key else "set REPLICATE_API_KEY, or api_key in the deployment's params",
        secrets=(key,) if key else (),
        answers=asking.inside(asking.Model(deployment.provider, deployment.model, base + path, version), headers),
    )


def place_of(model: str) -> tuple[str, str | None]:
    """Return where predictions of a model are asked for, and the version that the request has to name."""
    found = _VERSION.fullmatch(model)
    if found:
        return "/predictions", found[1]
    if model.startswith("deployments/"):
        return f"/{model}/predictions", None
    return f"/models/{model}/predictions", None
