"""Rows of the ledger are kept as long as the configuration says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from tests.unit.ledger.conftest import entry

from tianji._core.sharing.revision import Revisions
from tianji.clock import ManualClock
from tianji.config.schema import Settings as LitellmSettings
from tianji.config.schema.general import GeneralSettings
from tianji.errors import Unacceptable
from tianji.ledger import posting
from tianji.ledger.rows import sheet_of
from tianji.management import schedule
from tianji.management.office import Office
from tianji.management.schedule import Schedule
from tianji.management.spend import retention
from tianji.management.spend.retention import Plan
from tianji.storage.location import parse
from tianji.storage.migration import migrate
from tianji.storage.store import Store
from tianji.storage.tables import LEDGER

CLOCK = ManualClock(datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp())


class Settings(msgspec.Struct):
    """As much of a configuration as is looked at."""

    general_settings: GeneralSettings
    litellm_settings: LitellmSettings = LitellmSettings()


def general(**settings: Any) -> GeneralSettings:
    return GeneralSettings(disable_reset_budget=True, **settings)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    config: Any = Settings(general(maximum_spend_logs_retention_period="30d"))
    store = Store(parse(f"sqlite:///{tmp_path}/a.db"), Revisions())
    yield Office(store=store, config=lambda: config, groups=dict, salt=lambda: None, clock=CLOCK)
    await store.close()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, None),
        ({"maximum_spend_logs_retention_period": "7"}, Plan(timedelta(days=7), timedelta(days=1), 1000, 500)),
        (
            {
                "maximum_spend_logs_retention_period": "12h",
                "maximum_spend_logs_retention_interval": "5m",
                "maximum_spend_logs_cleanup_batch_size": 3,
                "maximum_spend_logs_cleanup_max_batches": 2,
            },
            Plan(timedelta(hours=12), timedelta(minutes=5), 3, 2),
        ),
    ],
)
def test_settings(settings: dict[str, Any], wanted: Plan | None) -> None:
    assert retention.plan(general(**settings)) == wanted


def test_what_is_no_time_is_said() -> None:
    with pytest.raises(Unacceptable, match="maximum_spend_logs_retention_period"):
        retention.plan(general(maximum_spend_logs_retention_period="a while"))


async def kept(office: Office) -> int:
    async with (await office.store.open()).reading() as connection:
        return int((await connection.execute(sa.select(sa.func.count()).select_from(LEDGER))).scalar_one())


async def test_old_rows_go_once_an_interval(office: Office) -> None:
    async with (await office.store.open()).writing() as connection:
        day = 86_400_000_000
        await posting.post(connection, sheet_of(entry(n, started_at=entry(0).started_at - n * day) for n in range(4)))
    await Schedule(office)._drop_old()
    assert await kept(office) == 1  # of March 1st, since it is not yet 30 whole days over
    async with (await office.store.open()).writing() as connection:
        await posting.post(connection, sheet_of([entry(9, started_at=1)]))
    await Schedule(office)._drop_old()
    assert await kept(office) == 2  # the next look is a day away


async def test_rows_of_others_go_too_and_nothing_is_made_for_it(office: Office, tmp_path: Path) -> None:
    """This worker was never asked anything, and the database is filled by the process of the ledger."""
    await Schedule(office)._look()
    assert not await asyncio.to_thread((tmp_path / "a.db").exists)
    await asyncio.to_thread(migrate, office.store.location)
    await Schedule(office)._look()
    assert office.store.connected


async def test_a_setting_that_is_no_time_stops_nothing(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    config: Any = Settings(general(maximum_spend_logs_retention_period="a while"))
    puzzled = Schedule(msgspec.structs.replace(office, config=lambda: config))
    await office.store.open()
    await puzzled._drop_old()
    await puzzled._drop_old()
    assert caplog.text.count("kept for ever") == 1
    assert schedule.RETENTION != schedule.RESETS
