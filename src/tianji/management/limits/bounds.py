"""A child never exceeds its parent: what a key, a team or a user may be given by whom."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from tianji.auth.durations import length
from tianji.auth.limits import BOUNDED, GUARANTEED, exceeded
from tianji.auth.models import ModelRule, rule
from tianji.auth.routes import narrower
from tianji.errors import Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.limits import duties
from tianji.money import to_dollars, to_nanos
from tianji.providers.names import infer
from tianji.storage.tables import BUDGETS, KEYS, NANOS, ORGANIZATIONS, PROJECTS, TEAMS, USERS

CONFIGURED: Final = ("max_budget", "max_parallel_requests", "tpm_limit", "rpm_limit", "budget_duration", "expires")


def require_within(
    call: Call, child: Mapping[str, Any], parent: Mapping[str, Any], named: str, team: Row | None = None
) -> None:
    """Refuse with 400 a limit of `child`, or a model, that is beyond what `parent` has. `named`: says who that is.

    A child that names no limit and no models is not judged: every request is held against its parent too. `team`: the
    one of the child, whose models `all-team-models` stands for.
    """
    over = exceeded(child, parent)
    if over is not None:
        own, above = (to_dollars(row[over]) if over in NANOS else row[over] for row in (child, parent))
        raise Unacceptable(f"{over} {own:g} is more than the {above:g} of {named}; ask for less", param=over)
    above_all, own_all = _rules(call, child, parent, team)
    if above_all is not None and own_all is not None and not above_all.covers(own_all):
        raise Unacceptable(f"models holds one that {named} may not use; leave it out", param="models")


def _rules(
    call: Call, child: Mapping[str, Any], parent: Mapping[str, Any], team: Row | None
) -> tuple[ModelRule | None, ModelRule | None]:
    groups = call.office.groups()
    of_team = team["models"] if team else None
    above = rule(parent.get("models"), "", groups=groups, infer=infer)
    return above, rule(child.get("models"), "", groups=groups, infer=infer, team=of_team)


async def require_key_within(call: Call, key: Row) -> None:
    """Hold a key against its team, its organization and, where it is personal, its owner."""
    team = await call.one(TEAMS, team_id=key["team_id"])
    if team is not None:
        require_within(call, key, team, "its team", team)
        others = sa.select(KEYS).where(KEYS.c.team_id == team["team_id"], KEYS.c.token != key["token"])
        await _require_room(call, key, team, others, "its team")
    elif key["user_id"] is not None:
        user = await call.one(USERS, user_id=key["user_id"])
        if user is not None:
            require_within(call, key, user, "its owner")
    organization_id = key["organization_id"] or (team["organization_id"] if team else None)
    organization = await _organization(call, organization_id)
    if organization is not None:
        require_within(call, key, organization, "its organization", team)
    await _require_within_project(call, key, team)


async def project(call: Call, row: Mapping[str, Any]) -> Row:
    """Return a project with its limits, which stand in a budget."""
    budget = await call.one(BUDGETS, budget_id=row["budget_id"])
    return {**dict.fromkeys(BOUNDED), **(budget or {}), **{name: row[name] for name in ("models", "metadata")}}


async def _require_within_project(call: Call, key: Row, team: Row | None) -> None:
    """Hold a key against its project, which has to be one of its team's."""
    if key["project_id"] is None:
        return
    row = await call.one(PROJECTS, project_id=key["project_id"])
    if row is None or row["team_id"] != key["team_id"]:
        raise Unacceptable("project_id: there is no such project of the key's team", param="project_id")
    require_within(call, key, await project(call, row), "its project", team)


async def require_team_within(call: Call, team: Row) -> None:
    """Hold a team against its organization."""
    organization = await _organization(call, team["organization_id"])
    if organization is not None:
        require_within(call, team, organization, "its organization", team)
        others = sa.select(TEAMS).where(
            TEAMS.c.organization_id == team["organization_id"], TEAMS.c.team_id != team["team_id"]
        )
        await _require_room(call, team, organization, others, "its organization")


async def _organization(call: Call, organization_id: str | None) -> Row | None:
    """Return an organization with its limits, which stand in a budget."""
    row = await call.one(ORGANIZATIONS, organization_id=organization_id)
    if row is None:
        return None
    budget = await call.one(BUDGETS, budget_id=row["budget_id"])
    return {**dict.fromkeys(BOUNDED), **(budget or {}), **{name: row[name] for name in ("models", "metadata")}}


async def _require_room(
    call: Call, child: Mapping[str, Any], parent: Mapping[str, Any], siblings: "sa.Select[Any]", named: str
) -> None:
    """Refuse with 400 a rate that is to be guaranteed and does not fit beside those of the others of `parent`.

    A rate of `rpm_limit_type` or `tpm_limit_type` guaranteed_throughput is promised: what all under one parent have may
    be used at the same time. `siblings`: the others, whether theirs are promised or not
    """
    metadata = child["metadata"] or {}
    promised = [name for name in ("rpm_limit", "tpm_limit") if metadata.get(f"{name}_type") == GUARANTEED]
    others = await call.all(siblings) if promised else []
    for name in promised:
        _require_sum(name, child[name], parent[name], (one[name] for one in others), named)
        by_model = f"model_{name}"
        most = (parent.get("metadata") or {}).get(by_model) or {}
        for model, own in (metadata.get(by_model) or {}).items():
            given = (((one["metadata"] or {}).get(by_model) or {}).get(model) for one in others)
            _require_sum(by_model, own, most.get(model), given, f"{named} for {model}")


def _require_sum(name: str, own: int | None, most: int | None, others: Iterable[int | None], named: str) -> None:
    taken = sum(one or 0 for one in others)
    if own is not None and most is not None and taken + own > most:
        raise Unacceptable(
            f"{name} {own} cannot be guaranteed: {taken} of the {most} of {named} are given to others; ask for less",
            param=name,
        )


async def inherit_from_caller(call: Call, values: Row) -> None:
    """Give a key that a key makes what its maker has, where nothing is asked for, and refuse with 400 what is more.

    An administrator's key is no bound: he could change it.
    """
    maker = await _maker(call)
    if maker is None:
        return
    for name in BOUNDED:
        if values.get(name) is None:
            values[name] = maker[name]
    for name in ("models", "allowed_routes", "expires", "budget_duration", "project_id"):
        values[name] = values.get(name) or maker.get(name)
    values.update(duties.inherited(values, maker))
    await _require_no_more(call, maker, values)


async def require_change_within_caller(call: Call, changed: Row) -> None:
    """Refuse with 400 that a key is given what the key that changes it does not have."""
    maker = await _maker(call)
    if maker is not None:
        await _require_no_more(call, maker, {**duties.flat(maker), **changed})


async def _maker(call: Call) -> Row | None:
    """Return the key that the caller calls with, or what stands for one; None where it is no bound.

    What its budget says in its place it says itself here: another key would not have that budget.
    """
    if call.admin:
        return None
    stored = await call.one(KEYS, token=call.caller.key)
    if stored is None:
        row = call.caller.stands_for
        return {**dict.fromkeys(KEYS.c.keys()), **row} if row else None
    budget = await call.one(BUDGETS, budget_id=stored["budget_id"])
    said = (*BOUNDED, "budget_duration", "budget_limits", "model_max_budget") if budget is not None else ()
    return {**stored, **{name: (budget or {})[name] for name in said if stored.get(name) is None}}


async def _require_no_more(call: Call, maker: Row, child: Row) -> None:
    """Compare all that there is to have: `maker` does not stand above `child` when requests come."""
    over = exceeded(child, maker)
    removed = (name for name in BOUNDED if maker[name] is not None and child.get(name) is None)
    over = over or next(removed, None)
    above, own = _rules(call, child, maker, await call.one(TEAMS, team_id=child.get("team_id")))
    if above is not None and (own is None or not above.covers(own)):
        over = over or "models"
    if not narrower(child.get("allowed_routes") or (), maker["allowed_routes"] or ()):
        over = over or "allowed_routes"
    if maker["expires"] is not None and (child["expires"] is None or child["expires"] > maker["expires"]):
        over = over or "duration"
    if maker.get("project_id") is not None and child.get("project_id") != maker["project_id"]:
        over = over or "project_id"
    over = over or duties.missing(child, maker)
    if over is not None:
        raise Unacceptable(f"{over} is more than the key has that you call with; ask for less", param=over)


def apply_configured(call: Call, values: Row, judged: Iterable[str], asked: Collection[str]) -> None:
    """Hold the fields `judged` of a key to `upperbound_key_generate_params`.

    Where there is no limit the bound becomes one. What is more is refused with 400 if it was `asked` for, else lowered.
    """
    bounds = call.config.litellm_settings.upperbound_key_generate_params
    if bounds is None:
        return
    for name in judged:
        field = "duration" if name == "expires" else name
        most = _bound(call, name, getattr(bounds, field))
        value = values.get(name)
        if most is None:
            continue
        over = value is not None and (
            length(value, name) > length(most, name) if name == "budget_duration" else value > most
        )
        if (over and field in asked) or (value is None and name == "expires" and field in asked):
            raise Unacceptable(f"{field} is over the upper bound that this gateway is configured with", param=field)
        if over or value is None:
            values[name] = most


def _bound(call: Call, name: str, configured: Any) -> Any:
    if configured is None:
        return None
    if name == "expires":
        return call.now + length(configured, "duration")
    return to_nanos(configured) if name in NANOS else configured
