"""Which deployments make videos, in whose way, and behind which paths."""

from collections.abc import Mapping
from typing import Final, Literal

from tianji._core.routing.router import Deployment, Plan
from tianji.providers.upstream import PATHS

Films = Literal["openai", "gemini", "vertex_ai", "runwayml", "fal_ai", "minimax", "dashscope"]
FILMING: Final[Mapping[str, Films]] = {
    **dict.fromkeys(("openai", "azure", "mock", "custom_openai", "openai_like", "litellm_proxy"), "openai"),
    **dict.fromkeys(("hosted_vllm", "edenai"), "openai"),
    "gemini": "gemini",
    "vertex_ai": "vertex_ai",
    "runwayml": "runwayml",
    "fal_ai": "fal_ai",
    "minimax": "minimax",
    **dict.fromkeys(("dashscope", "qwencloud", "qwen_ai_platform"), "dashscope"),
}
"""Providers that make videos, and whose way they make them in."""

TASKS: Final[Mapping[Films, tuple[str, ...]]] = {
    "runwayml": (),
    "fal_ai": (),
    "minimax": ("/v1", "/v2", "/anthropic"),
    "dashscope": ("/compatible-mode/v1",),
}
"""Whose videos are tasks with paths from the host on: with what an address may end that is not of it."""


def base_of_tasks(films: Films, base: str) -> str:
    """Return the address below which the videos of such a provider are asked for.

    fal.ai's are asked for at a host beside the one that answers at once:
    https://fal.ai/docs/model-apis/model-endpoints/queue.
    """
    base = base.rstrip("/").replace("//fal.run", "//queue.fal.run", 1)
    for end in TASKS[films]:
        base = base.removesuffix(end)
    return base


def beside_videos(deployment: Deployment) -> tuple[Plan, str] | None:
    """Return a plan of a deployment whose videos lie beside it, and where they do; None where it makes none."""
    films = FILMING.get(deployment.provider)
    if films is None:
        return None
    if films in TASKS:
        return next(((plan, "") for plan in deployment.plans.values() if plan.canned is None), None)
    if films != "openai":
        plan = deployment.plans.get("gemini")
        prefix, found, _ = ("", "", "") if plan is None or plan.canned is not None else plan.path.rpartition("/models/")
        return (plan, prefix) if plan is not None and found else None
    for operation, suffix in PATHS.items():
        plan = deployment.plans.get(operation)
        if plan is not None and plan.canned is None and plan.path.endswith(suffix):
            return plan, plan.path.removesuffix(suffix)
    return None
