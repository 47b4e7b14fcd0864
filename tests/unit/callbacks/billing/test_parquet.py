"""Files that readers of Parquet read; pyarrow 26 read the one whose digest stands here."""

import hashlib
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tianji.callbacks.billing.parquet import MAGIC, parquet

DIGEST = "c180776dbf789338111bae549c3f4fac824d14d568d7e3ec5eb8168fce823db5"
NUMBERS = {"cost": float, "requests": int}
ROWS = [{"cost": 0.25 * at, "requests": at, "name": f"é{at}" if at % 3 else None, "none": None} for at in range(40)]


class Reader:
    """Thrift's compact form, as its specification has it."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def value(self, kind: int) -> Any:
        if kind in (5, 6):
            found = self.varint()
            return (found >> 1) ^ -(found & 1)
        if kind == 8:
            size = self.varint()
            self.at += size
            return self.data[self.at - size : self.at].decode()
        if kind == 9:
            head = self.data[self.at]
            self.at += 1
            size = head >> 4 if head >> 4 < 15 else self.varint()
            return [self.value(head & 15) for _ in range(size)]
        assert kind == 12
        return self.struct()

    def struct(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        number = 0
        while head := self.data[self.at]:
            self.at += 1
            number += head >> 4
            found[number] = self.value(head & 15)
        self.at += 1
        return found


def table(data: bytes) -> dict[str, list[Any]]:
    """Return what a file holds, by columns."""
    assert data[:4] == data[-4:] == MAGIC
    (size,) = struct.unpack("<I", data[-8:-4])
    footer = Reader(data, len(data) - 8 - size).struct()
    found: dict[str, list[Any]] = {}
    for group in footer[4]:
        for column in group[1]:
            about = column[3]
            reader = Reader(data, about[9])
            page = reader.struct()
            found[about[3][0]] = values(data[reader.at : reader.at + page[2]], about[1], page[5][1])
            assert about[9] + about[7] == reader.at + page[2]
    assert [element[4] for element in footer[2][1:]] == list(found)
    return found


def values(page: bytes, kind: int, count: int) -> list[Any]:
    (size,) = struct.unpack("<I", page[:4])
    levels = Reader(page, 4)
    there: list[int] = []
    while levels.at < 4 + size:
        run = levels.varint() >> 1
        there += [page[levels.at]] * run
        levels.at += 1
    assert len(there) == count
    at, found = levels.at, []
    for one in there:
        if not one:
            found.append(None)
        elif kind == 6:
            (length,) = struct.unpack("<I", page[at : at + 4])
            at += 4 + length
            found.append(page[at - length : at].decode())
        else:
            found.append(struct.unpack("<d" if kind == 5 else "<q", page[at : at + 8])[0])
            at += 8
    assert at == len(page)
    return found


def test_the_file_that_another_reader_has_read() -> None:
    assert hashlib.sha256(parquet(ROWS, NUMBERS)).hexdigest() == DIGEST


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(
    st.lists(
        st.fixed_dictionaries({
            "cost": st.none() | st.floats(allow_nan=False),
            "requests": st.none() | st.integers(-(2**63), 2**63 - 1),
            "name": TEXTS,
            **{f"c{at}": TEXTS for at in range(15)},
        }),
        max_size=20,
    )
)  # fmt: skip
def test_what_is_written_is_read(rows: list[dict[str, Any]]) -> None:
    found = table(parquet(rows, NUMBERS))
    assert found == ({name: [row[name] for row in rows] for name in rows[0]} if rows else {})
