"""`python -m bench migration`: how long a ledger of an earlier release takes until it has the form of this one."""

import asyncio
import resource
import tempfile
import time
from pathlib import Path

import click
import sqlalchemy as sa

from bench.ledger import ACCOUNTS, DAYS, MODELS, START_US, STEP, USERS, located
from tianji.storage.engine import Database
from tianji.storage.location import Location
from tianji.storage.migration import migrate

BEFORE = "0011"  # the last revision without accounts
APART = DAYS * 86_400_000_000

# both engines read it
FILL = f"""
INSERT INTO ledger (request_id, call_id, started_at, ended_at, attempt, status, call_type, model_group, model, provider,
  deployment_id, api_base, key, key_alias, user_id, team_id, end_user, tags, prompt_tokens, completion_tokens, cost,
  facts)
WITH RECURSIVE n(i) AS (SELECT CAST(:first AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT 'request-' || i, 'call-' || i, {START_US} + i * CAST(:apart AS BIGINT),
  {START_US} + i * CAST(:apart AS BIGINT) + 250000, 0, CASE WHEN i % 50 = 0 THEN 'failure' ELSE 'success' END,
  'acompletion', 'group-' || (i % {MODELS}), 'model-' || (i % {MODELS}), 'openai', 'deployment-' || (i % {MODELS}),
  'https://api.openai.com/v1', 'key-' || (i % {ACCOUNTS} / {MODELS}), 'alias-' || (i % {ACCOUNTS} / {MODELS}),
  'user-' || (i % {ACCOUNTS} / {MODELS} % {USERS}), 'team-' || (i % {ACCOUNTS} / {MODELS} % 10),
  'customer-' || (i % 1000), '["a"]', 1000, 200, 1000000,
  '{{"items":[["input",1000,1000000000000]],"factors":[[1,1,0],[1,1,0]],"catalogue":"2026-03-01","reported": false}}'
FROM n
"""


async def fill(location: Location, rows: int) -> None:
    database = Database(location)
    try:
        for first in range(0, rows, STEP):
            async with database.writing() as connection:
                values = {"first": first, "last": min(first + STEP, rows) - 1, "apart": APART // rows}
                await connection.execute(sa.text(FILL), values)
    finally:
        await database.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@click.command("migration")
@click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), multiple=True, help="Default: both.")
@click.option("--rows", default=1_000_000, show_default=True, help="Requests of the earlier release.")
def migration(engine: tuple[str, ...], rows: int) -> None:
    """Measure what an update of the ledger takes on real engines."""
    for name in engine or ("sqlite", "postgresql"):
        with tempfile.TemporaryDirectory() as made, located(name, Path(made)) as location:
            migrate(location, BEFORE)
            asyncio.run(fill(location, rows))
            cpu, start = _cpu(), time.perf_counter()
            migrate(location)
            took, cpu = time.perf_counter() - start, _cpu() - cpu
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            click.echo(f"{name}: {rows:,} rows in {took:.0f} s, {cpu:.0f} s of CPU here, {most:.0f} MiB at most")
