"""What entries say: of rows that are made, changed, renamed, blocked and deleted, and by whom."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from tests.unit.management.audit.conftest import ANN, BOSS, KEPT, NOW, done, entries

from tianji.auth.arrivals import Arrival
from tianji.auth.identity import MASTER
from tianji.config.audit import keeps_audit_log
from tianji.config.schema import Config, Settings
from tianji.errors import Unacceptable
from tianji.management import desk
from tianji.management.audit import subjects
from tianji.management.audit.subjects import SUBJECTS, UNTOLD
from tianji.management.desk import Call
from tianji.management.keys.rotation import rotate_due
from tianji.management.office import Office
from tianji.management.people import arrivals
from tianji.storage.additions import sealed
from tianji.storage.tables import ABOUT, AUDIT_LOG, FALLBACKS, KEYS, METADATA, MODELS, TEAM_MEMBERS, TEAMS, USERS

SOURCE = Path(desk.__file__).parents[1]
OLD, NEW = "a" * 64, "b" * 64


def short(entry: dict[str, Any]) -> tuple[str, str, str]:
    return entry["action"], entry["table_name"], entry["object_id"]


def test_every_table_is_told_of_or_has_a_reason() -> None:
    assert set(METADATA.sorted_tables) == {*SUBJECTS, *UNTOLD}
    assert SUBJECTS.keys().isdisjoint(UNTOLD)
    assert len({subject.name for subject in SUBJECTS.values()}) == len(SUBJECTS)


async def test_a_row_that_is_made_changed_and_deleted(office: Office) -> None:
    async def make(call: Call) -> None:
        await call.insert(TEAMS, team_id="t", team_alias="T", max_budget=1_500_000_000, models=["m"])

    async def change(call: Call) -> None:
        await call.update(TEAMS, {"team_id": "t"}, max_budget=None, models=["m", "n"])

    async def block(call: Call) -> None:
        await call.update(TEAMS, {"team_id": "t"}, blocked=True)

    async def unblock(call: Call) -> None:
        await call.execute(sa.update(TEAMS).values(blocked=False))

    async def delete(call: Call) -> None:
        await call.execute(sa.delete(TEAMS).where(TEAMS.c.team_id == "t"))

    for function in (make, change, block, unblock, delete):
        await done(office, function)
    made, changed, blocked, unblocked, deleted = await entries(office)
    actions = [entry["action"] for entry in (made, changed, blocked, unblocked, deleted)]
    assert actions == ["created", "updated", "blocked", "unblocked", "deleted"]
    assert {short(entry)[1:] for entry in (made, changed, deleted)} == {("LiteLLM_TeamTable", "t")}
    assert (made["updated_at"], made["changed_by"], made["changed_by_api_key"]) == (NOW, "boss", "of-boss")
    assert made["before_value"] is None
    assert made["updated_values"]["max_budget"] == 1.5
    assert made["updated_values"]["created_at"] == NOW.isoformat()
    assert changed["before_value"]["max_budget"] == 1.5
    assert changed["updated_values"] == {"team_id": "t", "max_budget": None, "models": ["m", "n"]}
    assert blocked["updated_values"] == {"team_id": "t", "blocked": True}
    assert deleted["before_value"]["models"] == ["m", "n"]
    assert deleted["updated_values"] is None


async def test_a_row_that_is_touched_twice_has_one_entry_and_one_that_is_as_before_none(office: Office) -> None:
    async def twice(call: Call) -> None:
        await call.insert(TEAMS, team_id="t", team_alias="first")
        await call.insert(TEAMS, team_id="gone")
        await call.update(TEAMS, {"team_id": "t"}, team_alias="second")
        await call.execute(sa.delete(TEAMS).where(TEAMS.c.team_id == "gone"))

    async def same(call: Call) -> None:
        await call.update(TEAMS, {"team_id": "t"}, team_alias="second")

    await done(office, twice)
    await done(office, same, by=replace(BOSS, user_id="another"))
    (entry,) = await entries(office)
    assert (entry["action"], entry["updated_values"]["team_alias"]) == ("created", "second")


async def test_many_rows_by_one_statement_and_rows_with_two_names(office: Office) -> None:
    async def make(call: Call) -> None:
        for name in ("u", "v"):
            await call.insert(USERS, user_id=name)
        await call.insert(TEAMS, team_id="t")
        for name in ("u", "v"):
            await call.insert(TEAM_MEMBERS, team_id="t", user_id=name, role="user")
        await call.insert(FALLBACKS, model="m", fallback_type="general", fallback_models=["n"])

    async def change(call: Call) -> None:
        await call.execute(sa.update(TEAM_MEMBERS).where(TEAM_MEMBERS.c.role == "user").values(role="admin"))

    await done(office, make)
    await done(office, change)
    *made, first, second = await entries(office)
    assert [short(entry)[1:] for entry in made] == [
        ("LiteLLM_UserTable", "u"), ("LiteLLM_UserTable", "v"), ("LiteLLM_TeamTable", "t"),
        ("LiteLLM_TeamMembership", "t"), ("LiteLLM_TeamMembership", "t"), ("fallbacks", "m"),
    ]  # fmt: skip
    assert [entry["updated_values"] for entry in (first, second)] == [
        {"team_id": "t", "user_id": name, "role": "admin"} for name in ("u", "v")
    ]


async def test_a_key_with_another_secret_is_rotated(office: Office) -> None:
    async def make(call: Call) -> None:
        await call.insert(KEYS, token=OLD, key_alias="k", key_name="sk-...aaaa")

    async def rotate(call: Call) -> None:
        await call.update(KEYS, {"token": OLD}, token=NEW, key_name="sk-...bbbb", rotation_count=1)
        await call.update(KEYS, {"token": NEW}, max_budget=1)

    await done(office, make)
    await done(office, rotate)
    _, entry = await entries(office)
    assert short(entry) == ("rotated", "LiteLLM_VerificationToken", OLD)
    assert entry["before_value"]["token"] == "aaaaaaaa..."
    assert entry["updated_values"] == {
        "token": "bbbbbbbb...", "key_name": "sk-...bbbb", "rotation_count": 1, "max_budget": 1e-9,
    }  # fmt: skip


async def test_entries_are_found_by_the_team_and_the_names_of_their_objects(office: Office) -> None:
    async def make(call: Call) -> None:
        await call.insert(KEYS, token=OLD, team_id="a")

    async def move(call: Call) -> None:
        await call.update(KEYS, {"token": OLD}, team_id="b")

    async def rotate(call: Call) -> None:
        await call.update(KEYS, {"token": OLD}, token=NEW)

    async def leave(call: Call) -> None:
        await call.update(KEYS, {"token": NEW}, team_id=None)

    for function in (make, move, rotate, leave):
        await done(office, function)
    async with (await office.store.open()).reading() as connection:
        wanted = sa.select(*(AUDIT_LOG.c[name] for name in ABOUT)).order_by(AUDIT_LOG.c.number)
        rows = [tuple(row) for row in await connection.execute(wanted)]
    assert rows == [("a", None, None), ("b", "a", None), ("b", None, NEW), ("b", None, None)]


async def test_what_is_encrypted_is_compared_as_it_was(office: Office) -> None:
    def stored(**params: Any) -> dict[str, Any]:
        return sealed("a salt", "i", {"model": "openai/x", "api_key": "sk-vendor-secret-1", **params})

    async def make(call: Call) -> None:
        await call.insert(MODELS, model_id="i", model_name="m", litellm_params=stored())

    async def same(call: Call) -> None:
        await call.update(MODELS, {"model_id": "i"}, litellm_params=stored())  # encrypted anew

    async def change(call: Call) -> None:
        await call.update(MODELS, {"model_id": "i"}, litellm_params=stored(api_key="sk-vendor-secret-2", rpm=5))

    async def foreign(call: Call) -> None:
        await call.update(MODELS, {"model_id": "i"}, litellm_params=sealed("another", "i", {"model": "x"}))

    for function in (make, same, change, foreign):
        await done(office, function)
    made, changed, unreadable = await entries(office)
    assert made["updated_values"]["litellm_params"] == {"model": "openai/x", "api_key": "****"}
    assert changed["updated_values"]["litellm_params"] == {
        "model": "openai/x", "api_key": "**** (changed)", "rpm": 5,
    }  # fmt: skip
    assert unreadable["updated_values"]["litellm_params"] == "****"


async def test_a_table_that_nobody_judged_is_told_by_name(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {table: subject for table, subject in SUBJECTS.items() if table is not TEAMS}
    monkeypatch.setattr(subjects, "SUBJECTS", rest)
    monkeypatch.setattr("tianji.management.audit.keeping.SUBJECTS", rest)

    async def make(call: Call) -> None:
        await call.insert(TEAMS, team_id="t", team_alias="told nobody")

    async def change(call: Call) -> None:
        await call.update(TEAMS, {"team_id": "t"}, team_alias="nor this")

    await done(office, make)
    await done(office, change)
    made, changed = await entries(office)
    assert short(made) == ("created", "teams", "t")
    assert made["updated_values"] == changed["updated_values"] == changed["before_value"] == {"team_id": "t"}


async def test_what_fails_leaves_no_entry(office: Office) -> None:
    async def fail(call: Call) -> None:
        await call.insert(TEAMS, team_id="t")
        raise Unacceptable("no")

    with pytest.raises(Unacceptable):
        await done(office, fail)
    assert await entries(office) == []


async def test_who_did_it(office: Office) -> None:
    async def make(call: Call) -> None:
        await call.insert(TEAMS, team_id=f"t{len(await call.all(sa.select(TEAMS)))}")

    async def arrive(call: Call) -> None:
        call.act_for("ann")
        await make(call)

    await done(office, make, BOSS, on_behalf="somebody@example.com\n")
    await done(office, make, ANN, on_behalf="boss")
    await done(office, make, BOSS, on_behalf="x" * 1000)
    await desk.perform(office, MASTER, arrive)
    who = [(entry["changed_by"], entry["changed_by_api_key"]) for entry in await entries(office)]
    assert who == [
        ("somebody@example.com\\x0a", "of-boss"), ("ann", "of-ann"), ("x" * 256, "of-boss"), ("ann", None),
    ]  # fmt: skip


async def test_it_is_kept_only_where_somebody_says_so(office: Office) -> None:
    says = [Settings(store_audit_logs=said) for said in (True, False, None)]
    on, off, silent = (replace(Config(), litellm_settings=settings) for settings in says)
    assert [keeps_audit_log(config, {}) for config in (on, off, silent)] == [True, False, False]
    environ = {"LITELLM_STORE_AUDIT_LOGS": "true"}
    assert [keeps_audit_log(config, environ) for config in (on, off, silent)] == [True, False, True]
    assert KEPT.litellm_settings.store_audit_logs

    async def make(call: Call) -> None:
        await call.insert(TEAMS, team_id="t")
        assert not call.connection.sync_connection.dispatch.before_execute, "nobody listens"  # type: ignore[union-attr]

    await done(replace(office, config=lambda: off), make)
    assert await entries(office) == []


async def test_a_thousand_rows_are_one_transaction(office: Office) -> None:
    statements = 0

    async def make(call: Call) -> None:
        nonlocal statements

        def count(*_: object) -> None:
            nonlocal statements
            statements += 1

        for number in range(1000):
            await call.insert(KEYS, token=f"{number:064x}")
        sa.event.listen(call.connection.sync_connection, "before_cursor_execute", count)

    await done(office, make)
    assert statements <= 6, "what is new is read in few queries, and written in one"
    assert len(await entries(office)) == 1000


async def test_the_clock_and_an_identity_provider_say_who_they_are(office: Office) -> None:
    async def make(call: Call) -> None:
        due = {"auto_rotate": True, "rotation_interval": "30d"}
        await call.insert(KEYS, token=OLD, **due)

    await done(office, make)
    assert await rotate_due(office, None) == 1
    arrival = Arrival(user_id="ann", teams=("t",), makes_user=True, makes_teams=True)
    assert await arrivals.greet(office, arrival) == "ann"
    assert await arrivals.greet(office, arrival) == "ann"  # nothing is new
    _, rotated, *arrived = await entries(office)
    assert (rotated["action"], rotated["changed_by"]) == ("rotated", "litellm_internal_jobs")
    assert [short(entry)[:2] for entry in arrived] == [
        ("created", "LiteLLM_UserTable"), ("created", "LiteLLM_TeamTable"), ("created", "LiteLLM_TeamMembership"),
    ]  # fmt: skip
    assert {(entry["changed_by"], entry["changed_by_api_key"]) for entry in arrived} == {("ann", None)}


# of the log itself, and of what was exported of the ledger: neither is changed by anybody
OWN = ("positions.py", "retention.py", "diary.py")


def test_nobody_writes_past_the_log() -> None:
    """Statements that are text, or that insert or update as it turns out, are not seen for what they are."""
    folders = [SOURCE / name for name in ("management", "sso", "scim")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    assert len(files) > 60
    for file in files:
        text = file.read_text()
        assert not [word for word in ("sa.text(", "exec_driver_sql", "on_conflict") if word in text], file
        if file.name not in OWN:
            assert ".writing()" not in text or file.name == "desk.py", f"{file} opens a transaction of its own"
            assert ".adding()" not in text, file
