"""The whole of it in one process: journals, shared memory and the database in, messages out."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from tests.unit.alerts.conftest import NOW, entry, failure

from tianji._core.routing.health import HealthTable
from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.alerts.alert import Alert
from tianji.alerts.office import Heap
from tianji.alerts.watching import Signs, Watching
from tianji.callbacks.sink import Delivery
from tianji.clock import ManualClock
from tianji.config.loader import Loaded, load
from tianji.config.schema import Config
from tianji.config.schema.alerting import AlertingArgs
from tianji.ledger import reading
from tianji.ledger.journal import Journal
from tianji.ledger.posting import post
from tianji.ledger.rows import sheet_of
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import KEYS

SLACK = "https://slack.example.com"
ENDED = "gemini/gemini-2.0-flash-exp-image-generation"
CONFIG = """
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: x, region_name: eu}, model_info: {id: d}}
  - {model_name: old, litellm_params: {model: ENDED, api_key: x, region_name: eu}, model_info: {id: e}}
general_settings:
  alerting: [slack, webhook]
  alerting_threshold: 100
  alert_types: [ALL]
litellm_settings: {timezone: Europe/Berlin}
"""
ALL = """llm_too_slow, llm_requests_hanging, llm_exceptions, budget_alerts, spend_reports, failed_tracking_spend,
 daily_reports, outage_alerts, region_outage_alerts, cooldown_deployment, new_model_added, model_deprecation_warnings,
 db_exceptions, secret_manager_exceptions, fallback_reports, user_spend_thresholds, new_virtual_key_created"""
DOLLAR = 10**9


class World:
    def __init__(self, folder: Path, loaded: Loaded) -> None:
        self.folder = folder / "data" / "journals"
        self.store = Store(parse(f"sqlite:///{folder}/t.db"), Revisions())
        self.health, self.counters = HealthTable(), SharedCounters()
        self.clock = ManualClock(NOW)
        self.fault: str | None = None
        self.loaded = loaded
        self.got: list[tuple[str, Any]] = []
        self.watching = self.begin()

    def begin(self) -> Watching:
        return Watching(
            self.folder,
            self.loaded,
            self.store,
            Signs(self.health, self.counters, lambda: self.fault),
            self,
            clock=self.clock,
        )

    async def send(self, request: Delivery) -> int:
        self.got.append((request.url, msgspec.json.decode(request.body)))
        return 200

    async def send_checked(self, request: Delivery) -> int:
        return await self.send(request)

    def adopt(self, config: Config) -> None:
        """Nothing is judged here."""

    async def keep(self, *entries: Any) -> None:
        journal = Journal(self.folder)
        for one in entries:
            await asyncio.to_thread(journal.append, one)
        await asyncio.to_thread(journal.close)
        await self.watching.round(await asyncio.to_thread(reading.journals, self.folder))

    async def told(self, after: float = 0) -> list[str]:
        """Let time go by, and return what Slack is told then."""
        self.clock.advance(after)
        await self.watching.tick()
        office = self.watching._office
        assert office is not None
        await asyncio.gather(*(box.flush() for box in office._boxes.values()))
        got, self.got = self.got, []
        self.events = [body for url, body in got if url != SLACK]
        return [body["text"] for url, body in got if url == SLACK]

    async def fill(self, **row: Any) -> None:
        at = datetime.fromtimestamp(self.clock.now(), UTC)
        database = await self.store.open()
        async with database.writing() as connection:
            await connection.execute(sa.insert(KEYS), [{"created_at": at, "updated_at": at, **row}])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = tmp_path / "config.yaml"
    await asyncio.to_thread(file.write_text, CONFIG.replace("ALL", ALL).replace("ENDED", ENDED))
    await asyncio.to_thread(ZoneInfo, "Europe/Berlin")  # which is read once
    environ = {"SLACK_WEBHOOK_URL": SLACK, "WEBHOOK_URL": "https://events.example.com"}
    made = World(tmp_path, await asyncio.to_thread(load, file, environ))
    yield made
    await made.watching.close()
    await made.store.close()


def kinds(texts: list[str]) -> set[str]:
    return {text.removeprefix("Alert type: ").partition("\n")[0] for text in texts}


async def test_what_entries_say_is_told(world: World) -> None:
    slow = entry(9, ended_at=entry(9).started_at + 200_000_000)
    failures = [failure(number, deployment_id="de"[number % 2]) for number in range(20)]
    await world.keep(slow, *failures)
    told = await world.told()
    assert kinds(told) == {"llm_too_slow", "llm_exceptions", "outage_alerts", "region_outage_alerts"}
    assert len([text for text in told if "llm_exceptions" in text]) == 2, "one for each deployment"
    assert any("region openai eu: major outage" in text for text in told)
    assert any("provider openai: major outage" in text for text in told)
    assert await world.told(10) == []


async def test_outages_of_regions_have_a_time_of_their_own(world: World) -> None:
    config = world.loaded.config
    general = msgspec.structs.replace(
        config.general_settings, alerting_args=AlertingArgs(outage_alert_ttl=60, region_outage_alert_ttl=7)
    )
    config = msgspec.structs.replace(config, general_settings=general)
    world.watching.adopt(msgspec.structs.replace(world.loaded, config=config))
    await world.keep(*(failure(number, deployment_id="de"[number % 2]) for number in range(20)))
    outages = [text for text in await world.told() if "outage," in text]
    within = {"7" if " within 7 s" in text else "60": kinds([text]) for text in outages}
    assert within == {"7": {"region_outage_alerts"}, "60": {"outage_alerts"}}


async def test_a_budget_is_told_of_when_its_spend_is_in_the_books(world: World) -> None:
    await world.fill(token="k", key_alias="alice", max_budget=10 * DOLLAR)
    await world.told()
    spent = entry(1, cost=9 * DOLLAR)
    await world.keep(spent)
    database = await world.store.open()
    async with database.writing() as connection:
        await post(connection, sheet_of([spent]), logged=True)
    told = await world.told(3)
    assert len(told) == 1
    assert "key alice: less than 15% of the budget of $10.00 are left; spent are $9.00" in told[0]
    events = [(event["event"], event["token"]) for event in world.events]
    assert events == [("spend_tracked", "k"), ("threshold_crossed", "k")]
    await world.keep(entry(2, cost=1))
    assert await world.told(3) == [], "once"


async def test_a_secret_manager_that_fails_is_told_of_and_that_it_is_there_again(world: World) -> None:
    def read(outcome: str) -> None:
        counters = world.counters
        counters.add(counters.slot(f'tianji_secret_manager_reads_total{{outcome="{outcome}"}}'), 1)

    read("failed")
    assert await world.told() == [], "none is configured"
    config = world.loaded.config
    general = msgspec.structs.replace(config.general_settings, key_management_system="hashicorp_vault")
    config = msgspec.structs.replace(config, general_settings=general)
    world.watching.adopt(msgspec.structs.replace(world.loaded, config=config))
    (told,) = await world.told()
    assert "secret_manager_exceptions" in told
    assert "hashicorp_vault does not say all that it is asked" in told
    read("failed")
    assert await world.told(5) == [], "once for a while"
    read("same")
    read("failed")
    assert await world.told(5) == [], "another worker fails still"
    read("changed")
    (told,) = await world.told(5)
    assert "Low" in told
    assert "again" in told
    read("same")
    assert await world.told(5) == []
    read("failed")
    assert len(await world.told(700)) == 1


async def test_what_hangs_and_what_rests_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    health = world.health.health("d")
    health.cool(world.clock.monotonic() + 60)
    assert kinds(await world.told()) == {"cooldown_deployment"}
    assert await world.told(1) == []
    monkeypatch.setattr(world.watching._hanging, "_under_way", {"d": 2, "e": 0}.__getitem__)
    await world.told(50)
    assert await world.told(50) == []
    (text,) = await world.told(50)
    assert "gpt (openai/gpt-4o, deployment d): 2 requests have been under way for more than 100 s" in text


async def test_what_has_ended_does_not_hang(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.watching._hanging, "_under_way", {"d": 2, "e": 0}.__getitem__)
    assert await world.told() == []
    await world.keep(entry(1, started_at=int((NOW - 1) * 1e6), ended_at=int((NOW + 10) * 1e6)))  # another one has begun
    assert await world.told(50) == []
    (text,) = await world.told(50)
    assert "one request has been under way for more than 100 s" in text


async def test_what_bills_say_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.watching, "_bills", lambda: [Alert(kind="spend_reports", text="a bill differs")])
    (text,) = await world.told()
    assert "a bill differs" in text


async def test_somebody_is_called_out_for_what_hangs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    general = world.loaded.config.general_settings
    within = AlertingArgs(hanging_threshold_seconds=10, hanging_threshold_fails=3)
    general = msgspec.structs.replace(general, alerting=("pagerduty",), alerting_args=within)
    config = msgspec.structs.replace(world.loaded.config, general_settings=general)
    environ = {**world.loaded.environment, "PAGERDUTY_API_KEY": "pager-key"}
    world.watching.adopt(msgspec.structs.replace(world.loaded, config=config, environment=environ))
    under_way = {"d": 2, "e": 0}
    monkeypatch.setattr(world.watching._stuck, "_under_way", under_way.__getitem__)

    async def called(after: float) -> list[str]:
        await world.told(after)
        return [event["payload"]["summary"] for event in world.events if "routing_key" in event]

    assert await called(0) == await called(5) == await called(5) == [], "two hang"
    under_way["e"] = 1
    assert await called(5) == await called(5) == []
    assert await called(5) == ["3 requests have been under way for more than 10 s, found within 600 s"]
    assert await called(5) == await called(30) == [], "each counts once"


async def test_books_that_are_not_kept_are_told_of_until_they_are(world: World) -> None:
    world.fault = "the database does not answer"
    assert kinds(await world.told()) == {"db_exceptions"}
    assert await world.told(30) == []
    assert kinds(await world.told(31)) == {"failed_tracking_spend"}
    world.fault = None
    (text,) = await world.told(1)
    assert "the ledger is taken into the database again" in text
    assert await world.told(1) == []


async def test_reports_come_at_their_time_and_outlive_the_process(world: World) -> None:
    await world.told()
    await world.keep(entry(1, cost=DOLLAR), failure(2, code="429"), entry(2, 1, deployment_id="e"))
    assert kinds(await world.told()) == {"llm_exceptions"}
    await world.watching.close()
    world.watching = world.begin()
    (report,) = await world.told(11 * 3600)  # midnight in Berlin
    assert "since 2026-03-01 12:00: 3 attempts, 1 failures" in report
    (report,) = [text for text in await world.told(10 * 3600) if "Fallbacks" in text]
    assert "gpt → old: 1 answered, 0 failed" in report


async def test_weeks_are_reported_out_of_the_books(world: World) -> None:
    await world.fill(token="k", key_alias="alice")
    await world.told()
    database = await world.store.open()
    async with database.writing() as connection:
        await post(connection, sheet_of([entry(1, cost=DOLLAR)]), logged=True)
    told = await world.told(12 * 3600)
    assert [text for text in told if text.startswith("Spend from 2026-02-23 to 2026-03-02: $1.0000")]
    assert await world.told(3600) == []


async def test_keys_that_were_made_are_told_of(world: World) -> None:
    await world.fill(token="first")
    await world.told()
    world.clock.advance(1)
    await world.fill(token="second", key_alias="bob", created_by="admin")
    (text,) = await world.told(2)
    assert "Key made: bob" in text
    assert "created_by: admin" in text
    assert [(event["event"], event["token"]) for event in world.events] == [("key_created", "second")]
    assert await world.told(3) == []


async def test_each_request_of_a_customer_is_an_event_and_no_message(world: World) -> None:
    await world.keep(
        entry(1, end_user="c", cost=DOLLAR), entry(2, end_user="c", cost=2 * DOLLAR), entry(3, end_user=None)
    )
    assert await world.told() == []
    assert [(one["event"], one["event_group"], one["customer_id"], one["spend"]) for one in world.events] == [
        ("spend_tracked", "end_user", "c", 1.0), ("spend_tracked", "end_user", "c", 2.0),
    ]  # fmt: skip
    assert {one["token"] for one in world.events} == {"k"}


async def test_what_a_maker_has_given_up_is_told_daily(world: World) -> None:
    await world.fill(token="k")
    (text,) = [text for text in await world.told() if "model_deprecation_warnings" in text]
    assert f"old ({ENDED}): 2025-11-14" in text
    assert not [text for text in await world.told(3) if "model_deprecation_warnings" in text]


async def test_of_two_gateways_in_a_folder_one_tells(world: World) -> None:
    await world.told()
    other = world.begin()
    await world.keep(failure(1))
    await other.tick()
    assert len(await world.told()) == 1
    world.fault = "the disk is full"  # which both see
    await other.tick()
    assert other._office is not None
    assert not other._office._boxes
    await other.close()


async def test_what_was_told_and_what_is_collected_outlives_the_process(world: World) -> None:
    now, office = world.clock.now(), world.watching._office
    assert office is not None
    assert await world.watching._claims.take("told", 60)
    office.collected["all"] = Heap(Alert(kind="db_exceptions", text="away"), 2, now, now)
    other = world.begin()
    other.recall(world.watching.kept())
    assert not await other._claims.take("told", 60)
    assert other._office is not None
    assert other._office.collected["all"].count == 2
    office.collected.clear()
    other._office.collected.clear()
    await other.close()


async def test_a_configuration_without_channels_alerts_nobody(world: World, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    await asyncio.to_thread(file.write_text, "model_list: []")
    world.watching.adopt(await asyncio.to_thread(load, file, {}))
    await world.keep(failure(1))
    assert await world.told() == []
    assert await world.watching.finished(world.folder, 5)
