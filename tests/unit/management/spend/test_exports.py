"""Days of spend reach programs for bills once and whole, whatever ends a process, and again when an entry is late."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.fakes.bills import Bills, Broken, Mavvrik, Ternary, Vantage
from tests.unit.conftest import migrated_on
from tests.unit.storage.conftest import ENGINES

from tianji._core.sharing.revision import Revisions
from tianji.callbacks.billing import export as exporting
from tianji.callbacks.billing import mavvrik, vantage
from tianji.callbacks.billing.export import Export, exports_of
from tianji.clock import ManualClock
from tianji.config.schema import Config, Settings
from tianji.management.office import Office
from tianji.management.spend import diary, exports
from tianji.management.spend.diary import SILENT, TakenError, taken
from tianji.storage.location import Location
from tianji.storage.store import Store
from tianji.storage.tables import DAILY, LEDGER_STATE

NOW = datetime(2026, 3, 30, 0, 30, tzinfo=UTC).timestamp()  # summer time began the day before, in Berlin
SATURDAY, SUNDAY, MONDAY = "2026-03-28", "2026-03-29", "2026-03-30"
ENVIRON = {
    "VANTAGE_API_KEY": "vntg_tkn", "VANTAGE_INTEGRATION_TOKEN": "accss_crdntl/1", "VANTAGE_BASE_URL": Bills.base,
    "VANTAGE_EXPORT_FREQUENCY": "daily",
    "TERNARY_API_KEY": "tk", "TERNARY_CONNECTION_ID": "conn/1", "TERNARY_BASE_URL": f"{Bills.base}/",
    "MAVVRIK_API_KEY": "mav", "MAVVRIK_API_ENDPOINT": f"{Bills.base}/tenant", "MAVVRIK_CONNECTION_ID": "conn/1",
}  # fmt: skip
FAKES: dict[str, Callable[[], Bills]] = {"vantage": Vantage, "ternary": Ternary, "mavvrik": Mavvrik}
Add = Callable[..., Any]


def made(name: str, **environ: str) -> Export:
    (found,), problems = exports_of(Config(litellm_settings=Settings(callbacks=(name,))), ENVIRON | environ)
    assert problems == []
    return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty database: SQLite, where a test does not ask for the other one."""
    return migrated_on(getattr(request, "param", "sqlite"), request, tmp_path)


@pytest.fixture
async def office(location: Location, clock: ManualClock) -> AsyncIterator[Office]:
    store = Store(location, Revisions())
    yield Office(store=store, config=Config, groups=dict, salt=lambda: None, clock=clock)
    await store.close()


@pytest.fixture
def spend(office: Office) -> Add:
    async def add(day: str, dollars: float, key: str = "k", **names: str) -> None:
        row = {"kind": "all", "day": day, "entity": "", "key": key, "model": "gpt-4o", "model_group": "gpt",
               "provider": "openai", "call_type": "acompletion", "logged": True} | names  # fmt: skip
        figures = {"spend": round(dollars * 1e9), "prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 4,
                   "written_tokens": 2, "requests": 1}  # fmt: skip
        here = sa.and_(*(DAILY.c[name] == value for name, value in row.items()))
        async with (await office.store.open()).writing() as connection:
            grown = {name: DAILY.c[name] + more for name, more in figures.items()}
            if not (await connection.execute(sa.update(DAILY).where(here).values(grown))).rowcount:
                await connection.execute(sa.insert(DAILY).values(**row, **figures))

    return add


@pytest.fixture
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bills:
    fake = FAKES[request.param]()

    async def answered(request: httpx.Request) -> httpx.Response:
        if fake.meanwhile is not None:
            await fake.meanwhile()
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, said, body = fake.handle(request.method, str(request.url), headers, request.content)
        return httpx.Response(status, headers=said, content=body)

    transport = httpx.MockTransport(answered)
    monkeypatch.setattr(exports, "open_client", lambda _limits, check: httpx.AsyncClient(transport=transport))
    return fake


async def ended(office: Office, export: Export) -> bool:
    """Whether the process that delivers comes to its end before it is done."""
    try:
        await exports.deliver(office, export)
    except Broken:
        return True
    return False


def dollars(**days: float) -> dict[str, Decimal]:
    return {f"2026-03-{name[1:]}": Decimal(f"{amount:.9f}") for name, amount in days.items()}


ALL = pytest.mark.parametrize(("name", "vendor"), [(name, name) for name in FAKES], indirect=["vendor"])


@ALL
async def test_each_day_is_told_once_and_the_one_that_is_not_over_is_not(
    name: str, vendor: Bills, office: Office, spend: Add, clock: ManualClock
) -> None:
    await spend(SATURDAY, 1.5)
    await spend(SUNDAY, 2.0)
    await spend(SUNDAY, 0.000000001, "l")
    await spend(MONDAY, 9.0)
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.5, d29=2.000000001)
    row = next(row for row in vendor.days()[SUNDAY] if row["BillingAccountId"] == "k")
    assert (row["ChargePeriodStart"], row["ServiceName"]) == ("2026-03-29T00:00:00Z", "gpt")
    assert '"prompt_tokens":10' in row["Tags"]
    assert '"cache_read_input_tokens":4' in row["Tags"]
    before = len(vendor.asked)
    await exports.deliver(office, made(name))
    again = [method for method, path, *_ in vendor.asked[before:] if path != "/tenant/metrics/agent/ai/conn%2F1"]
    assert again == [], "nothing is sent twice"
    clock.advance(86_400)
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.5, d29=2.000000001, d30=9.0)


@ALL
@pytest.mark.parametrize("location", ENGINES, indirect=True)
async def test_a_late_entry_has_its_day_told_again_in_place_of_before(
    name: str, vendor: Bills, office: Office, spend: Add, clock: ManualClock
) -> None:
    await spend(SATURDAY, 1.0)
    await spend(SUNDAY, 2.0)
    await exports.deliver(office, made(name))
    await spend(SATURDAY, 0.25)
    clock.advance(3600)
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.25, d29=2.0)


@ALL
@pytest.mark.parametrize("late", [False, True])
async def test_a_process_may_end_at_any_request(
    name: str, vendor: Bills, office: Office, spend: Add, clock: ManualClock, late: bool
) -> None:
    breaks = 0
    for number in range(40):
        await spend(SATURDAY, 1.0)
        await spend(SUNDAY, 2.0)
        vendor.break_off(number, late=late)
        broken = await ended(office, made(name))
        vendor.break_off(1000)
        clock.advance(SILENT + 1)
        await exports.deliver(office, made(name))
        assert vendor.spent() == dollars(d28=1.0 * (number + 1), d29=2.0 * (number + 1)), number
        breaks += broken
        if not broken:
            break
    assert 2 <= breaks < 40


@ALL
async def test_no_answer_stops_a_round_and_a_refusal_its_day_alone(
    name: str, vendor: Bills, office: Office, spend: Add, caplog: pytest.LogCaptureFixture
) -> None:
    await spend(SATURDAY, 1.0)
    await spend(SUNDAY, 2.0)
    vendor.away = True
    await exports.deliver(office, made(name))
    assert f"export {name}: " in caplog.text
    assert "it answered with status 503" in caplog.text
    assert len({path for _, path, *_ in vendor.asked}) == 1
    vendor.away = False
    vendor.refusing[SATURDAY] = 422
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d29=2.0)
    del vendor.refusing[SATURDAY]
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.0, d29=2.0)


@ALL
async def test_a_wrong_key_is_said_without_it(
    name: str, vendor: Bills, office: Office, spend: Add, caplog: pytest.LogCaptureFixture
) -> None:
    await spend(SUNDAY, 2.0)
    wrong = {f"{name.upper()}_API_KEY": "canary"}
    await exports.deliver(office, made(name, **wrong))
    assert "it answered with status 401" in caplog.text
    assert "canary" not in caplog.text
    assert vendor.spent() == {}
    assert made(name, **wrong).place == made(name).place, "another key for the same place begins nothing anew"


@ALL
async def test_a_day_that_could_not_be_told_for_long_is_told_later(
    name: str, vendor: Bills, office: Office, spend: Add, clock: ManualClock
) -> None:
    await spend(SATURDAY, 1.0)
    vendor.away = True
    await exports.deliver(office, made(name))
    clock.advance(50 * 86_400)
    vendor.away = False
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.0)
    await spend(SATURDAY, 1.0)
    await exports.deliver(office, made(name))
    assert vendor.spent() == dollars(d28=1.0), "and looked at no more then"
    async with (await office.store.open()).reading() as connection:
        (kept,) = (await connection.execute(sa.select(LEDGER_STATE.c.value))).scalars()
    assert SATURDAY not in kept


@pytest.mark.parametrize("vendor", ["ternary"], indirect=True)
async def test_workers_take_turns(vendor: Bills, office: Office, spend: Add, clock: ManualClock) -> None:
    await spend(SATURDAY, 1.0)
    export, database = made("ternary"), await office.store.open()
    other = await taken(database, export.name, export.place, clock)
    assert other is not None
    await exports.deliver(office, export)
    assert vendor.asked == [], "another one has the diary"
    clock.advance(SILENT - 1)
    await other.note(date(2026, 3, 1), exporting.Told("1"))
    clock.advance(SILENT - 1)
    await exports.deliver(office, export)
    assert vendor.asked == [], "and says so again whenever it notes something"
    clock.advance(2)
    await exports.deliver(office, export)
    assert vendor.spent() == dollars(d28=1.0)
    with pytest.raises(TakenError):
        await other.note(date(2026, 3, 1), exporting.Told("2"))


@pytest.mark.parametrize("vendor", ["ternary"], indirect=True)
async def test_who_is_at_work_keeps_the_diary_however_long_it_takes(
    vendor: Bills, office: Office, spend: Add, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diary, "AGAIN", 0.001)
    await spend(SATURDAY, 1.0)
    export, database = made("ternary"), await office.store.open()

    async def until() -> float:
        async with database.reading() as connection:
            return float(json.loads((await connection.execute(sa.select(LEDGER_STATE.c.value))).scalar_one())["until"])

    async def waits() -> None:
        for _ in range(3):
            clock.advance(SILENT - 1)
            while await until() < clock.now() + SILENT:  # noqa: ASYNC110 - a row has no event
                await asyncio.sleep(0.001)
            assert await taken(database, export.name, export.place, clock) is None

    vendor.meanwhile = waits
    await exports.deliver(office, export)
    assert vendor.spent() == dollars(d28=1.0)
    assert await until() == 0.0, "and lets go of it when it is done"


@pytest.mark.parametrize("vendor", ["ternary"], indirect=True)
async def test_a_process_that_ends_in_order_lets_another_one_go_on(vendor: Bills, office: Office, spend: Add) -> None:
    await spend(SATURDAY, 1.0)
    hanging = asyncio.Event()

    async def hang() -> None:
        hanging.set()
        await asyncio.Event().wait()

    vendor.meanwhile = hang
    begun = asyncio.create_task(exports.deliver(office, made("ternary")))
    await hanging.wait()
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    vendor.meanwhile = None
    await exports.deliver(office, made("ternary"))
    assert vendor.spent() == dollars(d28=1.0)


@pytest.mark.parametrize("vendor", ["vantage"], indirect=True)
async def test_who_lost_the_diary_stops(
    vendor: Vantage, office: Office, spend: Add, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    await spend(SATURDAY, 1.0)
    await spend(SUNDAY, 1.0)
    export, database = made("vantage"), await office.store.open()

    async def lose() -> None:
        clock.advance(SILENT + 1)
        assert await taken(database, export.name, export.place, clock) is not None

    vendor.meanwhile = lose
    await exports.deliver(office, export)
    assert "another worker goes on with it" in caplog.text
    assert vendor.files == {}


@pytest.mark.parametrize("vendor", ["vantage"], indirect=True)
@pytest.mark.parametrize("overwrites", [False, True])
async def test_vantage_keeps_files_that_are_not_ours(
    vendor: Vantage, office: Office, spend: Add, clock: ManualClock, overwrites: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.overwrites = overwrites
    monkeypatch.setattr(vantage, "ROWS", 2)
    for day in (SATURDAY, SUNDAY):
        vendor.add(
            "by hand.csv" if day == SATURDAY else "other.csv", f"ChargePeriodStart,BilledCost\n{day},7\n".encode()
        )
    for key in ("a", "b", "c"):
        await spend(SATURDAY, 1.0, key)
    vendor.break_off(2, late=True)  # the second file of the day is there, and nobody knows it
    assert await ended(office, made("vantage"))
    clock.advance(SILENT + 1)
    vendor.break_off(1000)
    await spend(SATURDAY, 1.0, "a")
    await exports.deliver(office, made("vantage"))
    assert vendor.spent() == dollars(d28=11.0, d29=7.0)
    assert vendor.sizes == [2, 1, 2, 1]
    names = {name for name, *_ in vendor.files.values()}
    assert names == {"by hand.csv", "other.csv", "tianji-2026-03-28.csv", "tianji-2026-03-28.part2.csv"}
    await spend(SATURDAY, 1.0, "a")
    await exports.deliver(office, made("vantage"))
    assert vendor.spent() == dollars(d28=12.0, d29=7.0)
    assert len(vendor.files) == 4


@pytest.mark.parametrize("vendor", ["vantage"], indirect=True)
async def test_vantage_by_the_hour_is_told_the_day_that_is_not_over(
    vendor: Vantage, office: Office, spend: Add
) -> None:
    for number in (1, 2):
        await spend(MONDAY, 1.0)
        await exports.deliver(office, made("vantage", VANTAGE_EXPORT_FREQUENCY="hourly"))
        assert vendor.spent() == dollars(d30=number)


@pytest.mark.parametrize("vendor", ["mavvrik"], indirect=True)
async def test_mavvrik_says_what_it_has(
    vendor: Mavvrik, office: Office, spend: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mavvrik, "CHUNK", 200)
    await spend(SATURDAY, 1.0)
    await spend(SUNDAY, 2.0)
    await exports.deliver(office, made("mavvrik"))
    assert datetime.fromtimestamp(vendor.marker, UTC).date() == date(2026, 3, 29)
    assert sum(method == "PUT" for method, *_ in vendor.asked) > 2
    await spend(SATURDAY, 1.0)
    await exports.deliver(office, made("mavvrik"))
    assert datetime.fromtimestamp(vendor.marker, UTC).date() == date(2026, 3, 29), "it does not go back"
    vendor.marker -= 86_400
    vendor.files.clear()
    await exports.deliver(office, made("mavvrik"))
    assert vendor.spent() == dollars(d29=2.0), "what it lost is told again"
    vendor.refusing[SUNDAY] = 500
    await spend(SUNDAY, 1.0)
    await exports.deliver(office, made("mavvrik"))
    assert vendor.cancelled == [SUNDAY]


@pytest.mark.parametrize("vendor", ["mavvrik"], indirect=True)
async def test_mavvrik_from_a_day_on(vendor: Mavvrik, office: Office, spend: Add) -> None:
    for day in ("2025-12-31", "2026-01-01", SUNDAY):
        await spend(day, 1.0)
    await exports.deliver(office, made("mavvrik", MAVVRIK_LOOKBACK_START_DATE="2026-01-01"))
    assert list(vendor.files) == ["2026-01-01", SUNDAY]


@pytest.mark.parametrize("vendor", ["ternary", "mavvrik"], indirect=True)
@pytest.mark.parametrize("where", ["http://storage.googleapis.com", "https://evil.example", "https://10.0.0.1"])
async def test_a_day_goes_into_no_strangers_store(
    vendor: Any, office: Office, spend: Add, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    await spend(SUNDAY, 1.0)
    vendor.where = where
    await exports.deliver(office, made(type(vendor).__name__.lower()))
    assert "it does not say where in its store to put the day" in caplog.text
    assert vendor.files == {}


@ALL
async def test_days_are_those_of_utc_whatever_clocks_do(
    name: str, vendor: Bills, office: Office, spend: Add, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Berlin one of these days has 23 hours, and it is the next day already."""
    monkeypatch.setitem(os.environ, "TZ", "Europe/Berlin")
    time.tzset()
    try:
        for day in (SATURDAY, SUNDAY, MONDAY):
            await spend(day, 1.0)
        clock.advance(-2 * 86_400)
        for hour in range(4 * 24):
            await exports.deliver(office, made(name))
            now = datetime.fromtimestamp(clock.now(), UTC).date().isoformat()
            over = {day: Decimal("1.000000000") for day in (SATURDAY, SUNDAY, MONDAY) if day < now}
            assert vendor.spent() == over, hour
            clock.advance(3600)
    finally:
        monkeypatch.undo()
        time.tzset()
