"""Guardrails and policies. One that cannot be built stops the start: to run without it is silent harm."""

from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.decode import nearest
from tianji.config.schema.sections import Policy

TYPES: Final = frozenset(
    [
        "aporia",
        "bedrock",
        "dynamoai",
        "guardrails_ai",
        "lakera",
        "lakera_v2",
        "presidio",
        "hide-secrets",
        "hiddenlayer",
        "aim",
        "cato_networks",
        "pangea",
        "crowdstrike_aidr",
        "lasso",
        "pillar",
        "grayswan",
        "panw_prisma_airs",
        "cisco_ai_defense",
        "azure/prompt_shield",
        "azure/text_moderations",
        "model_armor",
        "openai_moderation",
        "noma",
        "noma_v2",
        "tool_permission",
        "zscaler_ai_guard",
        "javelin",
        "enkryptai",
        "ibm_guardrails",
        "litellm_content_filter",
        "mcp_security",
        "onyx",
        "promptguard",
        "xecguard",
        "prompt_security",
        "generic_guardrail_api",
        "qualifire",
        "custom_code",
        "ovalix",
        "microsoft_purview",
        "semantic_guard",
        "mcp_end_user_permission",
        "block_code_execution",
        "akto",
        "mcp_jwt_signer",
        "llm_as_a_judge",
        "deepkeep",
        "qostodian_nexus",
        "rubrik",
        "vigil_guard",
        "repelloai",
        "singulr",
        "headroom",
        "compresr",
        "typesafe",
        "straiker",
        "alice",
        "agent_365",
        "llm_shield_proxy",
        "conduct",
        "airia",
        "wingback",
        "decision_model",
    ]
)
MODES: Final = frozenset(
    [
        "pre_call",
        "post_call",
        "during_call",
        "logging_only",
        "pre_mcp_call",
        "during_mcp_call",
        "post_mcp_call",
        "realtime_input_transcription",
    ]
)
_MAX_INHERITANCE: Final = 100


def check(subject: Subject) -> None:
    """Check guardrail types and modes, and that policies name guardrails and parents that exist."""
    for index, entry in enumerate(subject.config.guardrails):
        path = ("guardrails", index, "litellm_params")
        kind = entry.litellm_params.guardrail
        if kind not in TYPES and "." not in kind:
            subject.error((*path, "guardrail"), f"{kind!r} is not a type of guardrail", nearest(kind, TYPES))
        for mode in _modes(entry.litellm_params.mode):
            if mode not in MODES:
                subject.error((*path, "mode"), "is not a mode of a guardrail", f"use one of {', '.join(sorted(MODES))}")
    registered = frozenset(entry.guardrail_name for entry in subject.config.guardrails)
    for name, policy in subject.config.policies.items():
        _policy(subject, name, policy, registered)


def _modes(mode: object) -> list[object]:
    if isinstance(mode, dict):
        tags = mode.get("tags")
        chosen = [*(tags.values() if isinstance(tags, dict) else ()), *([mode["default"]] if "default" in mode else ())]
        return [each for value in chosen for each in _modes(value)] or [None]
    return list(mode) if isinstance(mode, tuple | list) else [mode]


def _policy(subject: Subject, name: str, policy: Policy, registered: frozenset[str]) -> None:
    path = ("policies", name)
    _ancestry(subject, name, policy)
    steps = policy.pipeline.steps if policy.pipeline else ()
    for index, step in enumerate(steps):
        if step.guardrail not in policy.guardrails.add:
            where = (*path, "pipeline", "steps", index, "guardrail")
            remedy = f"add it to policies.{name}.guardrails.add"
            subject.error(where, f"{step.guardrail!r} is not among this policy's own guardrails", remedy)
    if not registered:
        return
    for guardrail in policy.guardrails.add:
        if guardrail not in registered:
            place = (*path, "guardrails", "add")
            subject.error(place, f"no guardrail is called {guardrail!r}", nearest(guardrail, registered))
    for guardrail in policy.guardrails.remove:
        if guardrail not in registered:
            place = (*path, "guardrails", "remove")
            subject.warning(place, f"no guardrail is called {guardrail!r}", nearest(guardrail, registered))


def _ancestry(subject: Subject, name: str, policy: Policy) -> None:
    policies = subject.config.policies
    seen = {name}
    parent = policy.inherit
    while parent is not None:
        path = ("policies", name, "inherit")
        if parent not in policies:
            subject.error(path, f"no policy is called {parent!r}", nearest(parent, policies))
            return
        if parent in seen or len(seen) > _MAX_INHERITANCE:
            subject.error(path, "the policies inherit from each other in a circle", "remove one `inherit`")
            return
        seen.add(parent)
        parent = policies[parent].inherit
