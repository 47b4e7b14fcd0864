"""A key never gives more than it has: whatever is asked for, it is refused, or what is made is within its maker."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.auth.identity import Identity, Role
from tianji.auth.limits import BOUNDED
from tianji.auth.models import rule
from tianji.auth.routes import permitted
from tianji.errors import PermissionDenied, Unacceptable
from tianji.management.keys import fields as key_fields
from tianji.management.limits.bounds import inherit_from_caller, require_change_within_caller, require_within
from tianji.providers.names import infer
from tianji.storage.tables import BUDGETS, KEYS, TEAMS

GROUPS = {"beta": frozenset({"gpt-4o", "mine"})}
MODELS = ("gpt-4o", "claude-3", "openai/gpt-4o", "openai/x", "mine", "other")
NAMES = (*MODELS, "openai/*", "g*", "*", "all-proxy-models", "no-default-models", "all-team-models", "beta")
PATHS = ("/key/generate", "/key/info", "/v1/models", "/v1/chat/completions", "/team/list")
ROUTES = ("/key", "/key/info", "/key*", "/v1/models", "*", "llm_api_routes", "management_routes")
ROW = SimpleNamespace(access=None, tags=("models",))

LIMITS = {name: st.none() | st.integers(0, 4) for name in BOUNDED}
MOMENTS = st.none() | st.integers(1, 4).map(lambda day: datetime(2027, 1, day, tzinfo=UTC))
LISTS = {
    "models": st.lists(st.sampled_from(NAMES), max_size=3),
    "allowed_routes": st.lists(st.sampled_from(ROUTES), max_size=2),
}
NAMED = {"team_id": st.sampled_from([None, "T", "U"]), "project_id": st.sampled_from([None, "P", "Q"])}
ROWS = st.fixed_dictionaries({**LIMITS, **LISTS, **NAMED, "expires": MOMENTS, "budget_id": st.none() | st.just("B")})
BUDGET = {**dict.fromkeys(BOUNDED, 2), "budget_duration": None, "budget_limits": None, "model_max_budget": None}
TEAM_MODELS = st.lists(st.sampled_from(NAMES), max_size=2)


def call(maker, team_models, role=Role.INTERNAL_USER):
    teams = {"T": {"models": team_models}}

    async def one(table, **where):
        budget = None if where.get("budget_id") is None else BUDGET
        return {KEYS: maker, TEAMS: teams.get(where.get("team_id")), BUDGETS: budget}[table]

    return SimpleNamespace(
        admin=role is Role.PROXY_ADMIN,
        caller=Identity(role=role, user_id="u", key="k"),
        office=SimpleNamespace(groups=lambda: GROUPS),
        one=one,
    )


def run(coroutine):
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def models_of(row, team_models):
    team = {"T": team_models}.get(row["team_id"])
    found = rule(row["models"], "", groups=GROUPS, infer=infer, team=team)
    return {model for model in MODELS if found is None or found.allows(model)}


def routes_of(row):
    return {path for path in PATHS if not row["allowed_routes"] or permitted(row["allowed_routes"], path, ROW)}


def require_inside(child, maker, team_models):
    maker = {**maker, **{name: 2 for name in BOUNDED if maker["budget_id"] and maker[name] is None}}
    assert maker["project_id"] in (None, child["project_id"])
    for name in BOUNDED:
        assert maker[name] is None or (child[name] is not None and child[name] <= maker[name]), name
    above = rule(maker["models"], "", groups=GROUPS, infer=infer)
    assert models_of(child, team_models) <= {model for model in MODELS if above is None or above.allows(model)}
    assert routes_of(child) <= routes_of(maker)
    assert maker["expires"] is None or (child["expires"] is not None and child["expires"] <= maker["expires"])


@given(ROWS, ROWS, TEAM_MODELS)
def test_what_is_made_is_within_its_maker(maker, asked, team_models):
    child = dict(asked)
    try:
        run(inherit_from_caller(call(maker, team_models), child))
    except Unacceptable:
        return
    require_inside(child, maker, team_models)


@given(ROWS, ROWS, TEAM_MODELS)
def test_what_is_changed_is_within_who_changes_it(maker, changed, team_models):
    try:
        run(require_change_within_caller(call(maker, team_models), changed))
    except Unacceptable:
        return
    require_inside(changed, maker, team_models)


@given(ROWS)
def test_asking_for_nothing_gives_what_the_maker_has(maker):
    child = {}
    if "all-team-models" in maker["models"]:
        return  # stands for another team's there
    run(inherit_from_caller(call(maker, []), child))
    own = BUDGET if maker["budget_id"] else maker
    assert {name: child[name] for name in BOUNDED} == {
        name: own[name] if maker[name] is None else maker[name] for name in BOUNDED
    }
    assert child["expires"] == maker["expires"]


@given(ROWS, ROWS)
def test_an_administrator_is_not_bound(maker, asked):
    child = dict(asked)
    run(inherit_from_caller(call(maker, [], Role.PROXY_ADMIN), child))
    assert child == asked


@given(ROWS, ROWS, TEAM_MODELS)
def test_a_child_holds_what_it_says_under_its_parent(child, parent, team_models):
    """A limit that was accepted is in force as it stands: its parent's is no smaller."""
    try:
        require_within(call({}, team_models), child, parent, "it", {"models": team_models})
    except Unacceptable:
        return
    for name in BOUNDED:
        if child[name] is not None and parent[name] is not None:
            assert min(child[name], parent[name]) == child[name]


@pytest.mark.parametrize("name", sorted(key_fields.OF_ADMINS))
def test_what_only_an_administrator_sets_is_refused_in_every_disguise(name):
    """Mass assignment: as a field, inside metadata, as null."""
    for values in ({name: 1}, {name: None}):
        with pytest.raises(PermissionDenied):
            key_fields.require_allowed(values, key_fields.OF_ADMINS, admin=False)
        key_fields.require_allowed(values, key_fields.OF_ADMINS, admin=True)
    if name in key_fields.IN_METADATA:
        values = {"metadata": {name: 1, "free": 2}}
        key_fields.unfold(values)
        assert values == {"metadata": {"free": 2}, name: 1}
        with pytest.raises(PermissionDenied):
            key_fields.require_allowed(values, key_fields.OF_ADMINS, admin=False)
