"""Looks once a day which share of a provider's bill the books know of, where the configuration wants that.

The share is told as a number for Prometheus, and people are alerted of one that is too small, and of a bill that nobody
may read. It is looked at a quarter past one, UTC, when the day before is over, and a little after each start.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tianji._core.sharing.shm import SharedCounters
from tianji.alerts.alert import Alert
from tianji.clock import SYSTEM, Clock
from tianji.config.loader import Loaded
from tianji.errors import StoreUnavailable, TianjiError
from tianji.lazy import load
from tianji.ledger.reading import Batch
from tianji.storage.store import Store

if TYPE_CHECKING:  # they load what few configurations want
    from tianji.accounting.bills.capture import Report
    from tianji.config.schema.alerting import CaptureCheck

SERIES: Final = 'litellm_spend_capture_rate{{api_provider="{}"}}'
UNKNOWN: Final = -1  # in that series, where there is no share
MILLION: Final = 1_000_000
AT: Final = timedelta(hours=1, minutes=15)
FIRST: Final = 120.0  # seconds after the start
AGAIN: Final = 900.0  # seconds until it is looked again while the database is away
TTL: Final = 72_000.0  # seconds for which no other machine tells of it
log = logging.getLogger(__name__)


class Bills:
    """Looks at them, in the process of the ledger. `found` is what there is to tell."""

    whole = False

    def __init__(self, loaded: Loaded, store: Store, counters: SharedCounters, *, clock: Clock = SYSTEM) -> None:
        self._store = store
        self._counters = counters
        self._clock = clock
        self._due = clock.now() + FIRST
        self._looking: asyncio.Task[None] | None = None
        self.found: list[Alert] = []
        self.adopt(loaded)

    def adopt(self, loaded: Loaded) -> None:
        """Go by another configuration from now on."""
        self._environ = loaded.environment
        self._check: CaptureCheck | None = loaded.config.general_settings.spend_capture_rate_check

    def taken(self) -> list[Alert]:
        """Return what was found since the last time."""
        found, self.found = self.found, []
        return found

    async def hear(self, _file: Path, _start: int, _batch: Batch) -> None:
        """Hear nothing: the books have it."""

    async def round(self, _files: Sequence[Path]) -> None:
        """Begin to look where it is time."""
        now = self._clock.now()
        if self._check is not None and now >= self._due and (self._looking is None or self._looking.done()):
            self._due = _following(now)
            self._looking = asyncio.get_running_loop().create_task(self._look(self._check, now))

    async def finished(self, _file: Path, _position: int) -> bool:
        """Need no journal."""
        return True

    async def close(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def _look(self, check: "CaptureCheck", now: float) -> None:
        last = datetime.fromtimestamp(now, UTC).date() - timedelta(days=1)
        first = last - timedelta(days=check.lookback_days - 1)
        for provider in check.providers:
            try:
                found = await self._report(check, first, last)
            except StoreUnavailable:
                self._due = now + AGAIN
            except TianjiError as error:
                self._tell(provider, UNKNOWN, f"{provider}'s bill cannot be read: {error.message}", last)
            except Exception:  # boundary: nobody waits for it
                log.exception("the share of %s's bill that the books know of could not be reckoned", provider)
            else:
                rate = UNKNOWN if found.capture_rate is None else round(found.capture_rate * MILLION)
                self._tell(provider, rate, _too_little(found) if found.below_threshold else "", last)

    async def _report(self, check: "CaptureCheck", first: date, last: date) -> "Report":
        reader = load("tianji.accounting.bills.capture")
        bill = await reader.billed(self._environ, first, last, check.openai_project_ids)
        database = await self._store.open()
        async with database.reading() as connection:
            known = await reader.captured(connection, first, last)
        found: Report = reader.report(first, last, known, bill, check)
        return found

    def _tell(self, provider: str, rate: int, text: str, last: date) -> None:
        self._counters.set(self._counters.slot(SERIES.format(provider)), rate)
        if text:
            key = f"failed_tracking_spend:bill:{provider}:{last}"
            self.found.append(Alert(kind="failed_tracking_spend", text=text, key=key, ttl=TTL))


def _too_little(report: "Report") -> str:
    return (
        f"the books know of {report.capture_rate:.1%} of {report.provider}'s bill, less than {report.threshold:.0%}: "
        f"of ${report.captured_spend:,.2f} of the ${report.provider_spend:,.2f} from {report.start_date} to "
        f"{report.end_date}. Requests reach {report.provider} past the gateway, or are booked for too little"
    )


def _following(now: float) -> float:
    """Return when it is looked at next."""
    moment = datetime.fromtimestamp(now, UTC)
    at = moment.replace(hour=0, minute=0, second=0, microsecond=0) + AT
    return (at if at > moment else at + timedelta(days=1)).timestamp()
