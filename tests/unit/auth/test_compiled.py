"""From rows to an identity."""

from datetime import UTC, datetime

import pytest

from tianji.auth.compiled import Record, Refusal, compile_record
from tianji.auth.identity import Role
from tianji.auth.tags import tag
from tianji.errors import ModelRefused
from tianji.providers.names import infer
from tianji.storage.tables import BUDGETS, KEYS, ORGANIZATIONS, TEAM_MEMBERS, TEAMS, USERS

EXPIRY = datetime(2027, 1, 1, tzinfo=UTC)


def row(table, **values):
    return {**dict.fromkeys(table.c.keys()), "spend": 0, "blocked": False, **values}


def key(**values):
    return row(KEYS, token="t", **values)


def compiled(**rows):
    return compile_record(Record(**{"key": key(), **rows}), {}, infer)


def test_a_plain_key():
    found = compiled()
    assert (found.role, found.user_id, found.key, found.rules, found.expires) == (None, None, "t", (), None)
    assert found.tags == {tag("key", "t")}
    assert [scope.kind for scope in found.scopes] == ["key"]


def test_what_a_key_says_of_itself():
    found = compiled(
        key=key(
            expires=EXPIRY, models=["a"], allowed_routes=["/x"], metadata={"model_rpm_limit": {"a": 1}}, rpm_limit=5
        )
    )
    assert (found.expires, found.allowed_routes) == (EXPIRY.timestamp(), ("/x",))
    assert found.scopes[0].limits.rpm_limit == 5
    assert found.scopes[0].limits.model_rpm_limit == {"a": 1}
    assert (found.admits("a"), found.admits("b")) == (None, "key_model_access_denied")
    with pytest.raises(ModelRefused) as caught:
        found.require("b")
    assert (caught.value.status, caught.value.wire_type, caught.value.param) == (
        403,
        "key_model_access_denied",
        "model",
    )


def test_everybody_above_a_key_has_his_say():
    found = compiled(
        key=key(team_id="T", user_id="U", models=["a", "b", "c", "d"]),
        team=row(TEAMS, team_id="T", organization_id="O", models=["a", "b", "c"], team_alias="team", max_budget=7),
        member=row(TEAM_MEMBERS, team_id="T", user_id="U", allowed_models=["a", "b"], budget_id="B"),
        member_budget=row(BUDGETS, budget_id="B", max_budget=3),
        user=row(USERS, user_id="U", user_role="internal_user", models=["zzz"], user_email="u@e"),
        organization=row(ORGANIZATIONS, organization_id="O", models=["a"], budget_id="C"),
        organization_budget=row(BUDGETS, budget_id="C", tpm_limit=9),
    )
    assert [found.admits(model) for model in "abcde"] == [
        None,
        "org_model_access_denied",
        "team_model_access_denied",
        "team_model_access_denied",
        "key_model_access_denied",
    ]
    assert [(scope.kind, scope.id) for scope in found.scopes] == [
        ("key", "t"),
        ("team", "T"),
        ("team_member", "U:T"),
        ("user", "U"),
        ("organization", "O"),
    ]
    budgets = [scope.limits.max_budget for scope in found.scopes]
    assert budgets == [None, 7, 3, None, None]
    assert found.scopes[4].limits.tpm_limit == 9
    assert found.organization_id == "O"
    expected = {("key", "t"), ("team", "T"), ("user", "U"), ("organization", "O"), ("budget", "B"), ("budget", "C")}
    assert found.tags == {tag(*pair) for pair in expected}


def test_the_owners_models_count_for_personal_keys_only():
    user = row(USERS, user_id="U", user_role="internal_user", models=["mine"])
    assert compiled(key=key(user_id="U"), user=user).admits("other") == "user_model_access_denied"


@pytest.mark.parametrize(
    ("role", "organizations", "expected"),
    [
        ("internal_user", {}, Role.INTERNAL_USER),
        ("internal_user", {"O": "org_admin"}, Role.ORG_ADMIN),
        ("internal_user", {"O": "internal_user"}, Role.INTERNAL_USER),
        ("proxy_admin", {"O": "org_admin"}, Role.PROXY_ADMIN),
        ("proxy_admin_viewer", {"O": "org_admin"}, Role.PROXY_ADMIN_VIEWER),
        ("internal_user_viewer", {}, Role.INTERNAL_USER_VIEWER),
        ("nonsense", {}, Role.INTERNAL_USER_VIEWER),
        (None, {}, Role.INTERNAL_USER_VIEWER),
    ],
)
def test_roles(role, organizations, expected):
    user = row(USERS, user_id="U", user_role=role)
    assert compiled(key=key(user_id="U"), user=user, organizations=organizations).role is expected


def test_an_owner_who_does_not_exist_gives_no_role():
    assert compiled(key=key(user_id="gone")).role is None


def test_aliases_of_the_team_come_first_and_then_the_keys():
    found = compiled(
        key=key(team_id="T", aliases={"fast": "mini", "big": "huge"}),
        team=row(TEAMS, team_id="T", model_aliases={"quick": "fast", "fast": "turbo"}),
    )
    assert [found.target(name) for name in ("quick", "fast", "big", "other")] == ["mini", "turbo", "huge", "other"]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ({"key": key(blocked=True)}, "key is blocked"),
        ({"team": row(TEAMS, team_id="T", blocked=True)}, "team of this key is blocked"),
    ],
)
def test_who_is_blocked_is_refused(rows, text):
    found = compiled(**rows)
    assert isinstance(found, Refusal)
    assert text in found.error().message
    assert tag("key", "t") in found.tags


def test_a_secret_that_was_replaced_ends_when_its_time_is_over():
    early = datetime(2026, 12, 1, tzinfo=UTC)
    assert compiled(until=early).expires == early.timestamp()
    assert compiled(key=key(expires=EXPIRY), until=early).expires == early.timestamp()
    assert compiled(key=key(expires=early), until=EXPIRY).expires == early.timestamp()


def test_a_key_says_itself_what_its_budget_says_otherwise():
    budget = row(BUDGETS, budget_id="B", max_budget=3, rpm_limit=4)
    found = compiled(key=key(budget_id="B", max_budget=9), key_budget=budget).scopes[0].limits
    assert (found.max_budget, found.rpm_limit) == (9, 4)
