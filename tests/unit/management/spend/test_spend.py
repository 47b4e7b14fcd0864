"""What the spend routes tell, on both engines: wire forms, filters, and whose requests are seen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import sqlalchemy as sa
from tests.unit.ledger.conftest import NOON, entry

from tianji._core.sharing.revision import Revisions
from tianji.auth.identity import Identity, Role
from tianji.clock import ManualClock
from tianji.errors import ObjectNotFound, PermissionDenied, SchemaViolation, TianjiError
from tianji.ledger import posting
from tianji.ledger.books import DAY
from tianji.ledger.entry import Payload
from tianji.ledger.rows import sheet_of
from tianji.ledger.spendlogs import COLUMNS
from tianji.management import desk
from tianji.management.office import Office
from tianji.management.spend import cache_activity
from tianji.management.spend import finding as spend_finding
from tianji.management.spend import logs as spend_logs
from tianji.management.spend import reports as spend_reports
from tianji.storage.location import Location
from tianji.storage.store import Store
from tianji.storage.tables import KEYS, TEAMS, USERS

CLOCK = ManualClock(datetime(2026, 3, 3, 12, tzinfo=UTC).timestamp())
MADE = {"created_at": datetime(2026, 3, 1, tzinfo=UTC), "updated_at": datetime(2026, 3, 1, tzinfo=UTC)}
ADMIN = Identity(role=Role.PROXY_ADMIN, user_id="boss", key="m", master=True)
USER = Identity(role=Role.INTERNAL_USER, user_id="u", key="k")
LEADER = Identity(role=Role.INTERNAL_USER, user_id="leader", key="l", teams={"t2": "admin", "t": "user"})
HEAD = Identity(role=Role.ORG_ADMIN, user_id="head", key="h", organizations={"o2": Role.ORG_ADMIN})
LOOSE = Identity(role=None, user_id=None, key="k3")
BILLION = 10**9
# 1 and 2 are u's; 3 failed, another day, another user; 4 has no owner but a key
ENTRIES = (
    entry(1, cost=BILLION, tags=("a", "b"), payload=Payload(messages=b'[{"role":"user"}]', response=b'"whole"')),
    entry(2, cost=2 * BILLION, model="gpt-4o-mini", model_group="small", end_user="d", session_id="s", tags=("a",)),
    entry(
        3,
        cost=0,
        started_at=NOON + DAY,
        ended_at=NOON + DAY + 9_000,
        status="failure",
        error_code="429",
        error_class="RateLimit",
        error_message="too 100% many",
        user_id="v",
        team_id="t2",
        organization_id="o2",
        key="k2",
        provider="azure",
        tags=(),
    ),
    entry(4, cost=4 * BILLION, user_id=None, team_id=None, organization_id=None, end_user=None, key="k3", tags=()),
)


@pytest.fixture
async def office(migrated: Location) -> AsyncIterator[Office]:
    config: Any = SimpleNamespace(litellm_settings=SimpleNamespace(max_budget=50.0))
    store = Store(migrated, Revisions())
    async with (await store.open()).writing() as connection:
        for table, values in (
            (KEYS, {"token": "k", "key_alias": "mine", "key_name": "sk-...1234", "user_id": "u"}),
            (KEYS, {"token": "k2", "user_id": "v"}),
            (USERS, {"user_id": "u", "password": "canary"}),
            (USERS, {"user_id": "v"}),
            (TEAMS, {"team_id": "t", "team_alias": "first"}),
        ):
            await connection.execute(sa.insert(table).values(**MADE, **values))
        await posting.post(connection, sheet_of(ENTRIES))
    yield Office(store=store, config=lambda: config, groups=dict, salt=lambda: None, clock=CLOCK)
    await store.close()


async def ask(
    office: Office,
    function: Callable[[desk.Call], Awaitable[Any]],
    by: Identity = ADMIN,
    *,
    body: bytes = b"",
    path: dict[str, str] | None = None,
    **questions: object,
) -> Any:
    exchange: Any = SimpleNamespace(identity=by, query=urlencode(questions).encode(), body=body)
    match: Any = SimpleNamespace(params=path or {})
    async with (await office.store.open()).reading() as connection:
        answer = await function(desk.Call(office, exchange, match, connection))
    return msgspec.json.decode(msgspec.json.encode(answer))


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["litellm_call_id"], 16) for row in rows]


WHOLE = {"start_date": "2026-03-01 00:00:00", "end_date": "2026-03-03 00:00:00"}


async def test_a_row_is_what_programs_know(office: Office) -> None:
    (row,) = await ask(office, spend_logs.logs, request_id=entry(2).request_id)
    assert tuple(row) == COLUMNS
    assert {name: row[name] for name in ("api_key", "user", "spend", "total_tokens", "cache_hit", "status")} == {
        "api_key": "k",
        "user": "u",
        "spend": 2.0,
        "total_tokens": 15,
        "cache_hit": "False",
        "status": "success",
    }
    assert (row["startTime"], row["endTime"]) == ("2026-03-01T12:00:00.002Z", "2026-03-01T12:00:00.252Z")
    assert (row["request_duration_ms"], row["request_tags"], row["messages"]) == (250, ["a"], {})
    (failed,) = await ask(office, spend_logs.logs, request_id=entry(3).request_id)
    assert failed["metadata"]["error_information"] == {
        "error_code": "429",
        "error_class": "RateLimit",
        "error_message": "too 100% many",
        "llm_provider": "azure",
    }


@pytest.mark.parametrize(
    ("by", "seen"),
    [(ADMIN, [1, 2, 3, 4]), (USER, [1, 2]), (LEADER, [3]), (HEAD, [3]), (LOOSE, [4])],
    ids=["admin", "user", "team admin", "organization admin", "key"],
)
async def test_everybody_sees_his_own(office: Office, by: Identity, seen: list[int]) -> None:
    assert sorted(numbers(await ask(office, spend_logs.logs, by))) == seen
    page = await ask(office, spend_logs.search, by, **WHOLE)
    assert (sorted(numbers(page["data"])), page["total"]) == (seen, len(seen))
    for one in ENTRIES:
        asked = ask(office, spend_logs.one, by, path={"request_id": one.request_id})
        if int(one.call_id, 16) in seen:
            assert (await asked)["request_id"] == one.request_id
        else:
            with pytest.raises(PermissionDenied):
                await asked


async def test_one_request_with_what_was_said(office: Office) -> None:
    row = await ask(office, spend_logs.one, USER, path={"request_id": entry(1).request_id})
    assert (row["messages"], row["response"], row["proxy_server_request"]) == ([{"role": "user"}], "whole", {})
    with pytest.raises(ObjectNotFound):
        await ask(office, spend_logs.one, path={"request_id": "no"})


@pytest.mark.parametrize(
    ("questions", "found"),
    [
        ({"api_key": "k2"}, [3]),
        ({"user_id": "u"}, [2, 1]),
        ({"start_date": "2026-03-02"}, [3]),
        ({"end_date": "2026-03-01"}, [4, 2, 1]),
        ({"start_date": "2026-03-02", "end_date": "2026-03-02", "summarize": "false"}, [3]),
    ],
)
async def test_raw_rows(office: Office, questions: dict[str, str], found: list[int]) -> None:
    assert numbers(await ask(office, spend_logs.logs, **questions)) == found


@pytest.mark.parametrize(
    ("questions", "found"),
    [
        ({}, [3, 4, 2, 1]),
        ({"sort_by": "spend", "sort_order": "asc"}, [3, 1, 2, 4]),
        ({"page": 2, "page_size": 3}, [1]),
        ({"session_id": "s"}, [2]),
        ({"model_group": "small"}, [2]),
        ({"model": "gpt-4o", "end_user": "c", "status_filter": "success"}, [1]),
        ({"status_filter": "failure"}, [3]),
        ({"error_message": "100%"}, [3]),
        ({"min_spend": 1.5, "max_spend": 4}, [4, 2]),
        ({"cache_hit_filter": "true"}, []),
        ({"cache_hit_filter": "false", "model": "gpt-4o-mini"}, [2]),
        ({"status_filter": "success", "error_code": "429"}, []),
        ({"error_code": "429"}, [3]),
        ({"key_alias": "nobody's"}, []),
        ({"api_key": "k3"}, [4]),
        ({"end_date": "2026-03-01 12:00:00"}, []),
    ],
)
async def test_searches(office: Office, questions: dict[str, Any], found: list[int]) -> None:
    assert numbers((await ask(office, spend_logs.search, **{**WHOLE, **questions}))["data"]) == found


@pytest.mark.parametrize(("many", "chosen"), [(0, 1000), (20_000, 0), (0, 0)], ids=["walked", "asked", "both"])
async def test_however_rows_are_found_they_are_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch, many: int, chosen: int
) -> None:
    questions = [{"user_id": "u"}, {"user_id": "u", "min_spend": 1.5}, {"api_key": "k2"}, {"user_id": "nobody"}]
    questions += [{"sort_by": name, "sort_order": order} for name in spend_logs.SORTED for order in ("asc", "desc")]
    for by in (ADMIN, USER, LEADER):
        before = [await ask(office, spend_logs.search, by, **WHOLE, **one) for one in questions]
        with monkeypatch.context() as patch:
            patch.setattr(spend_finding, "MANY", many)
            patch.setattr(spend_finding, "CHOSEN", chosen)
            assert [await ask(office, spend_logs.search, by, **WHOLE, **one) for one in questions] == before


async def test_pages(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    page = await ask(office, spend_logs.search, **WHOLE, page_size=3)
    told = {name: page[name] for name in page if name != "data"}
    assert told == {"total": 4, "page": 1, "page_size": 3, "total_pages": 2, "total_is_capped": False}
    monkeypatch.setattr(spend_logs, "COUNTED", 2)
    capped = await ask(office, spend_logs.search, **WHOLE)
    assert (capped["total"], capped["total_is_capped"]) == (2, True)


@pytest.mark.parametrize(
    ("function", "questions", "status"),
    [
        (spend_logs.search, {}, 400),
        (spend_logs.search, {**WHOLE, "end_date": "tomorrow"}, 400),
        (spend_logs.search, {**WHOLE, "page": 0}, 422),
        (spend_logs.search, {**WHOLE, "sort_by": "password"}, 422),
        (spend_logs.search, {**WHOLE, "min_spend": -1}, 400),
        (spend_logs.logs, {"start_date": "x", "end_date": "y"}, 400),
        (spend_logs.logs, {"start_date": "0001-01-01", "end_date": "9999-01-01"}, 400),
        (spend_reports.report, {"group_by": "moon"}, 422),
        (spend_reports.by_day, {"start_date": "1st"}, 400),
    ],
)
async def test_what_makes_no_sense_is_said(
    office: Office, function: Callable[[desk.Call], Awaitable[Any]], questions: dict[str, Any], status: int
) -> None:
    with pytest.raises(TianjiError) as caught:
        await ask(office, function, **questions)
    assert caught.value.status == status
    assert isinstance(caught.value, SchemaViolation) == (status == 422)


async def test_days(office: Office) -> None:
    asked = {"start_date": "2026-03-01", "end_date": "2026-03-03"}
    first, second, third = await ask(office, spend_logs.logs, **asked)
    assert first == {
        "startTime": "2026-03-01",
        "spend": 7.0,
        "users": {"u": 3.0},
        "models": {"gpt-4o": 5.0, "gpt-4o-mini": 2.0},
        "k": 3.0,
        "k3": 4.0,
    }
    assert second == {
        "startTime": "2026-03-02",
        "spend": 0.0,
        "users": {"v": 0.0},
        "models": {"gpt-4o": 0.0},
        "k2": 0.0,
    }
    assert third == {"startTime": "2026-03-03", "spend": 0.0, "users": {}, "models": {}}
    own = await ask(office, spend_logs.logs, USER, **asked)
    assert (own[0]["spend"], own[0]["users"], "k3" in own[0], own[1]["users"]) == (3.0, {"u": 3.0}, False, {})
    assert (await ask(office, spend_logs.logs, api_key="k3", **asked))[0]["spend"] == 4.0
    for by, questions in ((USER, {"user_id": "v"}), (LOOSE, {})):
        with pytest.raises(PermissionDenied):
            await ask(office, spend_logs.logs, by, **asked, **questions)


async def test_rankings_of_what_there_is(office: Office) -> None:
    assert [(row["token"], row["spend"]) for row in await ask(office, spend_reports.keys)] == [("k", 3.0), ("k2", 0.0)]
    assert [row["token"] for row in await ask(office, spend_reports.keys, USER)] == ["k"]
    assert [row["token"] for row in await ask(office, spend_reports.keys, limit=1)] == ["k"]
    users = await ask(office, spend_reports.users)
    assert [(row["user_id"], row["spend"], "password" in row) for row in users] == [
        ("u", 3.0, False),
        ("v", 0.0, False),
    ]
    assert [row["user_id"] for row in await ask(office, spend_reports.users, USER)] == ["u"]
    assert [row["user_id"] for row in await ask(office, spend_reports.users, user_id="v")] == ["v"]
    tags = [
        {"individual_request_tag": "a", "log_count": 2, "total_spend": 3.0},
        {"individual_request_tag": "b", "log_count": 1, "total_spend": 1.0},
    ]
    assert await ask(office, spend_reports.tags) == tags
    assert await ask(office, spend_reports.tags, USER) == tags
    assert await ask(office, spend_reports.tags, LEADER) == []


async def test_reports(office: Office) -> None:
    assert await ask(office, spend_reports.whole) == {"spend": 7.0, "max_budget": 50.0}
    assert await ask(office, spend_reports.by_day) == [
        {"date": "2026-03-01", "spend": 7.0},
        {"date": "2026-03-02", "spend": 0.0},
    ]
    assert await ask(office, spend_reports.by_day, api_key="k", end_date="2026-03-01") == [
        {"date": "2026-03-01", "spend": 3.0}
    ]
    assert await ask(office, spend_reports.by_key, limit=2) == [
        {"api_key": "k3", "key_alias": None, "key_name": None, "total_spend": 4.0},
        {"api_key": "k", "key_alias": "mine", "key_name": "sk-...1234", "total_spend": 3.0},
    ]
    assert await ask(office, spend_reports.by_team) == {
        "daily_spend": [{"date": "2026-03-01", "first": 3.0}, {"date": "2026-03-02", "t2": 0.0}],
        "teams": ["first", "t2"],
        "total_spend_per_team": [{"team_id": "first", "total_spend": 3.0}, {"team_id": "t2", "total_spend": 0.0}],
    }
    assert await ask(office, spend_reports.by_model) == [
        {"model": "gpt-4o", "total_spend": 5.0},
        {"model": "gpt-4o-mini", "total_spend": 2.0},
    ]
    assert await ask(office, spend_reports.by_provider) == [
        {"provider": "openai", "spend": 7.0},
        {"provider": "azure", "spend": 0.0},
    ]
    assert await ask(office, spend_reports.by_tag) == {
        "spend_per_tag": [{"name": "a", "spend": 3.0, "log_count": 2}, {"name": "b", "spend": 1.0, "log_count": 1}]
    }
    assert await ask(office, spend_reports.tag_names) == {"tag_names": ["a", "b"]}
    assert await ask(office, spend_reports.by_customer, body=b'{"startTime":"2026-03-01","endTime":"2026-03-01"}') == [
        {"end_user": "d", "total_count": 1, "total_spend": 2.0},
        {"end_user": "c", "total_count": 1, "total_spend": 1.0},
    ]
    assert await ask(office, spend_reports.by_customer, body=b'{"api_key":"k2"}') == [
        {"end_user": "c", "total_count": 1, "total_spend": 0.0}
    ]


async def test_what_the_cache_spared(office: Office) -> None:
    async with (await office.store.open()).writing() as connection:
        await posting.post(
            connection, sheet_of((entry(5, cost=0, cache_hit=True, tags=(), key="five", key_alias="K"),))
        )
    told = await ask(office, cache_activity.hits, **WHOLE)
    counted = {"api_requests": 5, "cache_hits": 1, "failed_requests": 1}
    assert told["totals"].items() >= {**counted, "cache_hit_ratio": 0.2}.items()
    assert told["totals"]["cached_completion_tokens"] == entry(5).completion_tokens
    assert told["error_breakdown"] == [
        {"call_type": entry(3).call_type, "error_code": "429", "error_class": "RateLimit", "count": 1}
    ]
    assert told["filter_options"] == {"models": ["gpt", "small"], "key_aliases": ["K"]}
    named = await ask(office, cache_activity.hits, **WHOLE, key_aliases="K, nobody's")
    assert (named["totals"]["api_requests"], named["filter_options"]) == (1, told["filter_options"])
    small = await ask(office, cache_activity.hits, **WHOLE, models="small, nobody's")
    assert small["totals"]["api_requests"] == 1
    first = await ask(office, cache_activity.hits, start_date="2026-03-01", end_date="2026-03-01")
    assert first["totals"]["api_requests"] == 4
    assert (await ask(office, cache_activity.hits))["totals"]["api_requests"] == 5
    assert (await ask(office, cache_activity.hits, end_date="2020-01-01"))["totals"]["cache_hit_ratio"] == 0
    with pytest.raises(TianjiError, match="end_date"):
        await ask(office, cache_activity.hits, end_date="yesterday")


async def test_activity(office: Office) -> None:
    days = [
        {"date": "2026-03-01", "api_requests": 3, "total_tokens": 45},
        {"date": "2026-03-02", "api_requests": 1, "total_tokens": 15},
    ]
    whole = {"daily_data": days, "sum_api_requests": 4, "sum_total_tokens": 60}
    assert await ask(office, spend_reports.activity) == whole
    by_model = await ask(office, spend_reports.activity_by_model)
    assert [(one["model"], one["sum_api_requests"], len(one["daily_data"])) for one in by_model] == [
        ("gpt-4o", 3, 2),
        ("gpt-4o-mini", 1, 1),
    ]


async def test_reports_in_detail(office: Office) -> None:
    first, _ = await ask(office, spend_reports.report)
    assert first == {
        "group_by_day": "2026-03-01T00:00:00+00:00",
        "teams": [
            {
                "team_name": "first",
                "total_spend": 3.0,
                "metadata": [
                    {"model": "gpt-4o", "spend": 1.0, "total_tokens": 15, "api_key": "k"},
                    {"model": "gpt-4o-mini", "spend": 2.0, "total_tokens": 15, "api_key": "k"},
                ],
            }
        ],
    }
    customers = await ask(office, spend_reports.report, group_by="customer", end_date="2026-03-01")
    assert [(one["customer"], one["total_spend"]) for one in customers[0]["customers"]] == [("c", 1.0), ("d", 2.0)]
    keys = await ask(office, spend_reports.report, group_by="api_key")
    detail = {"model": "gpt-4o", "total_cost": 4.0, "total_input_tokens": 10, "total_output_tokens": 5}
    assert keys[-1] == {
        "api_key": "k3",
        "total_cost": 4.0,
        "total_input_tokens": 10,
        "total_output_tokens": 5,
        "model_details": [detail],
    }


async def test_a_ledger_without_rows(migrated: Location) -> None:
    config: Any = SimpleNamespace(litellm_settings=SimpleNamespace(max_budget=0))
    office = Office(
        store=Store(migrated, Revisions()), config=lambda: config, groups=dict, salt=lambda: None, clock=CLOCK
    )
    assert await ask(office, spend_reports.whole) == {"spend": 0.0, "max_budget": 0}
    assert (await ask(office, spend_logs.search, **WHOLE))["total_pages"] == 0
    await office.store.close()
