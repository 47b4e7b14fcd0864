"""Which deployments of a group a request may use at all: by team, by region, by tags. No state, no load."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from tianji._core.routing.selection import REASONS

DEFAULT_TAG: Final = "default"
_KEPT, _ACCESS, _BLOCKED, _REGION, _TAGS, _AFFINITY = (
    REASONS.index(reason) for reason in ("kept", "access", "blocked", "region", "tags", "affinity")
)
# Azure's regions do not begin with the name of what they lie in; of Europe's only those of members of the Union
_AZURE_EU: Final = frozenset({
    "westeurope", "northeurope", "swedencentral", "swedensouth", "francecentral", "francesouth", "germanywestcentral",
    "germanynorth", "polandcentral", "italynorth", "spaincentral", "austriaeast", "belgiumcentral", "denmarkeast",
    "finlandcentral", "greececentral",
})  # fmt: skip
_AZURE_US: Final = frozenset({
    "eastus", "eastus2", "centralus", "northcentralus", "southcentralus", "westcentralus", "westus", "westus2",
    "westus3",
})  # fmt: skip
_AZURE: Final = {"eu": _AZURE_EU, "us": _AZURE_US}


class Scope(Struct, frozen=True):
    """What narrows the deployments of one request. Hashable, so that the answer for it is remembered.

    tags: as they come; `&tag` is required, `!tag` excluded, a bare one is wished
    regions: the deployment lies in each of them, one word of the caller's key and one of the request
    agent: the client's user-agent, where a deployment of the group looks at it
    filters: whether tags are heeded, where the caller's key or team says so
    deployment: the id of the one that alone may serve it, in a group that has it
    left_out: ids of those that code of the operator's does not let serve it
    """

    tags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    team: str | None = None
    agent: str = ""
    filters: bool | None = None
    deployment: str | None = None
    left_out: frozenset[str] = frozenset()


class Member(Struct, frozen=True):
    """What is fixed about one deployment of a group."""

    id: str = ""
    blocked: bool = False
    team: str | None = None
    region: str | None = None
    tags: frozenset[str] = frozenset()
    tag_regex: tuple[str, ...] = ()
    fails_open: bool = False


class TagRules(Struct, frozen=True):
    """How tags are treated: one wished tag is enough, or all are needed; `prefix` marks tags that must be known."""

    enabled: bool = False
    match_any: bool = True
    prefix: str = ""


class Eligibility:
    """The fixed part of a group's choice: `admit` of its Selection."""

    def __init__(self, members: Sequence[Member], rules: TagRules = TagRules()) -> None:  # noqa: B008 - frozen
        self._members = tuple(members)
        self._rules = rules
        self._patterns = [[re.compile(pattern) for pattern in member.tag_regex] for member in members]
        self._known = frozenset(tag for member in members for tag in member.tags)
        self._ids = frozenset(member.id for member in members)

    @property
    def looks_at_agents(self) -> bool:
        """Whether a scope needs the client's user-agent here."""
        return any(self._patterns)

    def __call__(self, scope: Scope | None) -> bytes:
        """Return a reason for each deployment, 0 for those that may be used."""
        scope = scope or Scope()
        tagged = self._tagged(scope)
        return bytes(self._judge(member, scope, fits) for member, fits in zip(self._members, tagged, strict=True))

    def _judge(self, member: Member, scope: Scope, fits: bool) -> int:
        if member.team is not None and member.team != scope.team:
            return _ACCESS
        if member.blocked or member.id in scope.left_out:
            return _BLOCKED
        if not all(in_region(member.region, region) for region in scope.regions):
            return _REGION
        if scope.deployment in self._ids and member.id != scope.deployment:
            return _AFFINITY
        return _KEPT if fits else _TAGS

    def _tagged(self, scope: Scope) -> list[bool]:
        """Tell for each deployment whether its tags fit those of the request.

        A deployment that fits goes before those tagged `default`; when none fits, the default ones serve only a
        request whose tags nobody in the group knows, so that it never comes to where it was not meant for.
        """
        if not (self._rules.enabled if scope.filters is None else scope.filters):
            return [True] * len(self._members)
        asked = _Tags(scope.tags, self._rules.prefix)
        allowed = [asked.required <= member.tags and not asked.excluded & member.tags for member in self._members]
        default = [DEFAULT_TAG in member.tags for member in self._members]
        spoken_for = [self._speaks_for(position, scope.agent) for position in range(len(self._members))]
        wished = [self._wished(asked, member, spoken) for member, spoken in zip(self._members, spoken_for, strict=True)]
        if asked.wished or any(spoken_for):
            fits = _both(wished, allowed)
            if any(fits):
                return fits
        if asked.wished:
            strange = not asked.confirmed and not asked.wished & self._known
            opens = strange or any(member.fails_open for member in self._members)
            return _both(default, allowed) if opens else [False] * len(self._members)
        if asked.required or not any(default):
            return allowed
        return _both(default, allowed)

    def _wished(self, asked: "_Tags", member: Member, spoken: bool) -> bool:
        if self._rules.match_any:
            return spoken or bool(asked.wished & member.tags)
        return (spoken and not member.tags) or (bool(asked.wished) and asked.wished <= member.tags)

    def _speaks_for(self, position: int, agent: str) -> bool:
        """Whether the client's user-agent fits one of the deployment's patterns, alone or as a line of a header."""
        if not agent:
            return False
        texts = (agent, f"User-Agent: {agent}")
        return any(pattern.search(text) for pattern in self._patterns[position] for text in texts)


class _Tags:
    """The tags of one request, sorted by what they ask."""

    def __init__(self, tags: Iterable[str], prefix: str) -> None:
        sorts: dict[str, set[str]] = {"&": set(), "!": set(), "": set()}
        self.confirmed = False
        for tag in tags:
            sign = tag[:1] if tag[:1] in {"&", "!"} else ""
            name = tag.removeprefix(sign)
            if prefix and name.startswith(prefix):
                name = name.removeprefix(prefix)
                self.confirmed = self.confirmed or not sign
            sorts[sign].add(name)
        self.required = frozenset(sorts["&"])
        self.excluded = frozenset(sorts["!"])
        self.wished = frozenset(sorts[""])


def in_region(region: str | None, allowed: str) -> bool:
    """Whether a deployment's region lies in an allowed one: `eu` holds `eu-west-1`, `europe-west4`, `westeurope`."""
    if region is None:
        return False
    own, wanted = region.strip().lower(), allowed.strip().lower()
    if own.replace(" ", "") in _AZURE.get(wanted, ()):
        return True
    further = own.removeprefix(wanted)
    if further == own:
        return False
    return not (further[:1].isdigit() and wanted[-1:].isdigit())


def _both(first: Sequence[bool], second: Sequence[bool]) -> list[bool]:
    return [one and other for one, other in zip(first, second, strict=True)]
