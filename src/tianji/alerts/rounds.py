"""What is looked at now and then: budgets of those who spent, reports, users, events of management, the database."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tianji.accounting.prices.catalogue import Catalogue
from tianji.accounting.prices.names import candidates
from tianji.alerts.alert import Alert
from tianji.alerts.keeping import Marks
from tianji.alerts.rules import budgets, calendar, models, people, reports
from tianji.alerts.rules.reports import Day
from tianji.alerts.settings import Settings
from tianji.clock import Clock
from tianji.config.loader import Loaded
from tianji.errors import ConfigurationError, StoreUnavailable
from tianji.lazy import load
from tianji.ledger.entry import Entry
from tianji.money import to_nanos
from tianji.storage.store import Store

OFTEN: Final = 2.0  # seconds between two looks at budgets
LATE: Final = 5.0  # seconds by which a row may become visible after the moment that it says
SETTLED: Final = 60.0  # seconds after a period's end in which the journals are taken in, before it is reported
SHORTEST: Final = 60  # seconds of a period that is reported
MORNING: Final = 9  # the hour of the report of fallbacks
STUCK: Final = 60.0  # seconds that journals are not taken in, until spend counts as not tracked
_FIELDS: Final = {
    "key": "key", "user": "user_id", "team": "team_id", "organization": "organization_id", "customer": "end_user",
    "project": "project_id",
}  # fmt: skip
_MEMBERS: Final = {"team_member": "team_id", "organization_member": "organization_id"}
_SELDOM: Final = 60.0  # seconds between two looks at what all have spent together
_DAY: Final = "%Y-%m-%d"


class Rounds:
    """Looks at them. `day` is what happened since the last report, `marks` how far it has looked."""

    def __init__(self, store: Store, fault: Callable[[], str | None], clock: Clock) -> None:
        self._store = store
        self._fault = fault
        self._clock = clock
        self.day = Day()
        self.marks = Marks()
        self._touched: dict[str, set[Any]] = {}
        self._summed_at = 0.0
        self._looked_at = 0.0
        self._present: dict[str, dict[str, str]] | None = None
        self._stuck_since: float | None = None
        self._told_stuck = False

    def adopt(self, settings: Settings, loaded: Loaded) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._loaded = loaded
        self._kinds = settings.types & load("tianji.alerts.reading").EVENTS

    def hear(self, entry: Entry) -> None:
        """Take in an entry."""
        self.day.hear(entry)
        if not entry.cost or "budget_alerts" not in self._settings.types:
            return
        for kind, field in _FIELDS.items():
            if name := getattr(entry, field):
                self._touched.setdefault(kind, set()).add(name)
        for kind, above in _MEMBERS.items():
            if entry.user_id and (of := getattr(entry, above)):
                self._touched.setdefault(kind, set()).add((of, entry.user_id))
        if entry.tags:
            self._touched.setdefault("tag", set()).update(entry.tags)

    async def look(self) -> list[Alert]:
        """Return what there is to tell now."""
        now = self._clock.now()
        found = [*self._look_at_books(now), *self._look_at_days(now)]
        if now - self._looked_at < OFTEN or not await asyncio.to_thread(lambda: self._store.location.exists):
            return found
        self._looked_at = now
        try:
            found += await self._ask(now)
        except StoreUnavailable as error:
            found.append(_database(error.message))
        if "model_deprecation_warnings" in self._settings.types:
            found += await asyncio.to_thread(self._look_at_models, now)
        return found

    # -- without the database ---------------------------------------------------------------------------------------

    def _look_at_books(self, now: float) -> Iterator[Alert]:
        """Yield that journals are not taken in, and that they are again."""
        fault = self._fault()
        if fault is None:
            if self._told_stuck:
                yield Alert(kind="db_exceptions", level="Low", text="the ledger is taken into the database again")
            self._stuck_since, self._told_stuck = None, False
            return
        if self._stuck_since is None:
            self._stuck_since, self._told_stuck = now, True
            yield _database(fault)
        if now - self._stuck_since >= STUCK:
            text = f"spend has not been taken into the database for {STUCK:.0f} s; the journals keep it: {fault}"
            yield Alert(kind="failed_tracking_spend", text=text, key="failed_tracking_spend:books", ttl=3600)

    def _look_at_days(self, now: float) -> Iterator[Alert]:
        """Yield the reports that come of entries alone."""
        args, where = self._settings.args, self._settings.zone
        began = calendar.day_part(now, max(SHORTEST, args.daily_report_frequency), where)
        if began > self.marks.daily:
            last, self.marks.daily = self.marks.daily, began
            if last:
                since = datetime.fromtimestamp(last, where).strftime(f"{_DAY} %H:%M")
                yield from reports.daily(self.day, since)
                self.day.lines = {}
        morning = calendar.hour_of_day(now, MORNING, where)
        if morning > self.marks.fallbacks:
            last, self.marks.fallbacks = self.marks.fallbacks, morning
            if last:
                yield from reports.fallbacks(self.day.fallbacks)
                self.day.fallbacks = {}

    def _look_at_models(self, now: float) -> list[Alert]:
        today = calendar.days(now, 1, self._settings.zone)
        if today <= self.marks.models:
            return []
        self.marks.models = today
        try:
            catalogue = Catalogue.current(self._loaded.environment)
            found = []
            for entry in self._loaded.config.model_list:
                provider, _, model = entry.params.model.partition("/")
                listed = catalogue.find(candidates(entry.params.custom_llm_provider or provider, model or provider))
                if listed is not None and isinstance(day := listed[1].get("deprecation_date"), str):
                    found.append((f"{entry.model_name} ({entry.params.model})", day))
        except ConfigurationError:
            return []
        return list(models.deprecations(found, datetime.fromtimestamp(now, self._settings.zone).date()))

    # -- of the database --------------------------------------------------------------------------------------------

    async def _ask(self, now: float) -> list[Alert]:
        settings, reader = self._settings, load("tianji.alerts.reading")
        database = await self._store.open()
        found: list[Alert] = []
        async with database.reading() as connection:
            touched, self._touched = self._touched, {}
            try:
                for holder in await self._holders(connection, reader, touched, now):
                    found += budgets.judge(holder, now, settings.args.budget_alert_ttl, settings.percent)
            except StoreUnavailable:
                for kind, names in touched.items():
                    self._touched.setdefault(kind, set()).update(names)
                raise
            if "spend_reports" in settings.types:
                found += await self._spent(connection, reader, now)
            if settings.types & {"user_spend_thresholds", "user_spend_anomalies"}:
                found += await self._users(connection, reader, now)
            if self._kinds:
                found += await self._events(connection, reader, now)
        return found

    async def _holders(self, connection: Any, reader: Any, touched: Mapping[str, set[Any]], now: float) -> list[Any]:
        """Return whoever has a budget among those who have spent something, and above them."""
        found: list[Any] = await reader.holders(connection, touched)
        whole = self._loaded.config.litellm_settings
        if touched and whole.max_budget > 0 and now - self._summed_at >= _SELDOM:
            self._summed_at = now
            found.append(await reader.proxy(connection, to_nanos(whole.max_budget), whole.budget_duration, now))
        return found

    async def _spent(self, connection: Any, reader: Any, now: float) -> list[Alert]:
        where = self._settings.zone
        then = now - SETTLED
        found: list[Alert] = []
        for what, began in (
            ("interval", calendar.days(then, self._settings.report_days, where)),
            ("month", calendar.month(then, where)),
        ):
            last = getattr(self.marks, what)
            if began <= last:
                continue
            setattr(self.marks, what, began)
            if last:
                since, until = calendar.day_of(last, where), calendar.day_of(began, where)
                found += reports.spent(await reader.spend(connection, since, until), what, since, until)
        return found

    async def _users(self, connection: Any, reader: Any, now: float) -> list[Alert]:
        args = self._settings.args
        if now - self.marks.users < args.user_spend_check_interval:
            return []
        self.marks.users = now
        today = datetime.fromtimestamp(now, UTC).date()
        before = [(today - timedelta(days=back)).isoformat() for back in range(1, args.spend_anomaly_baseline_days + 1)]
        since = min([*before, today.replace(day=1).isoformat()])
        spent = await reader.users(connection, since)
        return [
            *people.thresholds(spent, today.isoformat(), args),
            *people.anomalies(spent, today.isoformat(), before, args),
        ]

    async def _events(self, connection: Any, reader: Any, now: float) -> list[Alert]:
        since = self.marks.events
        self.marks.events = max(since, now - LATE) if since else now
        present = await reader.present(connection, self._kinds)
        before, self._present = self._present, present
        if not since:
            return []
        return [*await reader.events(connection, self._kinds, since), *reader.gone(before or {}, present)]


def _database(fault: str) -> Alert:
    return Alert(kind="db_exceptions", text=fault, key="db_exceptions", ttl=600)
