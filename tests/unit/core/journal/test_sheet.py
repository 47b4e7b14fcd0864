"""What a sheet says of entries is what they say themselves."""

import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.conftest import NOON, entry

from tianji._core.journal.records import bodies
from tianji.ledger.books import DAY
from tianji.ledger.entry import Entry, Payload, Place, encoded
from tianji.ledger.journal import HEAD
from tianji.ledger.names import name
from tianji.ledger.rows import COLUMNS, SUMS, sheet, sheet_of
from tianji.storage.tables import LEDGER_ROWS

TEXT = st.text(st.characters(codec="utf-8"), max_size=9) | st.just("long" * 40) | st.just("\0")
SOME = st.none() | TEXT
COUNT = st.integers(0, 2**63 - 1) | st.integers(0, 300)
SOME_EXAMPLES = 30  # of those that have much in them
MOST = 10**15  # what a figure counts at most
FIGURES = (
    "attempt",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "written_tokens",
    "reasoning_tokens",
    "cost",
)
ENTRIES = st.builds(
    entry,
    st.integers(0, 5),
    started_at=st.integers(-DAY, NOON),
    ended_at=COUNT,
    answered_at=st.none() | COUNT,
    status=st.sampled_from(["success", "failure"]) | TEXT,
    end_user=SOME,
    session_id=SOME,
    ip=SOME,
    error_code=SOME,
    error_class=SOME,
    error_message=SOME | st.just("x" * 3000),
    model=TEXT,
    key_alias=SOME,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    items=st.lists(st.tuples(TEXT, st.integers(-(2**63), 2**63 - 1), COUNT), max_size=3).map(tuple),
    factors=st.none() | st.just(((1, 2, 3), (4, 5, 6))),
    guardrails=st.sampled_from([b"", b'[{"guardrail_name":"g"}]']),
    payload=st.none() | st.builds(Payload, messages=st.binary()),
    place=st.none() | st.builds(Place, st.binary(), st.binary(), status=st.sampled_from([0, 0, 200])),
    project_id=SOME,
    user_agent=SOME,
    spend_logs_metadata=st.none() | st.just('{"a":"%s"}' % ("b" * 3000)),
    **dict.fromkeys(FIGURES, COUNT),
    **{flag: st.booleans() for flag in ("stream", "cache_hit", "estimated", "suspect", "reported")},
)


def maybe(text: str | None) -> str | None:
    return None if text is None else name(text)


def told(one: Entry) -> dict[str, Any]:
    """The row of an entry, without its account."""
    flags = (one.stream, one.cache_hit, one.estimated, one.suspect)
    return {
        **{column: getattr(one, column) for column in ("started_at", "ended_at", "answered_at")},
        **{figure: min(getattr(one, figure), MOST) for figure in FIGURES},
        **{column: maybe(getattr(one, column)) for column in COLUMNS if hasattr(one, column) and column in TEXTS},
        "error_message": None if one.error_message is None else one.error_message.replace("\0", "")[:2000],
        "quantities": msgspec.json.encode([quantity for _, quantity, _ in one.items]).decode(),
        "guardrails": one.guardrails.decode() or None,
        "spend_logs_metadata": one.spend_logs_metadata,
        "flags": sum(flag << bit for bit, flag in enumerate(flags)),
    }


def batched(values: tuple[object, ...], size: int) -> list[tuple[object, ...]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


DEFAULTS = {column.name for column in LEDGER_ROWS.c if column.server_default is not None}
TEXTS = {"request_id", "call_id", "status", "end_user", "session_id", "ip", "error_code", "error_class"}


@settings(max_examples=SOME_EXAMPLES)
@given(st.lists(ENTRIES, max_size=4))
def test_rows_say_what_entries_say(given: list[Entry]) -> None:
    made = sheet_of(given)
    paid = [one for one in given if one.paid]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in made.rows()]
    assert [{**row, "account": 0} for row in rows] == [{**told(one), "account": 0} for one in paid]
    assert made.names == [name(one.request_id) for one in paid]
    assert made.said == [encoded(one) for one in paid if one.payload is not None]
    for one in made.accounts:
        one.id = id(one)
    shared = {account.id: account.shared.terms for account in made.accounts}
    assert len(shared) == len(set(map(repr, shared.values())))  # no account twice
    for one, row in zip(paid, made.rows(), strict=True):
        terms = shared[row[COLUMNS.index("account")]]
        assert (terms.model, terms.key_alias) == (name(one.model), maybe(one.key_alias))
        assert (terms.project_id, terms.user_agent) == (maybe(one.project_id), maybe(one.user_agent))
        assert terms.items == tuple((kind, rate) for kind, _, rate in one.items)
        assert (terms.factors, terms.reported) == (one.factors, one.reported)
        assert terms.tags == tuple(dict.fromkeys(map(name, one.tags)))


@settings(max_examples=SOME_EXAMPLES)
@given(st.lists(ENTRIES | st.just(entry(7)), max_size=8), st.integers(1, 3))
def test_parts_are_the_rows_without_what_the_table_has_by_itself(given: list[Entry], most: int) -> None:
    made = sheet_of(given)
    for number, account in enumerate(made.accounts):
        account.id = number
    found = []
    for places, count, joined in made.parts(most):
        assert count in (1, most)
        assert {len(rows) for rows in joined} == {count * len(places)}
        rows = [row for several in joined for row in batched(several, len(places))]
        found += [{COLUMNS[place]: value for place, value in zip(places, row, strict=True)} for row in rows]
    assert all(None not in row.values() for row in found)
    assert all(row[name] for row in found for name in DEFAULTS & row.keys())
    whole = [dict(zip(COLUMNS, row, strict=True)) for row in made.rows()]
    filled = [{**dict.fromkeys(COLUMNS), **dict.fromkeys(DEFAULTS, 0), **row} for row in found]
    assert sorted(filled, key=repr) == sorted(whole, key=repr)


@settings(max_examples=SOME_EXAMPLES)
@given(st.lists(ENTRIES, max_size=4))
def test_sums_are_those_of_the_entries(given: list[Entry]) -> None:
    sums = sheet_of(given).sums
    paid = [one for one in given if one.paid]
    of_all = [sum(part) for part in zip(*(one.figures for one in sums), strict=True)] or [0] * len(SUMS)
    least = dict(zip(SUMS, of_all, strict=True))
    assert least["spend"] == sum(min(one.cost, MOST) for one in paid)
    assert least["requests"] == len(paid)
    assert least["failures"] == sum(one.status != "success" for one in paid)
    assert least["cache_hits"] == sum(one.cache_hit for one in paid)
    assert least["milliseconds"] == sum(max(0, one.ended_at - one.started_at) // 1000 for one in paid)
    assert least["spared_tokens"] == sum(min(one.completion_tokens, MOST) for one in paid if one.cache_hit)
    assert {one.day for one in sums} == {one.started_at // DAY for one in paid}
    assert {one.end_user for one in sums} == {maybe(one.end_user) for one in paid}


def test_sums_that_are_too_large_stay_at_the_largest() -> None:
    made = sheet_of(entry(number, ended_at=2**63 - 1, started_at=0) for number in range(2000))
    (one,) = made.sums
    assert dict(zip(SUMS, one.figures, strict=True))["milliseconds"] == 2**63 - 1


@settings(max_examples=SOME_EXAMPLES)
@given(ENTRIES, st.integers(0, 2000))
def test_a_cut_entry_is_none(one: Entry, cut: int) -> None:
    body = encoded(one)
    made = sheet()
    assert made.take([body[: cut % len(body)]]) == 0
    assert (len(made), made.accounts, made.sums) == (0, [], [])


@given(st.binary(max_size=200))
def test_anything_else_is_no_entry(data: bytes) -> None:
    assert sheet().take([data]) == 0
    many = b"\xdc\x00\x2c" + data  # of as many members as an entry
    assert sheet().take([many]) == 0


@settings(max_examples=SOME_EXAMPLES)
@given(ENTRIES, st.data())
def test_a_changed_entry_is_read_or_is_none(one: Entry, data: st.DataObject) -> None:
    body = bytearray(encoded(one))
    for _ in range(3):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    made = sheet()
    assert made.take([bytes(body)]) in (0, 1)


@pytest.mark.parametrize("member", [5, 13, 22, 29, 30, 32])
def test_what_entries_have_in_common_is_what_it_should_be(member: int) -> None:
    members = msgspec.msgpack.decode(encoded(entry(1)))
    members[member] = {"no": "such"}
    made = sheet()
    assert made.take([encoded(entry(0)), msgspec.msgpack.encode(members), encoded(entry(2))]) == 1
    assert made.names == [entry(0).request_id]


def test_an_older_entry_is_read() -> None:
    made = sheet()
    assert made.take([msgspec.msgpack.encode(["id-0", "call", NOON, NOON + 9])]) == 1
    (row,) = (dict(zip(COLUMNS, row, strict=True)) for row in made.rows())
    assert (row["request_id"], row["status"], row["quantities"], row["flags"]) == ("id-0", "success", "[]", 0)
    assert made.accounts[0].shared.terms.call_type == "acompletion"
    more = msgspec.msgpack.encode([*msgspec.msgpack.decode(encoded(entry(1))), "from the future"])
    assert made.take([more]) == 1


def test_a_sheet_without_what_is_known_has_each_of_the_others_once() -> None:
    made = sheet_of([entry(1), entry(2), entry(2), entry(3, model="other")])
    left = made.without({entry(1).request_id})
    assert left.names == [entry(2).request_id, entry(3).request_id]
    assert [one.figures[0] for one in left.sums] == [entry(2).cost, entry(3).cost]
    assert made.names == [entry(number).request_id for number in (1, 2, 2, 3)]


def test_records_end_with_the_first_that_is_not_whole() -> None:
    written = [b"one", b"two" * 100, b"three"]
    data = b"".join(HEAD.pack(len(body), zlib.crc32(body)) + body for body in written)
    assert bodies(data, 9) == written
    assert bodies(data, 2) == written[:2]
    for cut in range(len(data)):
        found = bodies(data[:cut], 9)
        assert found == written[: len(found)]
        assert sum(HEAD.size + len(body) for body in found) <= cut
    assert bodies(data + bytes(20), 9) == written
    wrong = bytearray(data)
    wrong[-1] ^= 1
    assert bodies(bytes(wrong), 9) == written[:2]
