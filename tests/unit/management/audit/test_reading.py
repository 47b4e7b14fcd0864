"""The log in pages: what is filtered, how it is sorted, and that no entry is on two pages."""

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from tests.unit.management.audit.conftest import BOSS, NOW

from tianji.errors import ObjectNotFound, SchemaViolation, Unacceptable
from tianji.management.audit import reading
from tianji.management.desk import Call, Function
from tianji.management.keys.fields import digest
from tianji.management.office import Office
from tianji.storage.tables import AUDIT_LOG

PEOPLE = ("ann", "bob", None)
TABLES = ("LiteLLM_TeamTable", "LiteLLM_UserTable")
ACTIONS = ("created", "updated", "deleted")


async def fill(office: Office, count: int = 12) -> None:
    """Entries a minute apart; two of each minute."""
    rows = [
        {
            "id": f"e{number:02}",
            "updated_at": NOW + timedelta(minutes=number // 2),
            "changed_by": PEOPLE[number % 3],
            "changed_by_api_key": f"key-{number % 2}",
            "action": ACTIONS[number % 3],
            "table_name": TABLES[number % 2],
            "object_id": f"o{number % 4}",
            "before_value": None,
            "updated_values": {"number": number},
        }
        for number in range(count)
    ]
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(AUDIT_LOG), rows)


async def ask(office: Office, query: str = "", function: Function = reading.listed, **params: str) -> Any:
    exchange: Any = SimpleNamespace(identity=BOSS, query=query.encode(), body=b"")
    async with (await office.store.open()).reading() as connection:
        return await function(Call(office, exchange, SimpleNamespace(params=params), connection))


def ids(told: Mapping[str, Any]) -> list[int]:
    return [int(entry["id"][1:]) for entry in told["audit_logs"]]


async def test_pages_have_each_entry_once(office: Office) -> None:
    await fill(office)
    pages = [await ask(office, f"page={page}&page_size=5") for page in (1, 2, 3, 4)]
    assert [ids(page) for page in pages] == [[11, 10, 9, 8, 7], [6, 5, 4, 3, 2], [1, 0], []]
    assert {(page["total"], page["total_pages"], page["page_size"]) for page in pages} == {(12, 3, 5)}
    assert [page["page"] for page in pages] == [1, 2, 3, 4]
    assert not any(page["total_is_capped"] for page in pages)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("changed_by=ann", [9, 6, 3, 0]),
        ("changed_by_api_key=key-1&page_size=3", [11, 9, 7]),
        ("action=updated", [10, 7, 4, 1]),
        ("table_name=LiteLLM_UserTable&action=updated", [7, 1]),
        ("object_id=o3", [11, 7, 3]),
        ("start_date=2026-11-26T12:05:00", [11, 10]),
        ("start_date=2026-11-26T13:05:00%2B01:00", [11, 10]),
        ("end_date=2026-11-26T12:00:00Z", [1, 0]),
        ("end_date=2026-11-25", []),
        ("start_date=2026-11-26&end_date=2026-11-26&page_size=2", [11, 10]),
        ("sort_order=asc&page_size=3", [0, 1, 2]),
        ("sort_by=action&sort_order=asc&page_size=5", [0, 3, 6, 9, 2]),
        ("sort_by=object_id&page_size=4", [11, 7, 3, 10]),
        ("changed_by=nobody", []),
    ],
)
async def test_what_is_asked_for(office: Office, query: str, found: list[int]) -> None:
    await fill(office)
    assert ids(await ask(office, query)) == found


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("page=0", SchemaViolation),
        ("page_size=101", SchemaViolation),
        ("sort_by=before_value", SchemaViolation),
        ("sort_order=up", SchemaViolation),
        ("start_date=yesterday", Unacceptable),
        ("end_date=0001-01-01T00:00:00%2B23:59", Unacceptable),
    ],
)
async def test_what_is_no_question(office: Office, query: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await ask(office, query)


async def test_a_key_is_named_by_its_secret_or_its_hash(office: Office) -> None:
    secret = "sk-0123456789-of-a-test"
    row = {"id": "e01", "updated_at": NOW, "action": "created", "table_name": "t", "object_id": "o"}
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(AUDIT_LOG).values(**row, changed_by_api_key=digest(secret)))
    for named in (secret, digest(secret)):
        assert ids(await ask(office, f"changed_by_api_key={named}")) == [1]


ABOUT = (  # team, former team, object, another name of it
    ("a", None, "k1", None), ("a", "b", "k1", None), ("b", "a", "k2", None), ("b", None, "k2", "k3"),
    (None, None, "k3", "k1"), ("a", None, "t", None), ("c", None, "k1", None), ("a", None, "k3", None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("object_team_id=a", [7, 5, 2, 1, 0]),
        ("object_team_id=a&page_size=2&page=2", [2, 1]),
        ("object_team_id=a&page_size=2&page=3&sort_order=asc", [7]),
        ("object_team_id=b&action=updated", [3, 2, 1]),
        ("object_team_id=b&action=created", []),
        ("object_key_hash=k1", [6, 4, 1, 0]),
        ("object_key_hash=k3&sort_by=object_id&sort_order=asc", [3, 4, 7]),
        ("object_team_id=a&object_key_hash=k1", [1, 0]),
        ("object_team_id=nobody&object_key_hash=k1", []),
    ],
)
async def test_what_entries_are_about(
    office: Office, query: str, found: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "digest", str)
    rows = [
        {
            "id": f"e{number}", "updated_at": NOW + timedelta(minutes=number), "action": "updated", "table_name": "t",
            "object_team_id": team, "former_team_id": former, "object_id": name, "renamed_to": renamed,
        }
        for number, (team, former, name, renamed) in enumerate(ABOUT)
    ]  # fmt: skip
    async with (await office.store.open()).writing() as connection:
        await connection.execute(sa.insert(AUDIT_LOG), rows)
    told = await ask(office, query)
    assert ids(told) == found
    if "page" not in query:
        assert told["total"] == len(found)
    assert not {"object_team_id", "former_team_id", "renamed_to"} & set().union(*told["audit_logs"], ())


async def test_a_total_is_capped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COUNTED", 5)
    await fill(office)
    told = await ask(office, "page_size=2")
    assert (told["total"], told["total_pages"], told["total_is_capped"]) == (5, 3, True)


async def test_one(office: Office) -> None:
    await fill(office)
    told = await ask(office, function=reading.one, id="e03")
    assert told == {
        "id": "e03", "updated_at": NOW + timedelta(minutes=1), "changed_by": "ann", "changed_by_api_key": "key-1",
        "action": "created", "table_name": "LiteLLM_UserTable", "object_id": "o3", "before_value": None,
        "updated_values": {"number": 3},
    }  # fmt: skip
    with pytest.raises(ObjectNotFound):
        await ask(office, function=reading.one, id="e99")
