"""Bytes kept in a file without a name, and parts of them."""

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.disk import files_of_at_most

from tianji._core.upstreams.spool import Extent, Spool
from tianji.errors import InsufficientStorage, TianjiError


def open_files() -> int:
    """Return how many files without a name this process has open."""
    links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return sum("(deleted)" in link for link in links)


@given(pieces=st.lists(st.binary(max_size=50), max_size=8), at=st.integers(0, 300), size=st.integers(0, 300))
def test_what_was_written_is_read_from_anywhere(pieces: list[bytes], at: int, size: int) -> None:
    spool, whole = Spool(), b"".join(pieces)
    for piece in pieces:
        spool.write(piece)
    assert spool.size == len(whole)
    assert spool.read(at, size) == whole[at : at + size]


@pytest.mark.parametrize(("at", "size"), [(-1, 2), (0, -1)])
def test_no_place_is_before_the_beginning(at: int, size: int) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        Spool().read(at, size)


@pytest.mark.parametrize("closes", [True, False])
def test_a_file_has_no_name_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closes: bool) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    gc.collect()
    before = open_files()
    spool = Spool()
    spool.write(b"content")
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before + 1
    if closes:
        spool.close()
        with pytest.raises(TianjiError, match="descriptor"):
            spool.read(0, 1)
        with pytest.raises(TianjiError, match="descriptor"):
            spool.write(b"more")
    else:
        del spool
    assert open_files() == before


def test_a_full_disk_is_said_and_what_is_there_stays() -> None:
    spool = Spool()
    spool.write(b"abc")
    with files_of_at_most(1000), pytest.raises(InsufficientStorage) as caught:
        spool.write(bytes(2000))
    assert caught.value.status == 507
    assert (spool.size, spool.read(0, 10)) == (3, b"abc")


@pytest.mark.parametrize(("at", "size"), [(0, 4), (4, 0), (-1, 2), (1, -1), (2, 2**63 - 1)])
def test_an_extent_lies_in_its_spool(at: int, size: int) -> None:
    spool = Spool()
    spool.write(b"abc")
    with pytest.raises(ValueError, match="has 3 bytes"):
        Extent(spool, at, size)


def test_a_folder_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "absent"))
    with pytest.raises(TianjiError, match="No such file"):
        Spool()
