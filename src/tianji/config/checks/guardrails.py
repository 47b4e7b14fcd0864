"""Policies of guardrails. Whether a guardrail can be built its type says: see tianji.guardrails.building."""

from typing import Final

from tianji.config.checks.subject import Subject
from tianji.config.decode import nearest
from tianji.config.schema.sections import Policy

_MAX_INHERITANCE: Final = 100


def check(subject: Subject) -> None:
    """Check that policies name guardrails and parents that exist."""
    registered = frozenset(entry.guardrail_name for entry in subject.config.guardrails)
    for name, policy in subject.config.policies.items():
        _policy(subject, name, policy, registered)


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
