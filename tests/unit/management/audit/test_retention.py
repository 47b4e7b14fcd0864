"""Entries are kept as long as the configuration says, and are dropped a few at a time."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace
from tests.unit.management.audit.conftest import KEPT, NOW, entries

from tianji.config.schema.general import GeneralSettings
from tianji.errors import Unacceptable
from tianji.management.audit import retention
from tianji.management.office import Office
from tianji.management.schedule import Schedule
from tianji.management.spend.retention import Plan
from tianji.storage.tables import AUDIT_LOG


def kept_for(office: Office, **settings: Any) -> Office:
    general = GeneralSettings(disable_reset_budget=True, **settings)
    config = replace(KEPT, general_settings=general)
    return replace(office, config=lambda: config)


async def fill(office: Office, days: int) -> None:
    what = {"action": "created", "table_name": "t", "object_id": "o"}
    rows = [{"id": f"{age}", "updated_at": NOW - timedelta(days=age), **what} for age in range(days)]
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(AUDIT_LOG), rows)


async def ages(office: Office) -> list[int]:
    return sorted((NOW - entry["updated_at"]).days for entry in await entries(office))


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({}, 40),
        ({"maximum_audit_logs_retention_period": "30"}, 31),
        ({"maximum_audit_logs_retention_period": "1w", "maximum_spend_logs_cleanup_batch_size": 3}, 8),
        (
            {
                "maximum_audit_logs_retention_period": "1w",
                "maximum_spend_logs_cleanup_batch_size": 3,
                "maximum_spend_logs_cleanup_max_batches": 2,
            },
            34,
        ),
        ({"maximum_spend_logs_retention_period": "1d"}, 40),
    ],
)
async def test_old_entries_go(office: Office, settings: dict[str, Any], left: int) -> None:
    office = kept_for(office, **settings)
    await fill(office, 40)
    await Schedule(office)._drop_old()
    assert await ages(office) == list(range(left))


async def test_what_is_no_time_is_said_once(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    puzzled = kept_for(office, maximum_audit_logs_retention_period="a while")
    await puzzled.store.open()
    with pytest.raises(Unacceptable, match="maximum_audit_logs_retention_period"):
        retention.plan(puzzled.config().general_settings)
    for _ in range(2):
        await Schedule(puzzled)._drop_old()
    assert caplog.text.count("kept for ever") == 1


def test_what_is_not_said_of_it_is_as_for_requests() -> None:
    general = GeneralSettings(maximum_audit_logs_retention_period="12h", maximum_spend_logs_retention_interval="5m")
    assert retention.plan(general) == Plan(timedelta(hours=12), timedelta(minutes=5), 1000, 500)
