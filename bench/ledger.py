"""`python -m bench ledger`: what the ledger takes in, and how long its lists take with many rows.

One process for everything, so the figures of the drain hold beside nothing else; it says what each engine used.
"""

import asyncio
import gc
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import click
import sqlalchemy as sa

from bench.stores import postgresql
from tianji._core.sharing.revision import Revisions
from tianji.auth.identity import MASTER, Identity, Role
from tianji.clock import ManualClock
from tianji.ledger.drain import Drain
from tianji.ledger.entry import Entry
from tianji.ledger.journal import Journal
from tianji.ledger.process import GC_THRESHOLDS
from tianji.management import desk
from tianji.management.office import Office
from tianji.management.spend import cache_activity
from tianji.management.spend import logs as spend_logs
from tianji.management.spend import reports as spend_reports
from tianji.storage.engine import Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.store import Store

END = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, KEYS, USERS, MODELS = 90, 200, 50, 8
ACCOUNTS = KEYS * MODELS
STEP = 100_000  # rows of one statement
REPEAT = 5
PAUSE = 0.001  # seconds between two looks whether the loop is late
DAY_US = 86_400_000_000
START_US = int((END - timedelta(days=DAYS)).timestamp()) * 1_000_000

# both engines read them; rows are spread evenly over the days. Of the last account there is one row.
FILL_ACCOUNTS = f"""
INSERT INTO ledger_accounts (digest, call_type, model_group, model, provider, deployment_id, api_base, key, key_alias,
  user_id, team_id, tags, rates)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})
SELECT 'account-' || i, 'acompletion', 'group-' || (i % {MODELS}), 'model-' || (i % {MODELS}), 'openai',
  CASE WHEN i = {ACCOUNTS} THEN 'rare' ELSE 'deployment-' || (i % {MODELS}) END, 'https://api.openai.com/v1',
  'key-' || (i / {MODELS}), CASE WHEN i = {ACCOUNTS} THEN 'rare' ELSE 'alias-' || (i / {MODELS}) END,
  'user-' || (i / {MODELS} % {USERS}), 'team-' || (i / {MODELS} % 10), '["a"]',
  '{{"items":[["input",1000000000000]],"factors":[[1,1,0],[1,1,0]]}}' FROM n
"""
FILL_ROWS = f"""
INSERT INTO ledger_rows (request_id, call_id, account, started_at, ended_at, attempt, status, end_user, prompt_tokens,
  completion_tokens, cached_tokens, written_tokens, reasoning_tokens, cost, quantities, flags)
WITH RECURSIVE n(i) AS (SELECT CAST(:first AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT 'request-' || i, 'call-' || i,
  (SELECT id FROM ledger_accounts WHERE digest = 'account-' || CASE WHEN i = 1 THEN {ACCOUNTS} ELSE i % {ACCOUNTS} END),
  {START_US} + i * CAST(:apart AS BIGINT), {START_US} + i * CAST(:apart AS BIGINT) + 250000, 0,
  CASE WHEN i % 50 = 0 THEN 'failure' ELSE 'success' END, 'customer-' || (i % 1000), 1000, 200, 0, 0, 0,
  CASE WHEN i = 1 THEN 99000000000 ELSE 1000000 END, '[1000]', CASE WHEN i = 1 THEN 2 ELSE 0 END FROM n
"""
FILL_SUMS = """
INSERT INTO daily_spend (kind, day, entity, key, model, model_group, provider, call_type, logged, spend, prompt_tokens,
  completion_tokens, requests, successes)
SELECT :kind, CAST(:day AS TEXT), {entity}, key, model, model_group, provider, call_type, true, SUM(cost),
  SUM(prompt_tokens), SUM(completion_tokens), COUNT(*), COUNT(*)
FROM ledger WHERE started_at >= :start AND started_at < :end
GROUP BY 3, key, model, model_group, provider, call_type
"""


def entry(number: int) -> Entry:
    """An entry as a chat makes one."""
    return Entry(
        request_id=f"{number:032x}-0",
        call_id=f"{number:032x}",
        started_at=START_US - DAY_US + number * 1000,
        ended_at=START_US - DAY_US + number * 1000 + 250_000,
        model_group="gpt-4o",
        model="gpt-4o-2024-08-06",
        provider="openai",
        deployment_id="d" * 32,
        api_base="https://api.openai.com/v1",
        key=f"{number % KEYS:064x}",
        user_id=f"user-{number % USERS}",
        team_id=f"team-{number % 10}",
        tags=("production",),
        prompt_tokens=1000,
        completion_tokens=200,
        cost=4_500_000,
        items=(("input", 1000, 2_500_000_000_000), ("output", 200, 10_000_000_000_000)),
        factors=((1, 1, 0), (1, 1, 0)),
        catalogue="2026-03-01",
    )


@contextmanager
def located(engine: str, folder: Path) -> Iterator[Location]:
    """A database of this engine that is gone afterwards."""
    if engine == "sqlite":
        yield parse(f"sqlite:///{folder}/bench.db")
        return
    with postgresql(folder) as server:
        yield server.location


@asynccontextmanager
async def opened(location: Location) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, location)
    database = Database(location)
    try:
        yield database
    finally:
        await database.close()


async def drained(database: Database, folder: Path, count: int) -> None:
    """Print what an entry costs where it is made, and how many a second come into the database."""
    entries = [entry(number) for number in range(count)]
    journal = Journal(folder)
    start = time.perf_counter()
    for one in entries:
        journal.append(one)
    took = time.perf_counter() - start
    click.echo(f"  append: {took / count * 1e6:.2f} us an entry")
    journal.close()

    async def found() -> Database:
        return database

    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not done:
            slept = time.perf_counter()
            await asyncio.sleep(PAUSE)
            longest = max(longest, time.perf_counter() - slept - PAUSE)

    watching = asyncio.create_task(watch())
    cpu, start = _cpu(), time.perf_counter()
    taken = await Drain(folder, found).round()
    took, cpu = time.perf_counter() - start, _cpu() - cpu
    done = True
    await watching
    click.echo(
        f"  drain: {taken / took:,.0f} rows a second, {cpu / taken * 1e6:.0f} us of this process's CPU a row, "
        f"the loop was late by up to {longest * 1e3:.1f} ms"
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def fill(database: Database, rows: int) -> None:
    apart = DAYS * DAY_US // rows
    async with database.writing() as connection:
        await connection.execute(sa.text(FILL_ACCOUNTS))
    for first in range(0, rows, STEP):
        async with database.writing() as connection:
            values = {"first": first, "last": min(first + STEP, rows) - 1, "apart": apart}
            await connection.execute(sa.text(FILL_ROWS), values)
    for number in range(DAYS):
        day = END - timedelta(days=DAYS - number)
        start = int(day.timestamp()) * 1_000_000
        async with database.writing() as connection:
            for kind, entity in (("all", "''"), ("user", "user_id"), ("team", "team_id"), ("customer", "end_user")):
                values = {"kind": kind, "day": f"{day:%Y-%m-%d}", "start": start, "end": start + DAY_US}
                await connection.execute(sa.text(FILL_SUMS.format(entity=entity)), values)
    async with database.reading() as connection:
        await connection.execute(sa.text("ANALYZE"))
        await connection.commit()


async def asked(location: Location) -> None:
    """Print how long the lists of a dashboard take."""
    config: Any = SimpleNamespace(litellm_settings=SimpleNamespace(max_budget=0))
    store = Store(location, Revisions())
    office = Office(
        store=store, config=lambda: config, groups=dict, salt=lambda: None, clock=ManualClock(END.timestamp())
    )
    month = {"start_date": f"{END - timedelta(days=30):%Y-%m-%d}", "end_date": f"{END:%Y-%m-%d}"}
    whole = {"start_date": f"{END - timedelta(days=DAYS):%Y-%m-%d}", "end_date": f"{END:%Y-%m-%d}"}
    user = Identity(role=Role.INTERNAL_USER, user_id="user-7", key="key-7")
    cases: list[tuple[str, Callable[[desk.Call], Awaitable[Any]], Identity, dict[str, Any]]] = [
        ("search, all days", spend_logs.search, MASTER, whole),
        ("search, page 100", spend_logs.search, MASTER, {**whole, "page": 100}),
        ("search, by user", spend_logs.search, MASTER, {**whole, "user_id": "user-7"}),
        ("search, by key", spend_logs.search, MASTER, {**whole, "api_key": "key-7"}),
        ("search, by customer", spend_logs.search, MASTER, {**whole, "end_user": "customer-7"}),
        ("search, failures", spend_logs.search, MASTER, {**whole, "status_filter": "failure"}),
        ("search, by model", spend_logs.search, MASTER, {**whole, "model": "model-3"}),
        ("search, by deployment", spend_logs.search, MASTER, {**whole, "model_id": "deployment-3"}),
        ("search, a rare deployment", spend_logs.search, MASTER, {**whole, "model_id": "rare"}),
        ("search, a rare alias", spend_logs.search, MASTER, {**whole, "key_alias": "rare"}),
        ("search, a rare cost", spend_logs.search, MASTER, {**whole, "min_spend": 98}),
        ("search, no cost", spend_logs.search, MASTER, {**whole, "min_spend": 100}),
        ("search, a model's rare cost", spend_logs.search, MASTER, {**whole, "min_spend": 98, "model": "model-0"}),
        ("search, a rare hit", spend_logs.search, MASTER, {**whole, "cache_hit_filter": "true"}),
        ("search, the dearest", spend_logs.search, MASTER, {**whole, "sort_by": "spend"}),
        ("search, a user's most tokens", spend_logs.search, user, {**whole, "sort_by": "total_tokens"}),
        ("search, error message", spend_logs.search, MASTER, {**whole, "error_message": "nobody"}),
        ("search, as a user", spend_logs.search, user, whole),
        ("logs, newest", spend_logs.logs, MASTER, {}),
        ("logs, days of a month", spend_logs.logs, MASTER, month),
        ("global/spend", spend_reports.whole, MASTER, {}),
        ("global/spend/keys", spend_reports.by_key, MASTER, {}),
        ("global/spend/teams", spend_reports.by_team, MASTER, {}),
        ("global/spend/models", spend_reports.by_model, MASTER, {}),
        ("global/activity", spend_reports.activity, MASTER, {}),
        ("global/activity/cache_hits, all days", cache_activity.hits, MASTER, whole),
    ]
    for name, function, caller, questions in cases:
        seen = []
        for _ in range(REPEAT):
            exchange: Any = SimpleNamespace(identity=caller, query=urlencode(questions).encode(), body=b"")
            match: Any = SimpleNamespace(params={})
            start = time.perf_counter()
            async with (await store.open()).reading() as connection:
                await function(desk.Call(office, exchange, match, connection))
            seen.append(time.perf_counter() - start)
        click.echo(f"  {name}: {sorted(seen)[REPEAT // 2] * 1e3:.1f} ms")
    await store.close()


async def measured(location: Location, folder: Path, entries: int, rows: int) -> None:
    async with opened(location) as database:
        await drained(database, folder / "journals", entries)
        if rows:
            start = time.perf_counter()
            await fill(database, rows)
            click.echo(f"  filled with {rows:,} rows in {time.perf_counter() - start:.0f} s")
    if rows:
        await asked(location)


@click.command("ledger")
@click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), multiple=True, help="Default: both.")
@click.option("--entries", default=20_000, show_default=True, help="How many the drain takes in.")
@click.option("--rows", default=1_000_000, show_default=True, help="How many the lists are asked of; 0: no lists.")
def ledger(engine: tuple[str, ...], entries: int, rows: int) -> None:
    """Measure the ledger on real engines, under the collector's settings of its process."""
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    for name in engine or ("sqlite", "postgresql"):
        click.echo(f"{name}:")
        with tempfile.TemporaryDirectory() as made, located(name, Path(made)) as location:
            asyncio.run(measured(location, Path(made), entries, rows))
