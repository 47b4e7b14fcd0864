"""What rules hear of either database."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.alerts.conftest import NOW, entry
from tests.unit.ledger.conftest import database

from tianji.alerts import reading
from tianji.alerts.rules.budgets import Holder
from tianji.ledger.posting import post
from tianji.ledger.rows import sheet_of
from tianji.metrics import standings
from tianji.storage.engine import Database
from tianji.storage.tables import (
    BUDGETS,
    CUSTOMERS,
    DAILY,
    DELETED_KEYS,
    KEYS,
    MODELS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROJECTS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

__all__ = ["database"]

DOLLAR = 10**9
THEN = datetime.fromtimestamp(NOW, UTC)


async def put(database: Database, table: sa.Table, at: datetime = THEN, **row: Any) -> None:
    made = {"created_at": at, "updated_at": at} if "created_at" in table.c else {}
    async with database.writing() as connection:
        await connection.execute(sa.insert(table), [{**made, **row}])


async def holders(database: Database, **touched: list[str]) -> Mapping[str, Holder]:
    async with database.reading() as connection:
        return {one.id: one for one in await reading.holders(connection, touched)}


async def test_holders_of_budgets_are_found_with_those_whom_they_concern(database: Database) -> None:
    resets = THEN + timedelta(days=3)
    await put(database, BUDGETS, budget_id="b", max_budget=7 * DOLLAR, soft_budget=6 * DOLLAR, budget_duration="30d")
    await put(database, USERS, user_id="u", user_email="u@x.org", max_budget=DOLLAR)
    await put(database, USERS, user_id="v", user_email="v@x.org")
    await put(
        database, TEAMS, team_id="t", team_alias="T", max_budget=2 * DOLLAR, spend=DOLLAR,
        metadata={"soft_budget_alerting_emails": ["lead@x.org", 5]},
    )  # fmt: skip
    await put(database, TEAM_MEMBERS, team_id="t", user_id="u", role="user")
    await put(database, TEAM_MEMBERS, team_id="t", user_id="v", role="user")
    await put(
        database, KEYS, token="k", key_alias="K", user_id="u", max_budget=3 * DOLLAR, budget_reset_at=resets,
        metadata={"max_budget_alert_emails": {"50": ["half@x.org"], "no": ["x@x.org"], "75": "more@x.org"}},
    )  # fmt: skip
    await put(database, KEYS, token="free")
    await put(database, ORGANIZATIONS, organization_id="o", budget_id="b")
    await put(database, CUSTOMERS, user_id="c", budget_id="b", spend=5)
    await put(database, TAGS, name="tag", budget_id="b")
    found = await holders(
        database,
        key=["k", "free", "unknown"],
        team=["t"],
        user=["u", "v"],
        organization=["o"],
        customer=["c"],
        tag=["tag"],
    )
    assert found.keys() == {"k", "t", "u", "o", "c", "tag"}
    key = found["k"]
    assert (key.name, key.most, key.people, key.resets) == ("K", 3 * DOLLAR, ("u@x.org",), resets.timestamp())
    assert key.percents == {50.0: ("half@x.org",), 75.0: ("more@x.org",)}
    assert (found["t"].softly, sorted(found["t"].people)) == (("lead@x.org",), ["u@x.org", "v@x.org"])
    assert found["u"].people == ("u@x.org",)
    assert (found["c"].most, found["c"].soft, found["c"].period) == (7 * DOLLAR, 6 * DOLLAR, 30 * 86_400)
    assert found["tag"].name == "tag"


async def test_members_and_projects_have_budgets_too(database: Database) -> None:
    await put(database, BUDGETS, budget_id="b", max_budget=7 * DOLLAR)
    await put(database, USERS, user_id="u", user_email="u@x.org")
    await put(database, TEAMS, team_id="t")
    await put(database, ORGANIZATIONS, organization_id="o")
    await put(database, TEAM_MEMBERS, team_id="t", user_id="u", role="user", budget_id="b", spend=DOLLAR)
    await put(database, ORGANIZATION_MEMBERS, organization_id="o", user_id="u", budget_id="b", spend=2 * DOLLAR)
    await put(database, PROJECTS, project_id="p", project_alias="P", team_id="t", budget_id="b", spend=3 * DOLLAR)
    async with database.reading() as connection:
        found = await reading.holders(
            connection,
            {
                "team_member": {("t", "u"), ("t", "v"), ("u", "t")},
                "organization_member": {("o", "u")},
                "project": ["p"],
            },
        )
    assert [(one.kind, one.id, one.name, one.spend // DOLLAR, one.people) for one in found] == [
        ("team_member", "t:u", "u of t", 1, ("u@x.org",)), ("organization_member", "o:u", "u of o", 2, ("u@x.org",)),
        ("project", "p", "P", 3, ()),
    ]  # fmt: skip
    assert [dict(one.of) for one in found] == [
        {"team_id": "t", "user_id": "u"}, {"organization_id": "o", "user_id": "u"}, {"team_id": "t"},
    ]  # fmt: skip


@pytest.mark.parametrize(("duration", "spent"), [(None, 7), ("2d", 4)])
async def test_what_all_have_spent_together(database: Database, duration: str | None, spent: int) -> None:
    row = {"kind": "all", "entity": "", "key": "k", "model": "m", "model_group": "m", "provider": "p",
           "call_type": "acompletion", "logged": True, "prompt_tokens": 0, "completion_tokens": 0}  # fmt: skip
    for days, sum_, more in ((0, 3, {}), (1, 1, {}), (9, 3, {}), (0, 8, {"kind": "team", "entity": "t"})):
        day = (THEN - timedelta(days=days)).date().isoformat()
        await put(database, DAILY, **{**row, **more, "day": day, "spend": sum_ * DOLLAR, "requests": 1})
    async with database.reading() as connection:
        found = await reading.proxy(connection, 9 * DOLLAR, duration, NOW)
    assert (found.kind, found.id, found.spend, found.most) == ("proxy", "proxy", spent * DOLLAR, 9 * DOLLAR)


async def test_spend_is_summed_up_by_team_tag_key_and_model(database: Database) -> None:
    await put(database, TEAMS, team_id="t", team_alias="Team")
    await put(database, KEYS, token="k", key_alias="Key")
    async with database.writing() as connection:
        await post(connection, sheet_of([entry(1, cost=DOLLAR), entry(2, cost=DOLLAR, key="other", status="failure")]))
    async with database.reading() as connection:
        spend = await reading.spend(connection, "2026-03-01", "2026-03-02")
        nothing = await reading.spend(connection, "2026-03-02", "2026-04-01")
        users = await reading.users(connection, "2026-03-01")
    assert (spend.total, spend.requests, spend.failures, spend.milliseconds) == (2 * DOLLAR, 2, 1, 500)
    assert spend.teams == [("Team", 2 * DOLLAR)]
    assert sorted(spend.keys) == [("Key", DOLLAR), ("other", DOLLAR)]
    assert sorted(spend.tags) == [("a", 2 * DOLLAR), ("b", 2 * DOLLAR)]
    assert spend.models == [("gpt", 2 * DOLLAR)]
    assert (nothing.total, nothing.requests) == (0, 0)
    assert users == {"u": {"2026-03-01": 2 * DOLLAR}}


async def test_what_management_did_is_told_without_secrets(database: Database) -> None:
    later = THEN + timedelta(seconds=10)
    await put(database, KEYS, token="old", key_alias="old", at=THEN - timedelta(days=1))
    await put(database, KEYS, token="k", key_alias="K", created_by="admin", at=later)
    await put(database, KEYS, token="fresh", key_alias="F", last_rotation_at=later, at=THEN - timedelta(days=1))
    await put(database, DELETED_KEYS, token="gone", key_alias="G", deleted_by="admin", row={}, deleted_at=later)
    await put(database, TEAMS, team_id="t", team_alias="T", at=later)
    await put(database, USERS, user_id="u", user_email="u@x.org", password="argon-secret", at=later)
    await put(database, MODELS, model_id="m", model_name="gpt", litellm_params={"api_key": "sealed-secret"}, at=later)
    async with database.writing() as connection:
        await connection.execute(sa.update(KEYS).where(KEYS.c.token == "old").values(settings_updated_at=later))
        await connection.execute(sa.update(TEAMS).values(updated_at=later + timedelta(seconds=1)))
    async with database.reading() as connection:
        alerts = await reading.events(connection, reading.EVENTS, NOW)
        some = await reading.events(connection, frozenset({"new_model_added"}), NOW)
    assert {(alert.kind, alert.text) for alert in alerts} == {
        ("new_virtual_key_created", "Key made: K"),
        ("virtual_key_updated", "Key changed: old"),
        ("virtual_key_updated", "Key replaced: F"),
        ("virtual_key_deleted", "Key deleted: G"),
        ("new_team_created", "Team made: T"),
        ("team_updated", "Team changed: T"),
        ("new_internal_user_created", "User made: u@x.org"),
        ("new_model_added", "Model added: gpt"),
    }
    assert "secret" not in str(alerts)
    assert [alert.kind for alert in some] == ["new_model_added"]
    replaced = next(alert.event or {} for alert in alerts if alert.text == "Key replaced: F")
    assert (replaced["event"], replaced["event_group"], replaced["token"]) == ("key_rotated", "key", "fresh")
    made = next(alert for alert in alerts if alert.kind == "new_virtual_key_created")
    assert made.event is not None
    assert (made.event["event"], made.facts["created_by"]) == ("key_created", "admin")


async def test_teams_and_users_that_are_gone_are_told(database: Database) -> None:
    kinds = frozenset({"team_deleted"})
    await put(database, TEAMS, team_id="t", team_alias="T")
    await put(database, TEAMS, team_id="stays")
    async with database.reading() as connection:
        before = await reading.present(connection, kinds)
    async with database.writing() as connection:
        await connection.execute(sa.delete(TEAMS).where(TEAMS.c.team_id == "t"))
    async with database.reading() as connection:
        after = await reading.present(connection, kinds)
    assert [(alert.kind, alert.text) for alert in reading.gone(before, after)] == [("team_deleted", "Team deleted: T")]
    assert reading.gone(before, {}) == [], "nobody looks for them any more"


async def test_gauges_know_budgets_of_their_own_and_of_others(database: Database) -> None:
    await put(database, BUDGETS, budget_id="b", max_budget=7 * DOLLAR, rpm_limit=3)
    await put(database, KEYS, token="k", max_budget=DOLLAR, budget_id="b", spend=4, tpm_limit=9)
    await put(database, KEYS, token="idle", budget_id="b")
    await put(database, KEYS, token="free", metadata={"a": {"b": "c"}})
    (kind,) = (one for one in standings.KINDS if one.whose == "api_key")
    async with database.reading() as connection:
        some = await standings.standings(connection, kind, ["k", "free"], everybody=False)
        everybody = await standings.standings(connection, kind, ["k", "free"], everybody=True)
        names = await standings.names(connection, {"metadata_a": ("a", "b")}, ["free", "k"])
    assert {one.id: (one.most, one.requests, one.tokens) for one in some} == {
        "k": (DOLLAR, 3, 9), "free": (None, None, None),
    }  # fmt: skip
    assert {one.id for one in everybody} == {"k", "free", "idle"}
    assert names.keys == {"free": {"metadata_a": "c"}, "k": {"metadata_a": ""}}
