"""`tianji ledger`."""

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from tests.unit.ledger.conftest import NOON, entry

from tianji.cli import main
from tianji.ledger import posting
from tianji.ledger.books import DAY
from tianji.ledger.entry import Entry, Payload
from tianji.ledger.rows import sheet_of
from tianji.storage.engine import Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.tables import DAILY


@pytest.fixture
def location(tmp_path: Path) -> Location:
    found = parse(f"sqlite:///{tmp_path}/data/tianji.db")
    migrate(found)
    said = {"payload": Payload(messages=b"canary"), "end_user": "=1+1", "answered_at": NOON + 1_500, "tags": ()}
    asyncio.run(_post(found, entry(1, **said), entry(2, started_at=NOON + DAY, ended_at=NOON + DAY + 9_000)))
    return found


async def _post(location: Location, *entries: Entry) -> None:
    database = Database(location)
    async with database.writing() as connection:
        await posting.post(connection, sheet_of(entries))
    await database.close()


async def _change(location: Location) -> None:
    database = Database(location)
    async with database.writing() as connection:
        await connection.execute(sa.update(DAILY).where(DAILY.c.kind == "all").values(spend=1))
    await database.close()


def run(location: Location, *arguments: str) -> tuple[int, str, str]:
    assert location.file is not None
    environ = {"TIANJI_DATA_DIR": str(location.file.parent), "DATABASE_URL": None}
    result = CliRunner().invoke(main, ["ledger", *arguments], env=environ)
    return result.exit_code, result.stdout, result.stderr


def test_right_wrong_and_right_again(location: Location) -> None:
    assert run(location, "verify") == (0, "2 requests, 0.000000017 US dollars\nthe books are right\n", "")
    asyncio.run(_change(location))
    code, out, err = run(location, "verify")
    assert (code, out) == (1, "2 requests, 0.000000017 US dollars\n")
    assert "spend: the rows make 8, the sum by day says 1 (kind all, day 2026-03-01, key k" in err
    assert "2 things are wrong" in err
    assert run(location, "rebuild")[:2] == (0, "12 sums were made anew\n")
    assert run(location, "verify")[0] == 0


def test_csv(location: Location) -> None:
    code, out, _ = run(location, "export")
    first, second = csv.DictReader(io.StringIO(out))
    assert code == 0
    assert (first["request_id"], first["spend"], first["total_tokens"]) == (entry(1).request_id, "0.000000008", "15")
    assert (first["startTime"], second["startTime"]) == ("2026-03-01T12:00:00.001Z", "2026-03-02T12:00:00.000Z")
    assert (first["completionStartTime"], second["completionStartTime"]) == ("2026-03-01T12:00:00.001Z", "")
    assert (first["request_duration_ms"], second["request_duration_ms"]) == ("250", "9")
    assert first["end_user"] == "'=1+1"  # no spreadsheet calculates what a client sent
    assert json.loads(second["request_tags"]) == ["a", "b"]
    assert "canary" not in out


def test_json_lines_of_some_days_into_a_file(location: Location, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    arguments = ("export", "--format", "jsonl", "-o", str(file))
    assert run(location, *arguments, "--from", "2026-03-02", "--to", "2026-03-02")[0] == 0
    (row,) = map(json.loads, file.read_text().splitlines())
    assert (row["request_id"], row["api_key"], row["cache_hit"]) == (entry(2).request_id, "k", "False")
    assert row["metadata"]["cost_breakdown"]["items"] == [["input", 9, 10**9]]
    assert run(location, *arguments, "--to", "2026-02-28")[0] == 0
    assert file.read_text() == ""


def test_a_database_that_is_away_ends_with_1(location: Location) -> None:
    environ = {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    result = CliRunner().invoke(main, ["ledger", "verify"], env=environ)
    assert (result.exit_code, "does not answer" in result.output) == (1, True)


def test_the_configuration_names_it(location: Location, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"general_settings: {{database_url: 'sqlite:///{location.file}'}}\nmodel_list: []\n")
    result = CliRunner().invoke(main, ["ledger", "verify", "-c", str(config)], env={"TIANJI_DATA_DIR": str(tmp_path)})
    assert result.output.startswith("2 requests")
    config.write_text("general_settings: {database_url: 'mysql://h/n'}\nmodel_list: []\n")
    assert CliRunner().invoke(main, ["ledger", "verify", "-c", str(config)]).exit_code == 2
