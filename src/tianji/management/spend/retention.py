"""How long rows of the ledger are kept, as the configuration says it, and dropping those that are older."""

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from tianji.auth.durations import length
from tianji.config.schema.general import GeneralSettings
from tianji.ledger.retention import expire
from tianji.management.office import Office

PERIOD: Final = "maximum_spend_logs_retention_period"


class Plan(Struct, frozen=True):
    """How old rows become, how often that is looked at, and how many go at once."""

    period: timedelta
    interval: timedelta
    size: int
    batches: int


def plan(general: GeneralSettings) -> Plan | None:
    """Return what the configuration wants; None to keep rows for ever. Raises Unacceptable for what is no time."""
    return planned(general, PERIOD)


def planned(general: GeneralSettings, period: str) -> Plan | None:
    """Return the same of rows whose period has this name; how often and how many at once is said for all."""
    text = getattr(general, period)
    if text is None:
        return None
    return Plan(
        length(f"{text}d" if text.isdigit() else text, period),
        length(general.maximum_spend_logs_retention_interval, "maximum_spend_logs_retention_interval"),
        general.maximum_spend_logs_cleanup_batch_size,
        general.maximum_spend_logs_cleanup_max_batches,
    )


async def drop_old(office: Office, wanted: Plan) -> int:
    """Drop the rows that are older than wanted, and return how many those were. Raises StoreUnavailable."""
    before = datetime.fromtimestamp(office.clock.now(), UTC) - wanted.period
    return await expire(await office.store.open(), before, size=wanted.size, batches=wanted.batches)
