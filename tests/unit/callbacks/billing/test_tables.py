"""Bills as CSV, in files that are not too large."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.callbacks.billing.rhythm import first_day, rhythm
from tianji.callbacks.billing.stores import signed_address
from tianji.callbacks.billing.tables import csv_of, parts
from tianji.callbacks.sink import Given
from tianji.errors import ConfigurationError, UpstreamProtocolError

CELLS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
ROWS = st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), max_size=12)


def read(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))


@given(ROWS, st.integers(1, 5), st.integers(1, 200))
def test_parts_hold_all_rows_once_and_no_more_than_they_may(rows: list[dict[str, str]], most: int, size: int) -> None:
    files = list(parts(rows, most=most, size=size))
    assert [row for file in files for row in read(file)] == rows
    for file in files:
        assert 1 <= len(read(file)) <= most
        assert len(file) <= size or len(read(file)) == 1
    assert read(csv_of(rows)) == rows


def test_how_values_are_written() -> None:
    assert csv_of([{"a": 1e-9, "b": None, "c": 'x"y'}]) == b'a,b,c\r\n0.000000001,,"x""y"\r\n'
    assert csv_of([]) == b""


def test_when_there_is_an_export_and_from_when_on() -> None:
    given = Given("x", {}, {"X_FREQUENCY": "never", "X_START": "31.1."})
    with pytest.raises(ConfigurationError, match="X_FREQUENCY 'never' is none of daily, interval"):
        rhythm(given, "X", usual="daily", choices=("daily", "interval"))
    with pytest.raises(ConfigurationError, match=r"X_START '31\.1\.' is no day; write 2026-01-31"):
        first_day(given, "start", "X_START")
    assert first_day(Given("x", {"start": "2026-01-31"}, {}), "start", "X_START") == date(2026, 1, 31)
    assert first_day(Given("x", {}, {}), "start", "X_START") is None


@pytest.mark.parametrize("url", ["https://storage.googleapis.com/b/o?x=1", "https://b.storage.googleapis.com/o"])
def test_the_store_is_googles(url: str) -> None:
    assert signed_address(url, "https://vendor") == url
    assert signed_address("http://127.0.0.1:1/o", "http://127.0.0.1:1/v1") == "http://127.0.0.1:1/o"


@pytest.mark.parametrize(
    "url",
    [None, 7, "", "http://storage.googleapis.com/o", "https://storage.googleapis.com.evil/o", "https://vendor:444/o",
     "https://evil/storage.googleapis.com"],
)  # fmt: skip
def test_no_other_place_is_a_store(url: object) -> None:
    with pytest.raises(UpstreamProtocolError, match="where in its store"):
        signed_address(url, "https://vendor")
