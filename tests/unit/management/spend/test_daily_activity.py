"""What each day's activity tells, and to whom, on both engines."""

from typing import Any

import pytest
from tests.unit.management.spend.test_spend import ADMIN, HEAD, LEADER, LOOSE, USER, ask, office

from tianji.auth.identity import Identity
from tianji.errors import PermissionDenied, SchemaViolation, Unacceptable
from tianji.management.office import Office
from tianji.management.spend import daily_activity as daily

__all__ = ["office"]

DAYS = {"start_date": "2026-03-01", "end_date": "2026-03-03"}


def spends(told: dict[str, Any], part: str) -> dict[str, float]:
    """What each name of a breakdown cost, over all days."""
    found: dict[str, float] = {}
    for result in told["results"]:
        for name, one in result["breakdown"][part].items():
            found[name] = found.get(name, 0) + one["metrics"]["spend"]
    return found


async def test_an_administrator_sees_all_days_apart(office: Office) -> None:
    told = await ask(office, daily.whole_of_user, **DAYS)
    assert [(one["date"], one["metrics"]["spend"], one["metrics"]["api_requests"]) for one in told["results"]] == [
        ("2026-03-02", 0.0, 1),
        ("2026-03-01", 7.0, 3),
    ]
    metadata = told["metadata"]
    assert (metadata["total_spend"], metadata["total_api_requests"], metadata["total_failed_requests"]) == (7.0, 4, 1)
    assert metadata["total_tokens"] == metadata["total_prompt_tokens"] + metadata["total_completion_tokens"] > 0
    assert spends(told, "api_keys") == {"k": 3.0, "k3": 4.0, "k2": 0.0}
    assert spends(told, "model_groups")["small"] == 2.0
    assert spends(told, "providers")["azure"] == 0.0
    assert list(spends(told, "endpoints")) == ["/chat/completions"]
    (first,) = [one for one in told["results"] if one["date"] == "2026-03-01"]
    assert first["breakdown"]["api_keys"]["k"]["metadata"] == {"key_alias": "mine", "team_id": None, "user_id": "u"}
    assert first["breakdown"]["models"]["gpt-4o-mini"]["api_key_breakdown"]["k"]["metrics"]["spend"] == 2.0


async def test_entities_are_those_of_the_kind(office: Office) -> None:
    assert spends(await ask(office, daily.whole_of_team, **DAYS), "entities") == {"t": 3.0, "t2": 0.0}
    assert spends(await ask(office, daily.whole_of_tag, **DAYS), "entities") == {"a": 3.0, "b": 1.0}
    assert spends(await ask(office, daily.whole_of_tag, **DAYS, tags="b,c"), "entities") == {"b": 1.0}
    assert spends(await ask(office, daily.whole_of_team, **DAYS, exclude_team_ids="t"), "entities") == {"t2": 0.0}
    assert spends(await ask(office, daily.whole_of_customer, **DAYS, end_user_ids="d"), "entities") == {"d": 2.0}
    assert (await ask(office, daily.whole_of_agent, **DAYS, agent_ids="nobody"))["results"] == []


async def test_filters(office: Office) -> None:
    assert (await ask(office, daily.whole_of_user, **DAYS, model="small"))["metadata"]["total_spend"] == 2.0
    assert (await ask(office, daily.whole_of_user, **DAYS, api_key="k3"))["metadata"]["total_spend"] == 4.0
    one_day = {"start_date": "2026-03-02", "end_date": "2026-03-02"}
    assert [one["date"] for one in (await ask(office, daily.whole_of_user, **one_day))["results"]] == ["2026-03-02"]


async def test_pages_are_parts_of_the_whole(office: Office) -> None:
    whole = await ask(office, daily.whole_of_user, **DAYS)
    pages = [await ask(office, daily.page_of_user, **DAYS, page=number, page_size=1) for number in (1, 2, 3, 4)]
    assert [(page["metadata"]["total_pages"], page["metadata"]["has_more"]) for page in pages] == [
        (4, True), (4, True), (4, True), (4, False),
    ]  # fmt: skip
    assert sum(page["metadata"]["total_spend"] for page in pages) == whole["metadata"]["total_spend"]
    for wrong in ({"page": 0}, {"page_size": 1001}):
        with pytest.raises(SchemaViolation):
            await ask(office, daily.page_of_user, **DAYS, **wrong)


@pytest.mark.parametrize("days", [{}, {"start_date": "2026-03-01"}, {"start_date": "March", "end_date": "2026-03-03"}])
async def test_days_are_required(office: Office, days: dict[str, str]) -> None:
    with pytest.raises(Unacceptable):
        await ask(office, daily.page_of_user, **days)


@pytest.mark.parametrize(
    ("by", "function", "entities", "spend"),
    [
        (USER, daily.whole_of_user, [], 3.0),
        (LOOSE, daily.whole_of_user, [], 4.0),
        (LEADER, daily.whole_of_team, ["t2"], 0.0),
        (HEAD, daily.whole_of_organization, ["o2"], 0.0),
        (Identity(role=None, user_id="u", key="x", teams={"t": "user"}), daily.whole_of_team, ["t"], 3.0),
        (Identity(role=None, user_id="w", key="x", teams={"t": "user"}), daily.whole_of_team, [], 0.0),
        (Identity(role=None, user_id="w", key="x", teams={"t": "admin"}), daily.whole_of_team, ["t"], 3.0),
        (USER, daily.whole_of_tag, ["a", "b"], 4.0),
        (LEADER, daily.whole_of_tag, [], 0.0),
    ],
)
async def test_everybody_sees_what_is_his(
    office: Office, by: Identity, function: Any, entities: list[str], spend: float
) -> None:
    told = await ask(office, function, by, **DAYS)
    assert sorted(spends(told, "entities")) == entities
    assert told["metadata"]["total_spend"] == spend


async def test_nobody_asks_for_others(office: Office) -> None:
    for by, function, named in (
        (USER, daily.whole_of_user, {"user_id": "v"}),
        (LOOSE, daily.whole_of_user, {"user_id": "u"}),
        (USER, daily.whole_of_team, {"team_ids": "t2"}),
        (LEADER, daily.whole_of_organization, {"organization_ids": "o2"}),
    ):
        with pytest.raises(PermissionDenied):
            await ask(office, function, by, **DAYS, **named)
    assert (await ask(office, daily.whole_of_user, ADMIN, **DAYS, user_id="u"))["metadata"]["total_spend"] == 3.0
