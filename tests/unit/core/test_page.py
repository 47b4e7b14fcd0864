"""Records are copied into memory with their length and checksum, and never behind its end."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.page import Page

HEAD = struct.Struct("<II")


@given(st.binary(max_size=400), st.integers(0, 20))
def test_a_record_is_what_was_written_behind_length_and_checksum(body: bytes, at: int) -> None:
    memory = bytearray(512)
    page = Page(memory, at)
    assert page.write(body)
    assert memory[at : page.at] == HEAD.pack(len(body), zlib.crc32(body)) + body
    assert not any(memory[page.at :])
    assert not any(memory[:at])
    page.close()


def test_a_record_without_room_is_not_written() -> None:
    memory = bytearray(32)
    page = Page(memory, 0)
    assert not page.write(bytes(25))
    assert memory == bytes(32)
    assert page.write(b"x" * 24)
    assert not page.write(b"")
    assert (page.at, page.end) == (32, 32)
    page.close()


def test_a_page_that_was_closed_takes_nothing_and_frees_its_memory() -> None:
    memory = bytearray(32)
    page = Page(memory, 0)
    with pytest.raises(BufferError):
        memory.append(0)
    page.close()
    page.close()
    memory.append(0)
    assert not page.write(b"x")


def test_a_page_begins_within_its_memory() -> None:
    for at in (-1, 33):
        with pytest.raises(ValueError, match="between"):
            Page(bytearray(32), at)
    with pytest.raises(BufferError):
        Page(b"read only", 0)  # type: ignore[arg-type]
