"""What was spent, as programs for bills take it."""

import asyncio
import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tianji.callbacks.billing import cloudzero, focus
from tianji.callbacks.billing.charge import Charge
from tianji.callbacks.billing.charges import charges, sums
from tianji.callbacks.billing.export import Answer, Export, Page, RefusedError, Told, exports_of
from tianji.callbacks.sink import Delivery, Given
from tianji.config.schema import Config, Settings
from tianji.storage.engine import Database
from tianji.storage.location import Location, parse
from tianji.storage.migration import migrate
from tianji.storage.tables import DAILY, KEYS, TEAMS

DAY = date(2026, 2, 28)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "FOCUS_S3_BUCKET_NAME": "bills",
       "FOCUS_S3_ENDPOINT_URL": "http://store", "FOCUS_S3_REGION_NAME": "eu-west-1"}  # fmt: skip


def charge(**fields: Any) -> Charge:
    usual = {"day": DAY, "key": "k", "model": "gpt-4o", "model_group": "gpt", "provider": "openai", "spend": 1e-7,
             "requests": 3, "prompt_tokens": 30, "completion_tokens": 15, "team_id": "t", "team_alias": "red",
             "key_alias": "mine"}  # fmt: skip
    return Charge(**{**usual, **fields})


def made(environ: dict[str, str]) -> Export:
    return focus.build(Given("focus", {}, AWS | environ))


async def told(export: Export, *found: Charge, status: int = 200) -> list[Delivery]:
    """Return the requests that tell a day."""
    asked: list[Delivery] = []

    async def ask(request: Delivery) -> Answer:
        asked.append(request)
        return Answer(status, {}, b"")

    async def note(_told: Told) -> None:
        raise AssertionError("what replaces a day has nothing to note")

    assert await export.tell(Page(found[0].day, found, Told(), ask, note)) == ()
    return asked


async def test_charges_are_the_sums_of_a_day(tmp_path: Any) -> None:
    location: Location = parse(f"sqlite:///{tmp_path}/t.db")
    await asyncio.to_thread(migrate, location)
    database = Database(location)
    times = {"created_at": NOON, "updated_at": NOON}
    row = {"kind": "all", "day": "2026-02-28", "entity": "", "key": "k", "model": "gpt-4o", "model_group": "gpt",
           "provider": "openai", "call_type": "acompletion", "logged": True, "spend": 2_000_000_000,
           "prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 3, "written_tokens": 1,
           "requests": 2}  # fmt: skip
    other = {"call_type": "aembedding", "spend": 1_000_000_000, "requests": 1}
    async with database.writing() as connection:
        await connection.execute(sa.insert(TEAMS).values(team_id="t", team_alias="red", **times))
        await connection.execute(sa.insert(KEYS).values(token="k", key_alias="mine", team_id="t", **times))
        for one in (row, {**row, **other}, {**row, "kind": "team"}, {**row, "day": "2026-02-27"}, {**row, "key": "-"}):
            await connection.execute(sa.insert(DAILY).values(**one))
    async with database.reading() as connection:
        found = await charges(connection, DAY)
        all_days = await sums(connection, date(2026, 2, 1), DAY)
        nothing = await sums(connection, date(2026, 3, 1), date(2026, 3, 31))
    await database.close()
    one = {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 3, "written_tokens": 1}
    assert found == [
        charge(key="-", spend=2.0, requests=2, team_id=None, team_alias=None, key_alias=None, **one),
        charge(spend=3.0, requests=3, **{name: 2 * count for name, count in one.items()}),
    ]
    assert all_days == {date(2026, 2, 27): "2000000000 2 10 5 3 1", DAY: "5000000000 5 30 15 9 3"}
    assert nothing == {}


async def test_focus_has_all_columns() -> None:
    (request,) = await told(made({}), charge())
    assert (
        request.url == "http://store/bills/focus_exports/date%3D2026-02-28/usage_20260228T000000Z_20260301T000000Z.csv"
    )
    assert (request.method, request.headers["content-type"]) == ("PUT", "text/csv")
    (row,) = csv.DictReader(io.StringIO(request.body.decode()))
    assert len(row) == 44
    assert (row["BilledCost"], row["EffectiveCost"], row["ConsumedQuantity"]) == ("0.000000100", "0.000000100", "3")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == ("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z")
    assert (row["BillingAccountId"], row["SubAccountName"], row["ServiceName"]) == ("k", "red", "gpt")
    assert json.loads(row["Tags"])["custom_llm_provider"] == "openai"
    assert row["RegionId"] == ""


async def test_focus_by_lines() -> None:
    (only,) = await told(made({"FOCUS_FORMAT": "jsonl", "FOCUS_PREFIX": "/a/"}), charge(), charge(key="l"))
    assert [json.loads(line)["BillingAccountId"] for line in only.body.splitlines()] == ["k", "l"]
    assert "/a/date%3D2026-02-28/usage_" in only.url
    with pytest.raises(RefusedError, match="it answered with status 403"):
        await told(made({}), charge(), status=403)


async def test_focus_as_parquet() -> None:
    (request,) = await told(made({"FOCUS_FORMAT": "parquet"}), charge())
    assert request.body.startswith(b"PAR1")
    assert request.url.endswith(".parquet")
    assert request.headers["content-type"] == "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    ("environ", "today", "every"),
    [
        ({}, False, 3600),
        ({"FOCUS_FREQUENCY": "hourly"}, True, 3600),
        ({"FOCUS_FREQUENCY": "interval", "FOCUS_INTERVAL_SECONDS": "60"}, True, 60),
        ({"FOCUS_FREQUENCY": "interval", "FOCUS_INTERVAL_SECONDS": "0"}, True, 1),
    ],
)
def test_which_days_are_told(environ: dict[str, str], today: bool, every: float) -> None:
    export = made(environ)
    assert (export.today, export.every) == (today, every)


def test_another_place_is_told_everything_anew() -> None:
    places = [{}, {"FOCUS_S3_BUCKET_NAME": "other"}, {"FOCUS_PREFIX": "p"}, {"FOCUS_FORMAT": "jsonl"}]
    assert len({made(environ).place for environ in places}) == len(places)


def test_focus_by_an_api() -> None:
    vantage = {"FOCUS_PROVIDER": "vantage", "VANTAGE_API_KEY": "k", "VANTAGE_INTEGRATION_TOKEN": "t"}
    assert made(vantage).place == "https://api.vantage.sh/v2/integrations/t"
    mavvrik = {"MAVVRIK_API_KEY": "k", "MAVVRIK_API_ENDPOINT": "https://m/t", "MAVVRIK_CONNECTION_ID": "c"}
    assert (made({"FOCUS_PROVIDER": "mavvrik", **mavvrik}).name, made(vantage).every) == ("focus", 3600)


async def test_cloudzero() -> None:
    environ = {"CLOUDZERO_API_KEY": "k", "CLOUDZERO_CONNECTION_ID": "c/1"}
    export = cloudzero.build(Given("cloudzero", {}, environ))
    (first,) = await told(export, charge())
    (second,) = await told(export, charge(day=date(2026, 3, 1), provider=""))
    assert first.url == "https://api.cloudzero.com/v2/connections/billing/anycost/c%2F1/billing_drops"
    assert first.headers["authorization"] == "Bearer k"
    drop = json.loads(first.body)
    assert (drop["month"], drop["operation"]) == ("2026-02", "replace_hourly")
    (row,) = drop["data"]
    assert set(map(type, row.values())) == {str}
    assert (row["cost/cost"], row["usage/amount"]) == ("0.000000100", "45")
    assert row["resource/id"] == "czrn:openai:litellm:global:k:llm-usage:gpt-4o"
    assert row["resource/tag:team_alias"] == "red"
    assert json.loads(second.body)["month"] == "2026-03"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"FOCUS_FORMAT": "xml"}, "FOCUS_FORMAT 'xml' is none of csv, jsonl, parquet"),
        ({"FOCUS_PROVIDER": "vantage"}, "set VANTAGE_INTEGRATION_TOKEN"),
        ({"FOCUS_PROVIDER": "tape"}, "'tape' is none of s3, gcs, vantage, mavvrik"),
        ({"FOCUS_FREQUENCY": "often"}, "'often' is none of hourly, daily, interval"),
        ({"FOCUS_S3_BUCKET_NAME": ""}, "set FOCUS_S3_BUCKET_NAME"),
    ],
)
def test_what_cannot_be_exported_is_said(environ: dict[str, str], said: str) -> None:
    config = Config(litellm_settings=Settings(callbacks=("focus", "posthog")))
    exports, (problem,) = exports_of(config, AWS | environ)
    assert exports == []
    assert said in problem
    assert [one.name for one in exports_of(config, AWS)[0]] == ["focus"]
