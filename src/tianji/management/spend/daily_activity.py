"""What users, teams, organizations, projects, tags, customers and agents used day by day, by model, provider and so on.

Days are those of the sums, in UTC. Whoever does not see all sees what is his own or below him.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec import Struct, field

from tianji.auth.identity import Role
from tianji.errors import PermissionDenied, SchemaViolation, Unacceptable
from tianji.management.desk import Call, Row
from tianji.management.keys import fields as key_fields
from tianji.management.spend.logs import day
from tianji.money import to_dollars
from tianji.storage.tables import DAILY, KEYS, TEAMS

Kind = Literal["user", "team", "organization", "project", "tag", "customer", "agent"]
LARGEST: Final = 1000  # rows of a page
MOST: Final = 100_000  # rows that are summed up in one answer
_GROUPS: Final = (
    DAILY.c.day, DAILY.c.entity, DAILY.c.key, DAILY.c.model, DAILY.c.model_group, DAILY.c.provider, DAILY.c.call_type,
)  # fmt: skip
_FIGURES: Final = (
    "spend", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "requests", "successes",
    "failures", "milliseconds",
)  # fmt: skip
_ROUTES: Final[Mapping[str, str]] = {  # call type: what it is called by
    "acompletion": "/chat/completions",
    "atext_completion": "/completions",
    "aembedding": "/embeddings",
    "amoderation": "/moderations",
}
_BREAKDOWNS: Final[Mapping[str, Callable[[Row], str]]] = {
    "models": lambda row: str(row["model"]),
    "model_groups": lambda row: str(row["model_group"]),
    "providers": lambda row: str(row["provider"]),
    "endpoints": lambda row: _ROUTES.get(row["call_type"], row["call_type"]),
}
_IDS: Final[Mapping[Kind, str]] = {  # the parameter that names entities, a list parted by commas
    "user": "user_id",
    "team": "team_ids",
    "organization": "organization_ids",
    "project": "project_ids",
    "tag": "tags",
    "customer": "end_user_ids",
    "agent": "agent_ids",
}


class Asked(Struct, kw_only=True):
    """Which days, and what of them."""

    start_date: str | None = None
    end_date: str | None = None
    model: str | None = None
    api_key: str | None = None
    page: int = 1
    page_size: int = 50
    user_id: str | None = None
    team_ids: str | None = None
    organization_ids: str | None = None
    project_ids: str | None = None
    tags: str | None = None
    end_user_ids: str | None = None
    agent_ids: str | None = None
    exclude_team_ids: str | None = None
    exclude_organization_ids: str | None = None
    exclude_project_ids: str | None = None
    exclude_end_user_ids: str | None = None
    exclude_agent_ids: str | None = None
    exclude_tags: str | None = None


class Used(Struct):
    """Figures that grow row by row."""

    figures: list[int] = field(default_factory=lambda: [0] * len(_FIGURES))
    keys: dict[str, "Used"] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Take a row in."""
        for place, name in enumerate(_FIGURES):
            self.figures[place] += row[name]

    def add_with_key(self, row: Row) -> None:
        """Take a row in, for its key apart as well."""
        self.add(row)
        self.keys.setdefault(row["key"], Used()).add(row)

    def told(self) -> Row:
        """Return the figures as programs know them."""
        found = dict(zip(_FIGURES, self.figures, strict=True))
        return {
            "spend": to_dollars(found["spend"]),
            "flat_cost": 0.0,
            "ptu_hours": 0.0,
            "prompt_tokens": found["prompt_tokens"],
            "completion_tokens": found["completion_tokens"],
            "cache_read_input_tokens": found["cached_tokens"],
            "cache_creation_input_tokens": found["written_tokens"],
            "total_tokens": found["prompt_tokens"] + found["completion_tokens"],
            "successful_requests": found["successes"],
            "failed_requests": found["failures"],
            "api_requests": found["requests"],
            "total_response_time_ms": found["milliseconds"],
            "timed_requests": found["requests"],
        }


async def _page(kind: Kind, call: Call) -> Row:
    asked = call.questions(Asked)
    for name, value, most in (("page", asked.page, 2**31), ("page_size", asked.page_size, LARGEST)):
        if not 1 <= value <= most:
            raise SchemaViolation(f"Input should be from 1 to {most}", ("query", name))
    wanted = await _wanted(call, kind, asked)
    total = await call.count(wanted.order_by(None))
    rows = await call.all(wanted.limit(asked.page_size).offset((asked.page - 1) * asked.page_size))
    return await _told(call, kind, rows, asked.page, -(-total // asked.page_size))


async def _whole(kind: Kind, call: Call) -> Row:
    rows = await call.all((await _wanted(call, kind, call.questions(Asked))).limit(MOST + 1))
    if len(rows) > MOST:
        raise Unacceptable(f"these days have more than {MOST} rows; ask for fewer days, or page by page")
    return await _told(call, kind, rows, 1, 1)


async def _wanted(call: Call, kind: Kind, asked: Asked) -> "sa.Select[Any]":
    if asked.start_date is None or asked.end_date is None:
        raise Unacceptable("start_date and end_date are required, as in 2026-03-01", param="start_date")
    where = [
        DAILY.c.day >= day(asked.start_date, "start_date"),
        DAILY.c.day <= day(asked.end_date, "end_date"),
        await _visible(call, kind, _names(getattr(asked, _IDS[kind]))),
    ]
    excluded = _names(getattr(asked, f"exclude_{_IDS[kind]}", None))
    if excluded:
        where.append(DAILY.c.entity.not_in(excluded))
    if asked.model is not None:
        where.append(sa.or_(DAILY.c.model == asked.model, DAILY.c.model_group == asked.model))
    if asked.api_key is not None:
        where.append(DAILY.c.key.in_([key_fields.digest(name) for name in _names(asked.api_key) or [""]]))
    summed = [sa.cast(sa.func.sum(DAILY.c[name]), sa.BigInteger).label(name) for name in _FIGURES]
    found = sa.select(*_GROUPS, *summed).where(*where).group_by(*_GROUPS)
    return found.order_by(DAILY.c.day.desc(), *_GROUPS[1:])


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


async def _visible(call: Call, kind: Kind, names: list[str]) -> "sa.ColumnElement[bool]":
    """Return the condition of the entities that are asked for. Raises PermissionDenied for what is somebody else's."""
    if call.sees_all:
        if kind == "user" and not names:  # everything, that of nobody in particular too
            return DAILY.c.kind == "all"
        return _of(kind, names) if names else DAILY.c.kind == kind
    if kind == "user":
        return _own(call, names)
    if kind == "tag":
        return sa.and_(_of(kind, names) if names else DAILY.c.kind == kind, _by_own_key(call))
    whole, part = await _held(call, kind)
    foreign = set(names) - set(whole) - set(part)
    if foreign:
        raise PermissionDenied(f"{', '.join(sorted(foreign))[:200]}: you may ask for what is yours only")
    if names:
        whole, part = [one for one in whole if one in names], [one for one in part if one in names]
    return sa.or_(_of(kind, whole), sa.and_(_of(kind, part), _by_own_key(call)))


def _of(kind: Kind, names: Iterable[str]) -> "sa.ColumnElement[bool]":
    return sa.and_(DAILY.c.kind == kind, DAILY.c.entity.in_(list(names)))


def _own(call: Call, names: list[str]) -> "sa.ColumnElement[bool]":
    mine = call.caller.user_id
    if any(name != mine for name in names):
        raise PermissionDenied("user_id is somebody else; you may ask for yourself only")
    if mine is None:  # a key without an owner
        return sa.and_(DAILY.c.kind == "all", DAILY.c.key == call.caller.key)
    return _of("user", [mine])


def _by_own_key(call: Call) -> "sa.ColumnElement[bool]":
    mine = sa.select(KEYS.c.token).where(KEYS.c.user_id == call.caller.user_id)
    return sa.or_(DAILY.c.key == call.caller.key, DAILY.c.key.in_(mine))


async def _held(call: Call, kind: Kind) -> tuple[list[str], list[str]]:
    """Return what the caller sees all of, and what he sees his own part of."""
    heads = [name for name, role in call.caller.organizations.items() if role == Role.ORG_ADMIN]
    if kind == "organization":
        return heads, []
    below = [row["team_id"] for row in await call.all(sa.select(TEAMS).where(TEAMS.c.organization_id.in_(heads)))]
    led = [name for name, role in call.caller.teams.items() if role == "admin"]
    others = {*call.caller.teams, *([call.caller.team_id] if call.caller.team_id else [])} - {*below, *led}
    return list(dict.fromkeys([*below, *led])), sorted(others)


async def _told(call: Call, kind: Kind, rows: list[Row], page: int, pages: int) -> Row:
    known = await _described(call, {row["key"] for row in rows})
    total = Used()
    days: dict[str, list[Row]] = {}
    for row in rows:
        total.add(row)
        days.setdefault(row["day"], []).append(row)
    figures = total.told()
    return {
        "results": [_day(text, kind, found, known) for text, found in days.items()],
        "metadata": {
            **{f"total_{name.removeprefix('total_')}": value for name, value in figures.items()},
            "page": page,
            "total_pages": pages,
            "has_more": page < pages,
            "total_api_keys": len(known),
        },
    }


def _day(text: str, kind: Kind, rows: list[Row], known: Mapping[str, Row]) -> Row:
    whole = Used()
    parts: dict[str, dict[str, Used]] = {name: {} for name in (*_BREAKDOWNS, "mcp_servers", "entities")}
    for row in rows:
        whole.add_with_key(row)
        for name, of in _BREAKDOWNS.items():
            parts[name].setdefault(of(row), Used()).add_with_key(row)
        if kind != "user":
            parts["entities"].setdefault(row["entity"], Used()).add_with_key(row)
    keys = {name: {"metrics": used.told(), "metadata": known[name]} for name, used in whole.keys.items()}
    breakdown = {
        name: {
            one: {
                "metrics": used.told(),
                "metadata": {},
                "api_key_breakdown": {
                    key: {"metrics": own.told(), "metadata": known[key]} for key, own in used.keys.items()
                },
            }
            for one, used in found.items()
        }
        for name, found in parts.items()
    }
    return {"date": text, "metrics": whole.told(), "breakdown": {**breakdown, "api_keys": keys}}


async def _described(call: Call, keys: set[str]) -> dict[str, Row]:
    """Return what is told of each key beside its figures."""
    names = ("key_alias", "team_id", "user_id")
    rows = await call.all(sa.select(KEYS).where(KEYS.c.token.in_(sorted(keys))))
    known = {row["token"]: {name: row[name] for name in names} for row in rows}
    return {key: known.get(key, dict.fromkeys(names)) for key in keys}


_Function = Callable[[Call], Awaitable[Row]]
page_of_user: Final[_Function] = partial(_page, "user")
page_of_team: Final[_Function] = partial(_page, "team")
page_of_organization: Final[_Function] = partial(_page, "organization")
page_of_project: Final[_Function] = partial(_page, "project")
page_of_tag: Final[_Function] = partial(_page, "tag")
page_of_customer: Final[_Function] = partial(_page, "customer")
page_of_agent: Final[_Function] = partial(_page, "agent")
whole_of_user: Final[_Function] = partial(_whole, "user")
whole_of_team: Final[_Function] = partial(_whole, "team")
whole_of_organization: Final[_Function] = partial(_whole, "organization")
whole_of_project: Final[_Function] = partial(_whole, "project")
whole_of_tag: Final[_Function] = partial(_whole, "tag")
whole_of_customer: Final[_Function] = partial(_whole, "customer")
whole_of_agent: Final[_Function] = partial(_whole, "agent")
