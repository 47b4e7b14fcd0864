"""Which deployments make videos, in whose way, and behind which paths."""

from collections.abc import Mapping
from typing import Final, Literal

from tianji._core.routing.router import Deployment, Plan
from tianji.providers.upstream import PATHS

Films = Literal["openai", "gemini", "vertex_ai"]
FILMING: Final[Mapping[str, Films]] = {
    **dict.fromkeys(("openai", "azure", "mock", "custom_openai", "openai_like", "litellm_proxy"), "openai"),
    **dict.fromkeys(("hosted_vllm", "edenai"), "openai"),
    "gemini": "gemini",
    "vertex_ai": "vertex_ai",
}
"""Providers that make videos, and whose way they make them in."""


def beside_videos(deployment: Deployment) -> tuple[Plan, str] | None:
    """Return a plan of a deployment whose videos lie beside it, and where they do; None where it makes none."""
    films = FILMING.get(deployment.provider)
    if films is None:
        return None
    if films != "openai":
        plan = deployment.plans.get("gemini")
        prefix, found, _ = ("", "", "") if plan is None or plan.canned is not None else plan.path.rpartition("/models/")
        return (plan, prefix) if plan is not None and found else None
    for operation, suffix in PATHS.items():
        plan = deployment.plans.get(operation)
        if plan is not None and plan.canned is None and plan.path.endswith(suffix):
            return plan, plan.path.removesuffix(suffix)
    return None
