"""Records are copied into memory with their length and checksum, and never behind its end."""

import contextlib
import mmap
import resource
import struct
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.journal.page import Page

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


@given(st.binary(max_size=4000), st.integers(0, 20_000), st.integers(0, 20_000))
def test_what_is_warmed_is_not_changed(body: bytes, start: int, end: int) -> None:
    memory = mmap.mmap(-1, 20_000)
    page = Page(memory, 0)
    page.write(body)
    before = memory[:]
    page.warm(min(start, end), max(start, end))
    assert memory[:] == before
    page.close()


def test_what_was_warmed_is_written_without_a_fault(tmp_path: Path) -> None:
    size = 512 * mmap.PAGESIZE
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(size)
        page = Page(mmap.mmap(file.fileno(), size), 0)
        body = bytes(1000)
        page.warm(0, size)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        while page.write(body):
            pass
        assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before < 100  # 512 without
        page.close()


def test_a_page_that_was_left_takes_nothing_and_its_file_has_all(tmp_path: Path) -> None:
    size = 200 * mmap.PAGESIZE + 5  # some pieces, and the last not whole
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(size)
        memory = mmap.mmap(file.fileno(), size)
        page = Page(memory, 3)
        while page.write(b"x" * 999):
            pass
        before = memory[:]
        page.leave()
        assert not page.write(b"")
        page.leave()
        memory.close()  # nobody holds it any more
        assert (tmp_path / "file").read_bytes() == before


def test_memory_that_was_left_is_not_the_process_s_any_more(tmp_path: Path) -> None:
    size = 1024 * mmap.PAGESIZE
    with (tmp_path / "file").open("w+b") as file:
        file.truncate(size)
        memory = mmap.mmap(file.fileno(), size)
        page = Page(memory, 0)
        page.warm(0, size)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        page.leave()
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1
        assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before > 30  # the kernel maps 16 around one
        memory.close()


def test_memory_that_is_being_warmed_is_not_unmapped() -> None:
    memory = mmap.mmap(-1, 64 << 20)
    page = Page(memory, 0)
    began = threading.Event()

    def warm() -> None:
        began.set()
        with contextlib.suppress(ValueError):  # it was closed first
            page.warm(0, page.end)

    thread = threading.Thread(target=warm)
    thread.start()
    began.wait()
    page.close()  # with the thread in the midst of it, before, or behind
    with contextlib.suppress(BufferError):
        memory.close()
    thread.join()
    memory.close()


def test_only_what_is_there_is_warmed() -> None:
    page = Page(bytearray(32), 0)
    for start, end in ((-1, 5), (5, 4), (0, 33)):
        with pytest.raises(ValueError, match="not in the memory"):
            page.warm(start, end)
    page.close()
    with pytest.raises(ValueError, match="not in the memory"):
        page.warm(0, 0)
