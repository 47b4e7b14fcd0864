"""Which share of OpenAI's bill the books know of: what is asked, what it comes to, and what people are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.accounting.bills import capture, openai
from tianji.alerts import bills
from tianji.alerts.bills import SERIES, UNKNOWN, Bills
from tianji.clock import ManualClock
from tianji.config.loader import load
from tianji.config.schema import Config
from tianji.config.schema.alerting import CaptureCheck
from tianji.errors import ConfigurationError, UpstreamFailure, UpstreamProtocolError
from tianji.management.status.series import samples
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import DAILY

FIRST, LAST = date(2026, 2, 26), date(2026, 2, 28)
MIDNIGHT = int(datetime(2026, 2, 26, tzinfo=UTC).timestamp())
DAY = 86_400
DOLLAR = 10**9


def bucket(number: int, *amounts: float | str, currency: str = "usd") -> dict[str, Any]:
    results = [
        {"object": "organization.costs.result", "amount": {"value": one, "currency": currency}} for one in amounts
    ]
    return {"object": "bucket", "start_time": MIDNIGHT + number * DAY, "end_time": MIDNIGHT + (number + 1) * DAY,
            "results": results}  # fmt: skip


class Office:
    """OpenAI's, which answers page by page."""

    def __init__(self, *pages: Any, status: int = 200) -> None:
        self.pages = pages
        self.status = status
        self.asked: list[tuple[str, list[tuple[str, str]], Mapping[str, str]]] = []

    async def get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        query = parse_qsl(urlsplit(url).query)
        self.asked.append((url.partition("?")[0], query, headers))
        number = int(dict(query).get("page", "0"))
        last = number + 1 >= len(self.pages)
        page = {"object": "page", "data": self.pages[number], "has_more": not last,
                "next_page": None if last else str(number + 1)}  # fmt: skip
        return self.status, json.dumps(page).encode()


async def test_a_bill_is_asked_for_page_by_page() -> None:
    office = Office([bucket(0, 0.06, "0.04"), bucket(1)], [bucket(1, 2), bucket(2, 1e-9)])
    found = await openai.daily(office.get, "sk-admin", FIRST, LAST, ("proj_a", "proj_b"))
    assert found == {"2026-02-26": 100_000_000, "2026-02-27": 2 * DOLLAR, "2026-02-28": 1}
    (url, query, headers), (_, second, _) = office.asked
    assert (url, headers) == ("https://api.openai.com/v1/organization/costs", {"authorization": "Bearer sk-admin"})
    assert query == [
        ("start_time", str(MIDNIGHT)), ("end_time", str(MIDNIGHT + 3 * DAY)), ("bucket_width", "1d"), ("limit", "180"),
        ("project_ids[]", "proj_a"), ("project_ids[]", "proj_b"),
    ]  # fmt: skip
    assert second == [*query, ("page", "1")]


@pytest.mark.parametrize(
    ("office", "error", "said"),
    [
        (Office([], status=401), UpstreamFailure, "status 401; OPENAI_ADMIN_KEY"),
        (Office([bucket(0, 1, currency="eur")]), UpstreamProtocolError, "'eur'"),
        (Office([bucket(0, "much")]), UpstreamProtocolError, "'much'"),
        (Office([{"start_time": "x"}]), UpstreamProtocolError, "cannot be read"),
    ],
)
async def test_what_is_no_bill_is_said(office: Office, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        await openai.daily(office.get, "k", FIRST, LAST)


async def test_nobody_asks_without_a_key() -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_ADMIN_KEY is not set"):
        await capture.billed({}, FIRST, LAST, ())


AMOUNTS = st.dictionaries(st.sampled_from(["2026-02-26", "2026-02-27", "2026-02-28"]), st.integers(0, 10**15))


@given(AMOUNTS, AMOUNTS)
def test_days_add_up_to_the_whole(known: dict[str, int], bill: dict[str, int]) -> None:
    found = capture.report(FIRST, LAST, known, bill, CaptureCheck(threshold=0.5))
    assert [one.date for one in found.days] == ["2026-02-26", "2026-02-27", "2026-02-28"]
    assert found.captured_spend == pytest.approx(sum(known.values()) / DOLLAR)
    assert found.provider_spend == pytest.approx(sum(bill.values()) / DOLLAR)
    if sum(bill.values()):
        assert found.capture_rate == pytest.approx(sum(known.values()) / sum(bill.values()))
        assert found.below_threshold == (2 * sum(known.values()) < sum(bill.values()))
    else:
        assert (found.capture_rate, found.below_threshold) == (None, False)


CONFIG = """
general_settings:
  spend_capture_rate_check: {threshold: 0.8, lookback_days: 3, openai_project_ids: [proj]}
"""


class World:
    def __init__(self, folder: Path) -> None:
        (folder / "config.yaml").write_text(CONFIG)
        self.clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp())
        self.store = Store(parse(f"sqlite:///{folder}/t.db"), Revisions())
        self.counters = SharedCounters()
        self.loaded = load(folder / "config.yaml", {openai.KEY: "k"})
        self.bills = Bills(self.loaded, self.store, self.counters, clock=self.clock)
        self.asked: list[tuple[date, date, tuple[str, ...]]] = []

    async def looked(self, after: float) -> list[str]:
        """Let time go by, and return what there is to tell then."""
        self.clock.advance(after)
        await self.bills.round([])
        if self.bills._looking is not None:
            await self.bills._looking
        return [alert.text for alert in self.bills.taken()]

    def shown(self) -> float | None:
        return dict(samples(self.counters, {}, Config())).get(SERIES.format("openai"))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await asyncio.to_thread(World, tmp_path)
    yield made
    await made.bills.close()
    await made.store.close()


async def spent(world: World, **days: int) -> None:
    usual = {"kind": "all", "entity": "", "key": "k", "model": "gpt", "model_group": "gpt", "call_type": "acompletion",
             "logged": True, "requests": 1}  # fmt: skip
    rows = [
        {**usual, "day": f"2026-02-{day.removeprefix('d')}", "spend": nano, "provider": provider}
        for day, nano in days.items() for provider in ("openai", "text-completion-openai", "azure")
    ]  # fmt: skip
    database = await world.store.open()
    async with database.writing() as connection:
        await connection.execute(sa.insert(DAILY), rows)


def bill(world: World, monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, int] | Exception) -> None:
    async def billed(_environ: Any, first: date, last: date, projects: tuple[str, ...]) -> Mapping[str, int]:
        world.asked.append((first, last, projects))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(capture, "billed", billed)


async def test_it_is_looked_at_after_the_start_and_once_a_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await spent(world, d25=7 * DOLLAR, d26=DOLLAR, d28=DOLLAR)
    bill(world, monkeypatch, {"2026-02-26": 4 * DOLLAR, "2026-02-28": 4 * DOLLAR})
    assert await world.looked(60) == []
    assert (world.asked, world.shown()) == ([], None)
    (text,) = await world.looked(60)
    assert "50.0% of openai's bill, less than 80%: of $4.00 of the $8.00 from 2026-02-26 to 2026-02-28" in text
    assert world.asked == [(FIRST, LAST, ("proj",))]
    assert world.shown() == 0.5
    assert await world.looked(3600) == []
    bill(world, monkeypatch, {"2026-02-28": DOLLAR})
    assert await world.looked(13 * 3600) == []
    assert [one[1] for one in world.asked] == [LAST, date(2026, 3, 1)]
    assert world.shown() == 2.0


async def test_a_bill_that_cannot_be_read_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bill(world, monkeypatch, ConfigurationError("OPENAI_ADMIN_KEY is not set"))
    assert await world.looked(121) == ["openai's bill cannot be read: OPENAI_ADMIN_KEY is not set"]
    assert str(world.shown()) == "nan"
    assert world.counters.value(world.counters.slot(SERIES.format("openai"))) == UNKNOWN
    bill(world, monkeypatch, {})
    assert await world.looked(14 * 3600) == [], "nothing was billed"
    assert str(world.shown()) == "nan"


async def test_it_is_looked_at_again_soon_when_the_database_was_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill(world, monkeypatch, bills.StoreUnavailable("away"))
    assert await world.looked(121) == []
    assert await world.looked(60) == []
    assert len(world.asked) == 1
    await world.looked(bills.AGAIN)
    assert len(world.asked) == 2


async def test_nobody_looks_where_that_is_not_wanted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bill(world, monkeypatch, {})
    world.bills.adopt(msgspec.structs.replace(world.loaded, config=Config()))
    assert await world.looked(10 * DAY) == []
    assert world.asked == []
