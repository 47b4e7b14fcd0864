"""How long entries of the log are kept: `maximum_audit_logs_retention_period`; for ever without it."""

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from tianji.config.schema.general import GeneralSettings
from tianji.management.office import Office
from tianji.management.spend.retention import Plan, planned
from tianji.storage.tables import AUDIT_LOG

PERIOD: Final = "maximum_audit_logs_retention_period"


def plan(general: GeneralSettings) -> Plan | None:
    """Return what the configuration wants; None to keep entries for ever. Raises Unacceptable for what is no time."""
    return planned(general, PERIOD)


async def drop_old(office: Office, wanted: Plan) -> int:
    """Drop the entries that are older than wanted, and return how many those were. Raises StoreUnavailable."""
    before = datetime.fromtimestamp(office.clock.now(), UTC) - wanted.period
    old = sa.select(AUDIT_LOG.c.number).where(AUDIT_LOG.c.updated_at < before).order_by(AUDIT_LOG.c.updated_at)
    database = await office.store.open()
    total = 0
    for _ in range(wanted.batches):
        async with database.writing() as connection:
            gone = sa.delete(AUDIT_LOG).where(AUDIT_LOG.c.number.in_(old.limit(wanted.size)))
            count = (await connection.execute(gone)).rowcount
        total += count
        if count < wanted.size:
            break
    return total
