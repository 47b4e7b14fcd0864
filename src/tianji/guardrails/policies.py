"""Policies: named sets of guardrails, attached to teams, keys, models and tags; some run theirs as a pipeline."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from msgspec import Struct

from tianji.config.schema.sections import Pipeline, Policy, PolicyAttachment
from tianji.guardrails.vendor import Hook


class Subject(Struct, frozen=True):
    """Whom and what a request is for, as far as policies ask."""

    teams: tuple[str, ...] = ()  # its id and its alias
    keys: tuple[str, ...] = ()  # alias and digest
    model: str = ""
    tags: tuple[str, ...] = ()


class Applied(Struct, frozen=True):
    """What policies come to for one request.

    names: guardrails to run; sources: why each policy holds, in the words of the header `x-litellm-policy-sources`
    """

    names: tuple[str, ...] = ()
    pipelines: tuple[tuple[str, Pipeline], ...] = ()
    sources: Mapping[str, str] = {}

    def pipelines_at(self, hook: Hook) -> Iterator[tuple[str, Pipeline]]:
        """Return the pipelines of a hook, each with the name of its policy."""
        return ((name, pipeline) for name, pipeline in self.pipelines if pipeline.mode == hook)


NOTHING = Applied()


class Policies:
    """Those of a configuration."""

    def __init__(self, policies: Mapping[str, Policy], attachments: Iterable[PolicyAttachment]) -> None:
        self._policies = policies
        self._attachments = sorted(attachments, key=lambda one: one.priority or 0)

    def __bool__(self) -> bool:
        return bool(self._policies)

    def apply(self, subject: Subject, named: Collection[str] = ()) -> Applied:
        """Return what holds for a request. `named`: policies that its key or team names."""
        sources = {name: "named" for name in named if name in self._policies}
        sources |= {name: why for name, why in self._attached(subject) if name not in sources}
        holding = [name for name in sources if _holds(self._policies[name], subject.model)]
        names: dict[str, None] = {}
        for name in holding:
            names.update(dict.fromkeys(self._guardrails(name)))
        pipelines = tuple((name, pipeline) for name in holding if (pipeline := self._policies[name].pipeline))
        return Applied(tuple(names), pipelines, {name: sources[name] for name in holding})

    def _attached(self, subject: Subject) -> Iterator[tuple[str, str]]:
        found = [
            (one.policy, why)
            for one in self._attachments
            if one.policy in self._policies and (why := _matches(one, subject)) is not None
        ]
        if not found:
            found = [(one.policy, "default") for one in self._attachments if one.default and one.policy]
        return ((name, why) for name, why in found if name is not None and name in self._policies)

    def _guardrails(self, name: str, depth: int = 100) -> list[str]:
        """Return the guardrails of a policy: those of its parent, with what it adds and without what it removes."""
        policy = self._policies[name]
        inherited = policy.inherit in self._policies and depth
        found = self._guardrails(policy.inherit, depth - 1) if inherited and policy.inherit is not None else []
        kept = [one for one in found if one not in policy.guardrails.remove]
        return list(dict.fromkeys([*kept, *policy.guardrails.add]))


def _matches(attachment: PolicyAttachment, subject: Subject) -> str | None:
    """Say by what an attachment holds; None where it does not. All that it names has to fit."""
    if attachment.scope == "*":
        return "scope:*"
    places = (
        ("team", attachment.teams, subject.teams),
        ("key", attachment.keys, subject.keys),
        ("model", attachment.models, (subject.model,)),
        ("tag", attachment.tags, subject.tags),
    )
    named = [(word, patterns, values) for word, patterns, values in places if patterns]
    if not named or not all(_fits(patterns, values) for _, patterns, values in named):
        return None
    return "+".join(f"{word}:{','.join(patterns)}" for word, patterns, _ in named)


def _fits(patterns: Iterable[str], values: Iterable[str]) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns for value in values if value)


def _holds(policy: Policy, model: str) -> bool:
    """Whether a policy's condition admits a model: a name, or an expression that fits all of it."""
    wanted = None if policy.condition is None else policy.condition.model
    if wanted is None:
        return True
    return any(one == model or _expressed(one, model) for one in ([wanted] if isinstance(wanted, str) else wanted))


def _expressed(expression: str, model: str) -> bool:
    try:
        return re.fullmatch(expression, model) is not None
    except re.error:
        return False
