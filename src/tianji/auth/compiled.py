"""From what is stored of a key, and of those above it, to an identity, or to a refusal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from tianji.auth.identity import Identity, Role, Scope
from tianji.auth.limits import Limits
from tianji.auth.models import Groups, Infer, ModelRule, rule
from tianji.auth.standing import is_deactivated
from tianji.auth.tags import tag
from tianji.errors import AuthenticationFailed
from tianji.money import to_nanos

Row = Mapping[str, Any]
_AMOUNTS: Final = (
    "max_budget", "soft_budget", "budget_duration", "tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests",
    "batch_enqueued_token_limit",
)  # fmt: skip


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The rows behind a key. `until`: when a secret that was replaced stops to work."""

    key: Row
    key_budget: Row | None = None
    user: Row | None = None
    team: Row | None = None
    member: Row | None = None  # the user's place in the key's team
    member_budget: Row | None = None
    organization: Row | None = None
    organization_budget: Row | None = None
    project: Row | None = None
    project_budget: Row | None = None
    teams: Mapping[str, str] = {}
    organizations: Mapping[str, str] = {}
    until: datetime | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a key that is known is not let in."""

    message: str
    tags: frozenset[int]

    def error(self) -> AuthenticationFailed:
        """Return it as what to raise."""
        return AuthenticationFailed(f"Authentication Error, {self.message}")


def compile_record(record: Record, groups: Groups, infer: Infer) -> Identity | Refusal:
    """Return who the key of `record` is."""
    key, team, user = record.key, record.team, record.user
    tags = _tags(record)
    if key["blocked"]:
        return Refusal(message="the key is blocked; an administrator may unblock it with POST /key/unblock", tags=tags)
    if team is not None and team["blocked"]:
        return Refusal(message="the team of this key is blocked; an administrator may unblock it", tags=tags)
    if record.project is not None and record.project["blocked"]:
        return Refusal(message="the project of this key is blocked; an administrator may unblock it", tags=tags)
    if is_deactivated(user):
        return Refusal(message="the owner of this key was deactivated; an administrator may activate him", tags=tags)
    ends = [moment.timestamp() for moment in (key["expires"], record.until) if moment is not None]
    return Identity(
        role=_role(record),
        user_id=key["user_id"] or None,
        key=key["token"],
        key_alias=key["key_alias"],
        user_email=user["user_email"] if user else None,
        team_id=key["team_id"],
        team_alias=team["team_alias"] if team else None,
        organization_id=_organization(record),
        project_id=key["project_id"],
        agent_id=key["agent_id"],
        expires=min(ends, default=None),
        allowed_routes=tuple(key["allowed_routes"] or ()),
        aliases=_aliases((team["model_aliases"] if team else None) or {}, key["aliases"] or {}),
        rules=_rules(record, groups, infer),
        scopes=tuple(_scopes(record)),
        metadata=key["metadata"] or {},
        team_metadata=(team["metadata"] if team else None) or {},
        router_settings=key["router_settings"] or {},
        permissions=key["permissions"] or {},
        object_permission=key["object_permission"] or {},
        team_object_permission=(team["object_permission"] if team else None) or {},
        budget_fallbacks=key["budget_fallbacks"] or {},
        allowed_cache_controls=tuple(key["allowed_cache_controls"] or ()),
        teams=record.teams,
        organizations=record.organizations,
        tags=tags,
    )


def _tags(record: Record) -> frozenset[int]:
    """Name what has to change for this record to be another one."""
    key = record.key
    found = {tag("key", key["token"])}
    if key["user_id"]:
        found.add(tag("user", key["user_id"]))
    if key["team_id"]:
        found.add(tag("team", key["team_id"]))
    organization = _organization(record)
    if organization:
        found.add(tag("organization", organization))
    if key["project_id"]:
        found.add(tag("project", key["project_id"]))
    holders = (key, record.member, record.organization, record.project)
    found |= {tag("budget", row["budget_id"]) for row in holders if row is not None and row["budget_id"]}
    return frozenset(found)


def _organization(record: Record) -> str | None:
    own: str | None = record.key["organization_id"]
    return own or (record.team["organization_id"] if record.team else None)


def _role(record: Record) -> Role | None:
    """Return the role of the owner. Who administers an organization is above a plain user."""
    if record.user is None:
        return None
    role = record.user["user_role"]
    if role in (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER):
        return Role(role)
    if Role.ORG_ADMIN in record.organizations.values():
        return Role.ORG_ADMIN
    return Role(role) if role in frozenset(Role) else Role.INTERNAL_USER_VIEWER


def _aliases(team: Mapping[str, str], key: Mapping[str, str]) -> Mapping[str, str]:
    """Return both maps as one: the team's first, then the key's on what came out."""
    return {**key, **{name: key.get(target, target) for name, target in team.items()}}


def _rules(record: Record, groups: Groups, infer: Infer) -> tuple[ModelRule, ...]:
    key, team, user, member = record.key, record.team, record.user, record.member
    of_team = team["models"] if team else None
    personal = user if key["team_id"] is None else None
    organization = record.organization
    lists = (
        (key["models"], "key_model_access_denied"),
        (of_team, "team_model_access_denied"),
        (member["allowed_models"] if member else None, "team_model_access_denied"),
        (personal["models"] if personal else None, "user_model_access_denied"),
        (organization["models"] if organization else None, "org_model_access_denied"),
        (record.project["models"] if record.project else None, "project_model_access_denied"),
    )
    rules = (rule(names, denial, groups=groups, infer=infer, team=of_team) for names, denial in lists)
    return tuple(found for found in rules if found is not None)


def _scopes(record: Record) -> "list[Scope]":
    key, team, user, member = record.key, record.team, record.user, record.member
    found = [Scope("key", key["token"], limits(key, record.key_budget))]
    if team is not None:
        found.append(Scope("team", team["team_id"], limits(team, None)))
    if member is not None:
        found.append(
            Scope("team_member", f"{member['user_id']}:{member['team_id']}", limits(member, record.member_budget))
        )
    if user is not None:
        found.append(Scope("user", user["user_id"], limits(user, None)))
    organization = record.organization
    if organization is not None:
        found.append(
            Scope("organization", organization["organization_id"], limits(organization, record.organization_budget))
        )
    if record.project is not None:
        found.append(Scope("project", record.project["project_id"], limits(record.project, record.project_budget)))
    return found


def limits(row: Row, budget: Row | None) -> Limits:
    """Return the limits of a row; what it does not say itself, its budget row says."""

    def said(name: str) -> Any:
        own = row.get(name)
        return own if own is not None or budget is None else budget[name]

    metadata = row.get("metadata") or {}
    reset, since = said("budget_reset_at"), row.get("spend_since")
    raised_by, raised_until = _raise(metadata, budget)
    return Limits(
        spend=row["spend"],
        told_spend=row.get("told_spend") or 0,
        spend_since=None if since is None else since.timestamp(),
        budget_reset_at=None if reset is None else reset.timestamp(),
        budget_limits=tuple(said("budget_limits") or ()),
        model_max_budget=said("model_max_budget") or {},
        model_rpm_limit=metadata.get("model_rpm_limit") or {},
        model_tpm_limit=metadata.get("model_tpm_limit") or {},
        model_itpm_limit=metadata.get("model_itpm_limit") or {},
        model_otpm_limit=metadata.get("model_otpm_limit") or {},
        rpm_limit_type=metadata.get("rpm_limit_type"),
        tpm_limit_type=metadata.get("tpm_limit_type"),
        throttles=metadata.get("throttle_on_budget_exceeded") is True,
        raised_by=raised_by,
        raised_until=raised_until,
        **{name: said(name) for name in _AMOUNTS},
    )


def _raise(metadata: Mapping[str, Any], budget: Row | None) -> tuple[int, float]:
    """Return by how much a budget is raised, and until when; nothing for what is not usable."""
    amount, until = metadata.get("temp_budget_increase"), metadata.get("temp_budget_expiry")
    if amount is None and budget is not None and budget["temp_budget_increase"] is not None:
        ends = budget["temp_budget_expiry"]
        return budget["temp_budget_increase"], 0.0 if ends is None else ends.timestamp()
    if not isinstance(amount, int | float) or not isinstance(until, str):
        return 0, 0.0
    try:
        return to_nanos(amount), datetime.fromisoformat(until).timestamp()
    except ValueError:
        return 0, 0.0
