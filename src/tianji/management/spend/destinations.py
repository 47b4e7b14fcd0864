"""Programs for bills that administrators set up while the gateway serves: CloudZero, Vantage, Ternary and Mavvrik.

What is said of one is kept in the database, encrypted in whole, and goes before nothing that the file says. Of secrets
a mark is shown, which may be sent back; none of them follows another address.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import asdict

from tianji.callbacks.billing import cloudzero, focus
from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.billing.charges import charges, sums
from tianji.callbacks.billing.export import EXPORTS, Export, exports_of
from tianji.callbacks.settings import wanted
from tianji.callbacks.sink import Given
from tianji.errors import ConfigurationError, Conflict, ObjectNotFound, SchemaViolation, Unacceptable, UpstreamFailure
from tianji.gateway.additions.destinations import objection
from tianji.lazy import load
from tianji.management.desk import Call, Row
from tianji.management.office import Office
from tianji.management.settings.stored import keep, stored
from tianji.management.spend.exports import BACK, Delivered, deliver
from tianji.storage.additions import EXPORT

MARK: Final = "****"
SAMPLE: Final = 50  # charges that are shown
PATIENCE: Final = 20.0  # seconds that an export waits for another one of the same program
AGAIN: Final = 0.2  # seconds after which it looks again
MOST: Final = 10_000  # charges that are looked at, unless `limit` says otherwise
_ADDRESSES: Final = ("base_url", "api_endpoint")
_SUCCESS: Final = "success"


class Body(Struct, kw_only=True):
    """What is said of a program; each has some of these."""

    api_key: str | None = None
    connection_id: str | None = None
    timezone: str | None = None
    integration_token: str | None = None
    base_url: str | None = None
    api_endpoint: str | None = None


class Window(Struct, kw_only=True):
    """Which charges are meant: those of all days that lie between two moments; none for what is due."""

    limit: int | None = None
    operation: str = cloudzero.OPERATION
    start_time_utc: datetime | None = None
    end_time_utc: datetime | None = None

    def days(self) -> tuple[date, date] | None:
        """Return the first day and the last one. Raises Unacceptable for no such days."""
        if self.start_time_utc is None and self.end_time_utc is None:
            return None
        if self.start_time_utc is None or self.end_time_utc is None or self.end_time_utc < self.start_time_utc:
            raise Unacceptable("say both: start_time_utc, and end_time_utc, which comes later", param="start_time_utc")
        return _day(self.start_time_utc), _day(self.end_time_utc)


class Program(Struct, frozen=True):
    """One of them. secrets, usual: what is said of it, the latter with what counts where nothing is said.

    told: what a preview calls charges as they are sent, which `row` makes
    """

    name: str
    title: str
    secrets: tuple[str, ...]
    usual: Mapping[str, str | None]
    told: str
    row: Callable[[Charge], Mapping[str, Any]]

    async def shown(self, call: Call) -> Row:
        """Describe it, masked; nothing where it is not set up."""
        kept = {} if self._is_of_file(call) else await stored(call, self._row_name)
        masked = {f"{name}_masked": MARK if name in kept else None for name in self.secrets}
        there = kept or self._is_of_file(call)
        return {**masked, **{name: kept.get(name) for name in self.usual}, "status": "configured" if there else None}

    async def init(self, call: Call) -> Row:
        """Keep it; bills are exported from now on."""
        self._require_kept(call)
        said = self._said(call)
        missing = [name for name in self._names if not said.get(name) and self.usual.get(name) is None]
        if missing:
            raise SchemaViolation(f"{missing[0]} is missing", ("body", missing[0]), "missing")
        await self._keep(call, {name: said.get(name) or self.usual[name] for name in self._names})
        return {"message": f"{self.title} settings initialized successfully", "status": _SUCCESS}

    async def update(self, call: Call) -> Row:
        """Change what was sent of it; a mark means the secret that there is."""
        self._require_kept(call)
        said = {name: value for name, value in self._said(call).items() if value and value != MARK}
        if not said:
            raise Unacceptable("say what is to be another one: " + ", ".join(self._names))
        before = await self._found(call)
        moved = next((name for name in _ADDRESSES if said.get(name, before.get(name)) != before.get(name)), None)
        left = [name for name in self.secrets if name not in said]
        if moved is not None and left:
            raise Unacceptable(
                f"{moved} is another address: say {' and '.join(left)} again, since no secret follows it"
            )
        await self._keep(call, before | said)
        return {"message": f"{self.title} settings updated successfully", "status": _SUCCESS}

    async def delete(self, call: Call) -> Row:
        """Take it away."""
        self._require_kept(call)
        await self._found(call)
        await keep(call, self._row_name, {})
        return {"message": f"{self.title} settings deleted successfully", "status": _SUCCESS}

    async def preview(self, call: Call) -> Row:
        """Show what would be exported of the last days, and send nothing."""
        window = call.body(Window)
        today = call.now.astimezone(UTC).date()
        first, last = window.days() or (today - BACK, today)
        found: list[Charge] = []
        most = MOST if window.limit is None else max(0, window.limit)
        for day in reversed(await sums(call.connection, first, last)):
            if len(found) >= most:
                break
            found += (await charges(call.connection, day))[: most - len(found)]
        summary = _summary(found)
        sample = found[:SAMPLE]
        usage = [{**asdict(one), "day": f"{one.day}"} for one in sample]
        data = {"usage_data": usage, self.told: [dict(self.row(one)) for one in sample], "summary": summary}
        message = f"{self.title} dry run export completed successfully."
        return {"message": message, "status": _SUCCESS, "dry_run_data": data, "summary": summary}

    async def export(self, call: Call) -> Row:
        """Export at once what is due, or the days that are named. Raises UpstreamFailure for what was not taken."""
        window = call.body(Window)
        if window.limit is not None:
            raise Unacceptable("a part of a day would stand in place of the whole: leave limit out", param="limit")
        if window.operation != cloudzero.OPERATION:
            raise Unacceptable(f"days are replaced: operation is {cloudzero.OPERATION}", param="operation")
        kept = {} if self._is_of_file(call) else {self.name: await self._found(call)}
        found, problems = exports_of(call.config, call.office.environ(), kept)
        export = next((one for one in found if one.name == self.name), None)
        if export is None:
            raise Unacceptable(next(filter(lambda said: self.name in said, problems), f"{self.title} is not set up"))
        days = window.days()
        answer: Row = {"message": f"{self.title} export completed successfully", "status": _SUCCESS}

        async def told() -> None:
            done = await _delivered(call.office, export, days)
            if done.failures:
                raise UpstreamFailure(f"{self.title} did not take all of it: {'; '.join(done.failures)}")
            answer["records_exported"] = done.charges

        call.afterwards.append(told)  # it has transactions of its own
        return answer

    @property
    def _row_name(self) -> str:
        return EXPORT + self.name

    @property
    def _names(self) -> Sequence[str]:
        return (*self.secrets, *self.usual)

    def _said(self, call: Call) -> dict[str, str | None]:
        said = asdict(call.body(Body))
        return {name: said[name] for name in self._names}

    async def _found(self, call: Call) -> Row:
        found = await stored(call, self._row_name)
        if not found:
            raise ObjectNotFound(f"{self.title} settings not found: set it up with POST /{self.name}/init")
        return found

    async def _keep(self, call: Call, settings: Mapping[str, Any]) -> None:
        """Judge settings, and keep them."""
        try:
            load(EXPORTS[self.name]).build(Given(self.name, settings, {}))
        except ConfigurationError as error:
            raise Unacceptable(error.message) from error
        refused = next(
            (said for name in _ADDRESSES if name in settings and (said := objection(call.config, settings[name]))), None
        )
        if refused is not None:
            raise Unacceptable(refused)
        await keep(call, self._row_name, settings)

    def _is_of_file(self, call: Call) -> bool:
        return self.name in wanted(call.office.fleet.file())

    def _require_kept(self, call: Call) -> None:
        if self._is_of_file(call):
            raise Unacceptable(f"callback {self.name} stands in the configuration file: change it there")
        if not call.office.fleet.keeps_settings():
            raise Unacceptable(
                "settings are not kept in the database: set general_settings.store_model_in_db to true, or the "
                "variable STORE_MODEL_IN_DB"
            )


async def _delivered(office: Office, export: Export, days: tuple[date, date] | None) -> Delivered:
    """Export, after the schedule where that is at it. Raises Conflict where it takes its time."""
    until = office.clock.monotonic() + PATIENCE
    while (done := await deliver(office, export, days)) is None:
        if office.clock.monotonic() > until:
            raise Conflict(f"an export to {export.name} is under way: ask again in a moment")
        await asyncio.sleep(AGAIN)
    return done


def _day(moment: datetime) -> date:
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _summary(found: Sequence[Charge]) -> Row:
    """Return the sums of charges, by the names of LiteLLM's proxy for each of the programs."""
    spend, tokens = sum(one.spend for one in found), sum(one.tokens for one in found)
    return {
        "total_records": len(found),
        "total_spend": spend,
        "total_cost": spend,
        "total_tokens": tokens,
        "unique_accounts": len({one.key for one in found}),
        "unique_services": len({one.provider for one in found}),
        "unique_teams": len({one.team_id for one in found if one.team_id}),
        "unique_models": len({one.model for one in found}),
    }


def _focus(charge: Charge) -> Mapping[str, Any]:
    return focus.row(charge, charge.counts)


CLOUDZERO: Final = Program(
    "cloudzero", "CloudZero", ("api_key",), {"connection_id": None, "timezone": "UTC"}, "cbf_data", cloudzero.row
)
VANTAGE: Final = Program(
    "vantage", "Vantage", ("api_key", "integration_token"), {"base_url": "https://api.vantage.sh"}, "normalized_data",
    _focus,
)  # fmt: skip
TERNARY: Final = Program(
    "ternary", "Ternary", ("api_key",), {"connection_id": None, "base_url": None}, "normalized_data", _focus
)
MAVVRIK: Final = Program(
    "mavvrik", "Mavvrik", ("api_key",), {"connection_id": None, "api_endpoint": None}, "normalized_data", _focus
)
