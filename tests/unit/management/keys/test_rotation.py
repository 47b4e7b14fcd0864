"""Keys that the clock replaces: which are due, what becomes of the old secret, and that a failure stops no other."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tianji._core.sharing.revision import Revisions
from tianji.auth.tags import tag
from tianji.clock import ManualClock
from tianji.config.schema import Config
from tianji.errors import Unacceptable
from tianji.management.keys.rotation import rotate_due, rotation
from tianji.management.office import Office
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import DELETED_KEYS, DEPRECATED_KEYS, KEYS

CLOCK = ManualClock(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp())
NOW = datetime.fromtimestamp(CLOCK.now(), UTC)
PAST, LATER = NOW - timedelta(seconds=1), NOW + timedelta(days=1)
MADE = {"created_at": PAST, "updated_at": PAST}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    config = Config()
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield Office(store=store, config=lambda: config, groups=dict, salt=lambda: None, clock=CLOCK)
    await store.close()


async def put(office: Office, table: sa.Table, **values: object) -> None:
    made = MADE if "created_at" in table.c else {}
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(table).values(**made, **values))


async def rows(office: Office, table: sa.Table) -> list[dict[str, Any]]:
    async with (await office.store.open()).reading() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]


async def test_what_is_due_is_replaced_and_nothing_else(office: Office) -> None:
    due = {"auto_rotate": True, "rotation_interval": "30d"}
    await put(office, KEYS, token="due", spend=5, key_alias="mine", key_rotation_at=PAST, **due)
    await put(office, KEYS, token="new", key_rotation_at=None, **due)
    await put(office, KEYS, token="later", key_rotation_at=LATER, **due)
    await put(office, KEYS, token="off", key_rotation_at=PAST, rotation_interval="30d")
    await put(office, DEPRECATED_KEYS, token="older", active_token="off", revoke_at=PAST)
    assert await rotate_due(office, timedelta(hours=1)) == 2
    kept = {row["token"]: row for row in await rows(office, KEYS)}
    assert set(kept) >= {"later", "off"}
    (mine,) = [row for row in kept.values() if row["key_alias"] == "mine"]
    assert (mine["spend"], mine["rotation_count"], mine["last_rotation_at"]) == (5, 1, NOW)
    assert mine["key_rotation_at"] == NOW + timedelta(days=30)
    old = {row["token"]: row for row in await rows(office, DEPRECATED_KEYS)}
    assert set(old) == {"due", "new", "older"}, "what was asked for with them is spend of their keys"
    assert (old["due"]["active_token"], old["due"]["revoke_at"]) == (mine["token"], NOW + timedelta(hours=1))
    assert {row["deleted_by"] for row in await rows(office, DELETED_KEYS)} == {"litellm_internal_jobs"}
    assert tag("key", "due") in (office.store.revisions.since(0)[1] or ())
    assert await rotate_due(office, None) == 0


async def test_one_that_cannot_be_replaced_stops_no_other(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    await put(office, KEYS, token="bad-interval-of-old", auto_rotate=True, rotation_interval="often")
    await put(office, KEYS, token="good", auto_rotate=True, rotation_interval="1d", key_rotation_at=PAST)
    assert await rotate_due(office, None) == 1
    assert "bad-inte" in caplog.text
    assert [(row["token"], row["revoke_at"]) for row in await rows(office, DEPRECATED_KEYS)] == [("good", NOW)]
    assert "good" not in {row["token"] for row in await rows(office, KEYS)}


def test_the_environment_switches_it_on() -> None:
    assert rotation({}) is None
    assert rotation({"LITELLM_KEY_ROTATION_ENABLED": "false"}) is None
    plan = rotation({"LITELLM_KEY_ROTATION_ENABLED": "true"})
    assert plan is not None
    assert (plan.interval, plan.grace) == (86400.0, None)
    named = {"TIANJI_KEY_ROTATION_CHECK_INTERVAL_SECONDS": "60", "TIANJI_KEY_ROTATION_GRACE_PERIOD": "24h"}
    plan = rotation({"TIANJI_KEY_ROTATION_ENABLED": "true", **named})
    assert plan is not None
    assert (plan.interval, plan.grace) == (60.0, timedelta(hours=24))
    for wrong in ({"CHECK_INTERVAL_SECONDS": "soon"}, {"GRACE_PERIOD": "a while"}):
        names = {f"TIANJI_KEY_ROTATION_{name}": value for name, value in wrong.items()}
        with pytest.raises(Unacceptable, match=next(iter(wrong))):
            rotation({"TIANJI_KEY_ROTATION_ENABLED": "true", **names})
