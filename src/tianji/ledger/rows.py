"""From entries to rows: of the ledger itself, and of the sums by day and by whose spend it is.

Texts come from clients. They are made such that every database keeps and indexes them: without NUL, and not too long.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import add, attrgetter
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tianji._core.meter import MOST
from tianji.ledger.entry import SUCCESS, Entry
from tianji.ledger.names import LONGEST as LONGEST_NAME
from tianji.ledger.names import name
from tianji.storage.tables import (
    CUSTOMERS,
    KEYS,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    TAGS,
    TEAM_MEMBERS,
    TEAMS,
    USERS,
)

Row = dict[str, Any]
LONGEST_TEXT: Final = 2000  # characters of a message
LONGEST_RUNS: Final = 32768  # bytes of what guardrails did
_OF_RUNS: Final = (
    "guardrail_name",
    "guardrail_provider",
    "guardrail_mode",
    "guardrail_status",
    "guardrail_action",
    "duration",
)
"""What a row keeps of each run where all of it is too much."""
GROUPS: Final = ("kind", "day", "entity", "key", "model", "model_group", "provider", "call_type")
SUMS: Final = (
    "spend", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "requests", "successes",
    "failures", "cache_hits", "milliseconds",
)  # fmt: skip
KINDS: Final = ("all", "user", "team", "organization", "customer", "agent", "tag")

_NAMES: Final = (
    "request_id", "call_id", "status", "call_type", "model_group", "model", "provider", "deployment_id", "key",
)  # fmt: skip
_OPTIONAL: Final = (
    "key_alias", "user_id", "team_id", "organization_id", "end_user", "agent_id", "session_id", "ip", "error_code",
    "error_class",
)  # fmt: skip
_FIGURES: Final = (
    "attempt", "prompt_tokens", "completion_tokens", "cached_tokens", "written_tokens", "reasoning_tokens", "cost"
)  # fmt: skip
_NUMBERS: Final = ("started_at", "ended_at", "answered_at", *_FIGURES)
_FLAGS: Final = ("stream", "cache_hit", "estimated", "suspect")


class Facts(msgspec.Struct, frozen=True):
    """What a row of the ledger keeps beside its columns: what a cost comes of, and what guardrails did."""

    items: tuple[tuple[str, int, int], ...] = ()
    factors: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    catalogue: str = ""
    reported: bool = False
    guardrails: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_TEXTS: Final = (*_NAMES, *_OPTIONAL)
_PLAIN: Final = (*_NUMBERS, *_FLAGS)
_texts: Final = attrgetter(*_TEXTS)
_plain: Final = attrgetter(*_PLAIN)
_whose: Final = attrgetter(
    "key", "user_id", "team_id", "organization_id", "end_user", "agent_id", "tags",
    "model", "model_group", "provider", "call_type",
)  # fmt: skip
_DAY: Final = 86_400_000_000  # microseconds
_json: Final = msgspec.json.Encoder().encode
_facts: Final = msgspec.json.Decoder(Facts).decode
_tags: Final = msgspec.json.Decoder(tuple[str, ...]).decode


def bounded(entry: Entry) -> Entry:
    """Return the entry with figures that can be summed: one that no request reaches must not stop all others."""
    if max(getattr(entry, column) for column in _FIGURES) <= MOST:
        return entry
    return msgspec.structs.replace(entry, **{column: min(getattr(entry, column), MOST) for column in _FIGURES})


def row(entry: Entry) -> Row:
    """Return the entry's row of the ledger."""
    texts = _texts(entry)
    said = list(filter(None, texts))
    if max(map(len, said)) > LONGEST_NAME or "\0" in "".join(said):  # all at once: nearly every entry is fine
        texts = tuple(text if text is None else name(text) for text in texts)
    made: Row = dict(zip(_TEXTS, texts, strict=True))
    made |= zip(_PLAIN, _plain(entry), strict=True)
    made["api_base"] = _long(entry.api_base)
    made["error_message"] = None if entry.error_message is None else _long(entry.error_message)
    made["tags"] = _json(tags(entry)).decode()
    runs = runs_of(entry)
    made["facts"] = _json(Facts(entry.items, entry.factors, name(entry.catalogue), entry.reported, runs)).decode()
    return made


def runs_of(entry: Entry) -> msgspec.Raw | msgspec.UnsetType:
    """Return the runs of guardrails as they are kept: without what vendors said, where that is too much."""
    runs = entry.guardrails
    if len(runs) > LONGEST_RUNS:
        known: list[Row] = msgspec.json.decode(runs)
        runs = _json([{key: one[key] for key in _OF_RUNS if key in one} for one in known])
    return msgspec.Raw(runs) if runs not in (b"", b"[]") else msgspec.UNSET


def entry_of(row: Mapping[str, Any]) -> Entry:
    """Return the entry that a row was made of, as far as the row says."""
    facts = _facts(row["facts"])
    members = {column: row[column] for column in (*_NAMES, *_OPTIONAL, *_NUMBERS, *_FLAGS)}
    return Entry(
        **members,
        api_base=row["api_base"],
        error_message=row["error_message"],
        tags=_tags(row["tags"]),
        items=facts.items,
        factors=facts.factors,
        catalogue=facts.catalogue,
        reported=facts.reported,
        guardrails=b"" if facts.guardrails is msgspec.UNSET else bytes(facts.guardrails),
    )


def payload(entry: Entry) -> Row | None:
    """Return the row of what was said, if that is to be kept."""
    said = entry.payload
    if said is None or not (said.messages or said.response or said.request):
        return None
    return {
        "request_id": name(entry.request_id),
        **{part: _document(getattr(said, part)) for part in ("messages", "response", "request")},
    }


def tags(entry: Entry) -> tuple[str, ...]:
    """Return the tags, each once."""
    return tuple(dict.fromkeys(map(name, entry.tags)))


def day(microseconds: int) -> str:
    """Return the day in UTC, YYYY-MM-DD."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%d")


def daily(entries: Iterable[Entry], *, logged: bool) -> list[Row]:
    """Return what entries add to the sums by day, in the order of the key, so that nobody waits crosswise."""
    sums: dict[tuple[str, ...], list[int]] = {}
    for entry, figures in _alike(entries):
        rest = tuple(map(name, (entry.key, entry.model, entry.model_group, entry.provider, entry.call_type)))
        when = day(entry.started_at)
        for kind, entity in _entities(entry):
            held = sums.setdefault((kind, when, entity, *rest), [0] * len(SUMS))
            held[:] = map(add, held, figures)
    return [
        {**dict(zip(GROUPS, group, strict=True)), "logged": logged, **dict(zip(SUMS, sums[group], strict=True))}
        for group in sorted(sums)
    ]


def _alike(entries: Iterable[Entry]) -> Iterable[tuple[Entry, list[int]]]:
    """Return one of all entries of the same day that are for the same and by the same, and what they sum up to.

    Most entries of a batch are like another one, and what is made of whom they are for takes longer than a sum.
    """
    found: dict[tuple[object, ...], tuple[Entry, list[int]]] = {}
    for entry in entries:
        group = (entry.started_at // _DAY, *_whose(entry))
        known = found.get(group)
        if known is None:
            found[group] = entry, list(_figures(entry))
        else:
            known[1][:] = map(add, known[1], _figures(entry))
    return found.values()


def spent(entries: Iterable[Entry]) -> Iterator[tuple[sa.Table, tuple[str, ...], dict[tuple[str, ...], int]]]:
    """Yield tables, the columns that name a row there, and what each row's spend grows by."""
    alike = [(entry, figures[0]) for entry, figures in _alike(entry for entry in entries if entry.cost)]
    for table, columns, names in _SPENDERS:
        sums: dict[tuple[str, ...], int] = {}
        for entry, cost in alike:
            for found in names(entry):
                sums[found] = sums.get(found, 0) + cost
        if sums:
            yield table, columns, dict(sorted(sums.items()))


def _one(*fields: str) -> Callable[[Entry], Iterable[tuple[str, ...]]]:
    def names(entry: Entry) -> Iterable[tuple[str, ...]]:
        found = tuple(getattr(entry, field) for field in fields)
        return () if None in found or "" in found else (tuple(map(name, found)),)

    return names


_SPENDERS: Final[tuple[tuple[sa.Table, tuple[str, ...], Callable[[Entry], Iterable[tuple[str, ...]]]], ...]] = (
    (KEYS, ("token",), _one("key")),
    (USERS, ("user_id",), _one("user_id")),
    (TEAMS, ("team_id",), _one("team_id")),
    (TEAM_MEMBERS, ("team_id", "user_id"), _one("team_id", "user_id")),
    (ORGANIZATIONS, ("organization_id",), _one("organization_id")),
    (ORGANIZATION_MEMBERS, ("organization_id", "user_id"), _one("organization_id", "user_id")),
    (CUSTOMERS, ("user_id",), _one("end_user")),
    (TAGS, ("name",), lambda entry: [(tag,) for tag in tags(entry)]),
)


def _entities(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "all", ""
    fields = (entry.user_id, entry.team_id, entry.organization_id, entry.end_user, entry.agent_id)
    for kind, entity in zip(KINDS[1:], fields, strict=False):
        if entity:
            yield kind, name(entity)
    for tag in tags(entry):
        yield "tag", tag


def _figures(entry: Entry) -> tuple[int, ...]:
    success = entry.status == SUCCESS
    return (
        entry.cost,
        entry.prompt_tokens,
        entry.completion_tokens,
        entry.cached_tokens,
        entry.written_tokens,
        1,
        int(success),
        int(not success),
        int(entry.cache_hit),
        max(0, entry.ended_at - entry.started_at) // 1000,
    )


def _long(text: str) -> str:
    return text.replace("\0", "")[:LONGEST_TEXT]


def _document(data: bytes) -> str | None:
    return data.decode("utf-8", "replace").replace("\0", "") or None
