"""`tianji import litellm-db`: out of a real PostgreSQL with LiteLLM's tables, into each of our engines."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes.litellm_tables import ROWS, SALT, SCHEMA, SECRET, digest
from tests.unit.storage.conftest import location

from tianji.cli import main
from tianji.ledger import proof
from tianji.storage import tables
from tianji.storage.additions import CREDENTIAL_VALUES, unsealed
from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.vault import Vault

__all__ = ["location"]

OWN_SALT = "a salt key of our own"


@pytest.fixture(scope="module")
def theirs(postgresql: Any) -> str:
    postgresql.psql("CREATE DATABASE litellm;")
    postgresql.psql(f"\\c litellm\n{SCHEMA}\n{ROWS}")
    return str(postgresql.get_uri("litellm"))


def take(theirs: str, ours: Location, *flags: str, salt: str | None = OWN_SALT) -> Result:
    url = ours.url.replace("+aiosqlite", "").replace("+asyncpg", "")
    line = ["import", "litellm-db", "--from", theirs, "--salt", SALT, *flags]
    return CliRunner(env={"DATABASE_URL": url, "TIANJI_SALT_KEY": salt}).invoke(main, line)


def rows(ours: Location, table: sa.Table, **where: object) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        database = Database(ours, pool=1)
        try:
            async with database.reading() as connection:
                found = await connection.execute(sa.select(table).filter_by(**where).order_by(*table.primary_key))
                return [dict(row) for row in found.mappings()]
        finally:
            await database.close()

    return asyncio.run(ask())


def everything(ours: Location) -> str:
    """All that is in our database, but for the log of changes and the times at which rows were made here."""
    kept = [table for table in tables.METADATA.sorted_tables if table is not tables.CHANGES]
    return str([rows(ours, table) for table in kept])


@pytest.fixture
def taken(theirs: str, location: Location) -> tuple[Location, str]:
    result = take(theirs, location)
    assert result.exit_code == 0, result.output
    return location, result.output


def test_everybody_comes_over(taken: tuple[Location, str]) -> None:
    ours, _ = taken
    (key,) = rows(ours, tables.KEYS, token=digest(SECRET))
    assert (key["spend"], key["max_budget"], key["models"]) == (123_456_789, 7 * 10**9, ["m"])
    assert (key["aliases"], key["metadata"], key["user_id"]) == ({"x": "m"}, {"tags": ["a"]}, "ann")
    assert (key["tpd_limit"], key["tpm_limit"], key["total_spend"], key["budget_limits"]) == (
        900, 70_000, 4_500_000_000, [{"budget_duration": "1d", "max_budget": 2}],
    )  # fmt: skip
    assert (key["model_max_budget"], key["budget_fallbacks"], key["auto_rotate"], key["rotation_interval"]) == (
        {"m": {"budget_limit": 3, "time_period": "1d"}}, {"m": ["n"]}, True, "30d",
    )  # fmt: skip
    assert (key["expires"].isoformat(), key["object_permission"]["mcp_servers"]) == (
        "2099-01-01T00:00:00+00:00",
        ["files"],
    )
    assert {row["key_alias"] for row in rows(ours, tables.KEYS)} == {
        "mine",
        f"mine-{digest('sk-another-of-theirs-22')[:8]}",
    }
    (team,) = rows(ours, tables.TEAMS)
    assert (team["model_aliases"], team["metadata"], team["rpm_limit"], team["blocked"]) == (
        {"fast": "m"},
        {"a": [1, 2]},
        60,
        False,
    )
    (project,) = rows(ours, tables.PROJECTS)
    assert (project["team_id"], project["models"], project["spend"], project["budget_id"], project["metadata"]) == (
        "t", ["m"], 1_250_000_000, "b", {"a": 1, "model_rpm_limit": {"m": 50}},
    )  # fmt: skip
    members = {row["user_id"]: row for row in rows(ours, tables.TEAM_MEMBERS)}
    assert {name: row["role"] for name, row in members.items()} == {"ann": "admin", "new": "user"}
    assert (members["ann"]["spend"], members["ann"]["budget_id"]) == (750_000_000, "b")
    users = {row["user_id"]: row for row in rows(ours, tables.USERS)}
    assert set(users) == {"ann", "boss", "new"}
    assert (users["ann"]["user_email"], users["ann"]["password"], users["boss"]["user_role"]) == (
        "ann@example.com",
        None,
        "proxy_admin",
    )
    (organization,) = rows(ours, tables.ORGANIZATIONS)
    assert (organization["models"], organization["spend"]) == (["m", "n"], 3_250_000_000)
    assert [row["user_role"] for row in rows(ours, tables.ORGANIZATION_MEMBERS)] == ["org_admin"]
    assert [row["active_token"] for row in rows(ours, tables.DEPRECATED_KEYS)] == [digest(SECRET)]
    assert [(row["blocked"], row["spend"]) for row in rows(ours, tables.CUSTOMERS)] == [(True, 500_000_000)]
    assert [row["name"] for row in rows(ours, tables.TAGS)] == ["a"]


def test_what_was_spent_comes_over_once(taken: tuple[Location, str]) -> None:
    ours, _ = taken
    ledger = rows(ours, tables.LEDGER)
    assert len(ledger) == 2501
    assert sum(row["cost"] for row in ledger) == 2500 * 1000
    one = next(row for row in ledger if row["request_id"] == "chatcmpl-7")
    assert (one["started_at"], one["cached_tokens"], json.loads(one["tags"])) == (1_795_219_199_007_000, 4, ["a"])
    (failed,) = rows(ours, tables.LEDGER, request_id="failed")
    assert (failed["status"], failed["error_code"], failed["error_message"]) == ("failure", "429", "slow")
    (said,) = rows(ours, tables.PAYLOADS)
    assert json.loads(said["messages"]) == [{"role": "user", "content": "hi"}]
    whole = rows(ours, tables.DAILY, kind="all")
    assert sum(row["spend"] for row in whole) == 2_000_000_000 + 2500 * 1000
    assert {row["day"]: row["logged"] for row in whole} == {
        "2026-10-01": False, "2026-11-20": True, "2026-11-21": True, "2026-11-22": True,
    }  # fmt: skip
    before = rows(ours, tables.DAILY, logged=False)
    assert [(row["kind"], row["entity"], row["spend"]) for row in before] == [
        ("all", "", 2_000_000_000), ("team", "t", 1_500_000_000), ("user", "ann", 1_500_000_000),
    ]  # fmt: skip
    assert rows(ours, tables.KEYS, token=digest(SECRET))[0]["spend"] == 123_456_789  # as it stood, not once more

    async def verify() -> proof.Proof:
        database = Database(ours, pool=1)
        try:
            async with database.still() as connection:
                return await proof.verify(connection)
        finally:
            await database.close()

    assert asyncio.run(verify()).wrong == ()


def test_models_and_credentials_come_over_under_our_own_encryption(taken: tuple[Location, str]) -> None:
    ours, _ = taken
    (model,) = rows(ours, tables.MODELS)
    assert unsealed(OWN_SALT, "1", model["litellm_params"]) == {
        "model": "openai/x", "mock_response": "of the other", "api_key": "sk-vendor-77", "rpm": 60,
    }  # fmt: skip
    assert (model["model_name"], model["model_info"], model["blocked"]) == ("kept", {"mode": "chat"}, False)
    (credential,) = rows(ours, tables.CREDENTIALS)
    opened = Vault(OWN_SALT, CREDENTIAL_VALUES).open(credential["credential_values"]["api_key"], "vendor/api_key")
    assert (opened, credential["credential_info"]) == ("sk-shared-88", {"custom_llm_provider": "openai"})


def test_without_a_salt_key_nothing_that_is_encrypted_is_taken(theirs: str, location: Location) -> None:
    told = take(theirs, location, salt=None).output
    assert "ProxyModelTable: 2 read, 0 taken, 0 here before, 2 left out" in told
    assert "no salt key is known to open it or to encrypt it again (kept, lost)" in told
    assert "VerificationToken: 4 read, 2 taken" in told


def test_the_report_names_what_was_left_out(taken: tuple[Location, str]) -> None:
    _, told = taken
    for said in (
        "VerificationToken: 4 read, 2 taken, 0 here before, 2 left out",
        "its token is no SHA-256 (odd)",
        "max_budget is no amount",
        "a key_alias that several keys have (mine)",
        "column soft_budget_cooldown of 1 rows",
        "column password of 1 rows",
        "column organization_id of 1 rows",
        "OrganizationMembership: 2 read, 1 taken",
        "a member without a row of his own, who was made a user (new)",
        "a member who is named by e-mail only (t)",
        "SpendLogs: 2502 read, 2501 taken, 0 here before, 1 left out",
        "column cache_key of 1 rows",
        "2.000000 US dollars in their sums, 0.002500 in their rows",
        "ProxyModelTable: 2 read, 1 taken, 0 here before, 1 left out",
        "encrypted under another salt key: give theirs by --salt (lost)",
        "CredentialsTable: 1 read, 1 taken",
        "DailyAgentSpend: not there",
        "spend of requests: 0.002500000 US dollars",
        "spend of days before them: 2.000000000 US dollars",
    ):
        assert said in told, f"{said} is not in\n{told}"
    assert "AuditLog" not in told  # it is empty


def test_a_second_time_adds_what_came_since(taken: tuple[Location, str], theirs: str, postgresql: Any) -> None:
    ours, _ = taken
    before = everything(ours)
    again = take(theirs, ours)
    assert again.exit_code == 0, again.output
    assert everything(ours) == before
    assert "VerificationToken: 4 read, 0 taken, 2 here before, 2 left out" in again.output
    row = "('late', 'acompletion', '', 0.5, '2026-11-23 00:00:00', '2026-11-23 00:00:00')"
    columns = '(request_id, call_type, api_key, spend, "startTime", "endTime")'
    postgresql.psql(f'\\c litellm\nINSERT INTO "LiteLLM_SpendLogs" {columns} VALUES {row};')
    try:
        assert "SpendLogs: 2503 read, 1 taken, 2501 here before, 1 left out" in take(theirs, ours).output
    finally:
        postgresql.psql("\\c litellm\nDELETE FROM \"LiteLLM_SpendLogs\" WHERE request_id = 'late';")
    assert sum(row["spend"] for row in rows(ours, tables.DAILY, kind="all")) == 2_500_000_000 + 2500 * 1000


def test_a_dry_run_tells_the_same_and_keeps_nothing(theirs: str, location: Location) -> None:
    rehearsed = take(theirs, location, "--dry-run")
    assert rehearsed.exit_code == 0, rehearsed.output
    assert all(not rows(location, table) for table in tables.METADATA.sorted_tables)
    assert rehearsed.output == take(theirs, location).output + "nothing of it was kept: this was a dry run\n"


def test_what_is_no_database_of_theirs_is_refused(postgresql: Any, location: Location) -> None:
    empty = take(postgresql.get_uri("postgres"), location)
    assert (empty.exit_code, "LiteLLM_VerificationToken" in empty.output) == (2, True)
    assert take("sqlite:////tmp/none.db", location).exit_code == 2
    away = take("postgresql://user:canary@127.0.0.1:1/none", location)
    assert (away.exit_code, "canary" in away.output) == (1, False)


def test_a_key_of_theirs_works_here(theirs: str, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'ours.db'}"
    line = ["import", "litellm-db", "--from", theirs, "--salt", SALT]
    taken = CliRunner(env={"DATABASE_URL": database, "TIANJI_SALT_KEY": OWN_SALT}).invoke(main, line)
    assert taken.exit_code == 0, taken.output
    with Mock(tmp_path) as mock:
        config = {
            "model_list": [openai_model(name, "gpt-test", mock.url) for name in ("m", "n")],
            "general_settings": {"database_url": database, "store_model_in_db": True},
        }
        with Gateway(config, tmp_path, edge="native", env={"TIANJI_SALT_KEY": OWN_SALT}) as gateway:
            body = {"messages": [{"role": "user", "content": "hi"}]}
            for secret in (SECRET, "sk-replaced-of-theirs-33"):
                by = {"authorization": f"Bearer {secret}"}
                assert gateway.chat({**body, "model": "m"}, **by).status_code == 200
                assert gateway.chat({**body, "model": "fast"}, **by).status_code == 200  # an alias of its team
                assert gateway.chat({**body, "model": "n"}, **by).status_code == 403
            assert "of the other" in gateway.chat({**body, "model": "kept"}).text
            info = gateway.client.get("/key/info", headers={"authorization": f"Bearer {SECRET}"}).json()["info"]
            assert (info["spend"], info["team_id"]) == (0.123456789, "t")
