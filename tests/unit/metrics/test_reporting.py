"""The process of the ledger keeps the numbers and tells them over a socket, with what the database says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.metrics.conftest import entry, failure

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import Limit, LimitSet, LimitTable
from tianji._core.routing.health import HealthTable
from tianji._core.sharing.revision import Revisions
from tianji.config.loader import Loaded, load
from tianji.errors import StoreUnavailable
from tianji.ledger import reading
from tianji.ledger.journal import Journal
from tianji.metrics import gauges, standings
from tianji.metrics.reporting import Reporting
from tianji.metrics.socket import ask
from tianji.storage.location import parse
from tianji.storage.store import Store
from tianji.storage.tables import BUDGETS, KEYS, ORGANIZATIONS, PROJECTS, TEAM_MEMBERS, TEAMS, USERS

CONFIG = """
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4o, api_key: x, rpm: 60}, model_info: {id: d}}
litellm_settings:
  callbacks: [prometheus]
  custom_prometheus_metadata_labels: [metadata.cost]
"""
DOLLAR = 10**9


class World:
    def __init__(self, folder: Path, loaded: Loaded) -> None:
        self.folder = folder / "data" / "journals"
        self.store = Store(parse(f"sqlite:///{folder}/t.db"), Revisions())
        self.health = HealthTable()
        self.limits = LimitTable(64)
        self.refused = {"langfuse": 3, "fine": 0}
        self.reporting = Reporting(self.folder, loaded, self.store, self.health, self.limits, lambda: self.refused)

    async def keep(self, *entries: Any) -> None:
        journal = Journal(self.folder)
        for one in entries:
            await asyncio.to_thread(journal.append, one)
        await asyncio.to_thread(journal.close)
        await self.reporting.round(await asyncio.to_thread(reading.journals, self.folder))

    async def numbers(self, *names: str) -> dict[str, dict[tuple[str, ...], float]]:
        found: dict[str, dict[tuple[str, ...], float]] = {}
        text = (await ask(self.folder.parent, names)).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    file = tmp_path / "config.yaml"
    await asyncio.to_thread(file.write_text, CONFIG)
    made = World(tmp_path, await asyncio.to_thread(load, file, {}))
    yield made
    await made.reporting.close()
    await made.store.close()


async def fill(store: Store) -> None:
    now = datetime.now(UTC)
    made = {"created_at": now, "updated_at": now}
    database = await store.open()
    async with database.writing() as connection:
        for table, row in (
            (BUDGETS, {"budget_id": "b", "max_budget": 5 * DOLLAR, "budget_reset_at": now + timedelta(hours=2)}),
            (KEYS, {"token": "k", "key_alias": "K", "spend": DOLLAR, "max_budget": 4 * DOLLAR, "rpm_limit": 7,
                    "metadata": {"cost": "42", "model_rpm_limit": {"gpt": 5}}}),
            (KEYS, {"token": "idle", "max_budget": DOLLAR}),
            (TEAMS, {"team_id": "t", "team_alias": "T", "spend": DOLLAR}),
            (TEAM_MEMBERS, {"team_id": "t", "user_id": "u", "role": "user"}),
            (ORGANIZATIONS, {"organization_id": "o", "organization_alias": "O", "budget_id": "b"}),
            (USERS, {"user_id": "u", "user_email": "u@example.com"}),
        ):  # fmt: skip
            if table is TEAM_MEMBERS:
                users: list[dict[str, Any]] = [
                    {"user_id": "u", "user_email": "u@example.com", "metadata": {"scim_active": True}},
                    {"user_id": "gone", "user_email": None, "metadata": {"scim_active": False}},
                    {"user_id": "plain", "user_email": None, "metadata": None},
                ]
                await connection.execute(sa.insert(USERS), [{**user, **made} for user in users])
            if table is not USERS:
                await connection.execute(sa.insert(table), [{**row, **made}])


async def test_everything_is_told_over_the_socket(world: World) -> None:
    await fill(world.store)
    await world.keep(entry(1), entry(2), failure(3, code="400"))
    told = await world.numbers()
    spend = told["litellm_spend_metric_total"]
    ((labels, dollars),) = spend.items()
    assert {"k", "T", "O", "u@example.com", "42"} <= set(labels)
    assert dollars == pytest.approx(17e-9)
    assert told["litellm_remaining_api_key_budget_metric"] == {("k", "K"): 3}
    assert told["litellm_api_key_max_budget_metric"] == {("k", "K"): 4}
    assert told["litellm_remaining_team_budget_metric"] == {("t", "T"): float("inf")}
    assert told["litellm_remaining_org_budget_metric"] == {("o", "O"): 5}
    assert told["litellm_org_budget_remaining_hours_metric"][("o", "O")] == pytest.approx(2, abs=0.1)
    assert told["litellm_team_members_metric"] == {("t", "T"): 1}
    assert (told["litellm_total_users"], told["litellm_teams_count"]) == ({(): 3}, {(): 1})
    assert told["litellm_active_users"] == {(): 2}
    assert told["litellm_api_key_rate_limit_allowed_metric"] == {("k", "K", "requests"): 7}
    assert told["litellm_api_key_rate_limit_used_metric"] == {("k", "K", "requests"): 0}
    assert told["litellm_remaining_api_key_requests_for_model"] == {("k", "K", "gpt", "None"): 5}
    assert told["litellm_callback_logging_failures_metric_total"] == {("langfuse",): 3}
    assert told["litellm_deployment_rpm_limit"] == {("gpt-4o", "d", "None", "openai", "gpt"): 60}


async def test_budgets_stay_what_they_were_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(world.store)
    await world.keep(entry(1))
    left = "litellm_remaining_api_key_budget_metric"
    assert (await world.numbers(left))[left] == {("k", "K"): 3}

    async def away() -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(world.store, "open", away)
    monkeypatch.setattr(gauges, "FRESH", 0.0)
    assert (await world.numbers(left))[left] == {("k", "K"): 3}


async def test_what_nobody_wants_told_is_not_read(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(world.store)
    await world.keep(entry(1))

    async def unwanted(*_: Any, **__: Any) -> None:
        raise AssertionError("a budget was read for a family that is excluded")

    for name in ("standings", "projects", "members", "counts"):
        monkeypatch.setattr(standings, name, unwanted)
    monkeypatch.setattr(gauges, "FRESH", 0.0)
    assert await world.numbers() == {}, "unless these are excluded, they are read"
    alone = CONFIG + "  prometheus_metrics_config: [{group: g, metrics: [litellm_spend_metric]}]\n"
    file = tmp_path / "alone.yaml"
    await asyncio.to_thread(file.write_text, alone)
    world.reporting.adopt(await asyncio.to_thread(load, file, {}))
    assert list(await world.numbers()) == ["litellm_spend_metric_total"]


async def test_what_is_used_of_the_limits_of_keys(world: World) -> None:
    await fill(world.store)
    clock = asyncio.get_running_loop().time
    rows = (("key:k", 7, 3), ("key:k/model:gpt", 5, 2))
    under_way = [
        Admission(LimitSet((Limit(world.limits, row, requests=most),)), requests=used) for row, most, used in rows
    ]
    assert all(admission.admit(clock()) for admission in under_way)
    await world.keep(entry(1))
    told = await world.numbers()
    assert told["litellm_api_key_rate_limit_used_metric"] == {("k", "K", "requests"): 3}
    assert told["litellm_remaining_api_key_requests_for_model"] == {("k", "K", "gpt", "None"): 3}


async def test_the_limits_of_projects_by_model(world: World) -> None:
    await fill(world.store)
    now = datetime.now(UTC)
    made = {"created_at": now, "updated_at": now}
    database = await world.store.open()
    async with database.writing() as connection:
        limits = {"model_rpm_limit": {"gpt": 9}, "model_tpm_limit": {"gpt": 100}}
        for row in (
            {"project_id": "p", "project_alias": "P", "metadata": limits},
            {"project_id": "idle", "project_alias": None, "metadata": {"model_rpm_limit": {"gpt": 1}}},
            {"project_id": "free", "project_alias": None, "metadata": {}},
        ):
            await connection.execute(sa.insert(PROJECTS).values(**row, **made))
        await connection.execute(sa.update(KEYS).where(KEYS.c.token == "k").values(project_id="p"))
    clock = asyncio.get_running_loop().time
    limit = Limit(world.limits, "project:p/model:gpt", requests=9)
    admission = Admission(LimitSet((limit,)), requests=2)
    assert admission.admit(clock())
    await world.keep(entry(1))
    told = await world.numbers()
    family = "litellm_project_model_rate_limit_{}_metric".format
    assert told[family("allowed")] == {
        ("p", "P", "gpt", "requests"): 9, ("p", "P", "gpt", "tokens"): 100, ("idle", "None", "gpt", "requests"): 1,
    }  # fmt: skip
    assert told[family("used")] == {
        ("p", "P", "gpt", "requests"): 2, ("p", "P", "gpt", "tokens"): 0, ("idle", "None", "gpt", "requests"): 0,
    }  # fmt: skip


async def test_the_socket_tells_only_what_it_is_asked_for(world: World) -> None:
    await world.keep(entry(1))
    assert (await world.numbers("litellm_spend_metric")).keys() == {"litellm_spend_metric_total"}


async def test_a_deployment_that_rests_is_counted_once(world: World) -> None:
    await world.keep(entry(1), failure(2, code="429"))
    state = "litellm_deployment_state"
    assert list((await world.numbers(state))[state].values()) == [0]
    health = world.health.health("d")
    health.cool(asyncio.get_running_loop().time() + 1000)
    for _ in range(2):
        await world.reporting.round([])
    told = await world.numbers()
    assert list(told[state].values()) == [2]
    ((labels, count),) = told["litellm_deployment_cooled_down_total"].items()
    assert (labels[-1], count) == ("429", 1)


async def test_numbers_survive_the_process(world: World, tmp_path: Path) -> None:
    await world.keep(entry(1))
    before = await world.numbers("litellm_spend_metric_total")
    await world.reporting.close()
    loaded = await asyncio.to_thread(load, tmp_path / "config.yaml", {})
    world.reporting = Reporting(world.folder, loaded, world.store, world.health, world.limits, dict)
    await world.reporting.round([])
    assert await world.numbers("litellm_spend_metric_total") == before


async def test_nobody_is_told_of_a_configuration_that_does_not_want_it(world: World, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    await asyncio.to_thread(file.write_text, CONFIG.replace("[prometheus]", "[]"))
    world.reporting.adopt(await asyncio.to_thread(load, file, {}))
    await world.keep(entry(1))
    assert await ask(world.folder.parent, []) == b""
    assert [one.name for one in await asyncio.to_thread(lambda: list(world.folder.parent.iterdir()))] == ["journals"]
    assert await world.reporting.finished(world.folder, 5)
