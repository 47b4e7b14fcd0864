"""Entries that wait for guardrails survive the process that holds them, each of them once."""

import fcntl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.ledger.conftest import everything

from tianji.ledger import reading
from tianji.ledger.awaited import SUFFIX, Awaited, recover
from tianji.ledger.entry import Entry, members
from tianji.ledger.journal import Journal


def entry(name: str, **more: Any) -> list[Any]:
    return members(Entry(request_id=name, call_id=name, started_at=1, ended_at=2, cost=7, **more))


def die(awaited: Awaited) -> None:
    """Let go of the lock as the kernel does for a process that is killed, and do nothing else."""
    file = awaited._file
    assert file is not None
    fcntl.flock(file._file, fcntl.LOCK_UN)


def recovered(folder: Path) -> list[Entry]:
    """Return what the next process takes into its journal."""
    journal = Journal(folder)
    count = recover(folder, journal)
    journal.close()
    found = everything(folder)
    assert len(found) == count
    assert not list(folder.glob(f"*{SUFFIX}"))
    for file in reading.journals(folder):
        file.unlink()
    return found


def test_what_was_not_released_is_taken_in_without_what_was_said(tmp_path: Path) -> None:
    awaited = Awaited(tmp_path)
    kept, released = (awaited.hold(entry(name, payload=(b"[]", b"{}", b"{}", False, None))) for name in "ab")
    assert kept is not None
    awaited.release(released)
    die(awaited)
    (found,) = recovered(tmp_path)
    assert (found.request_id, found.cost) == ("a", 7)
    assert found.payload is not None
    assert (found.payload.messages, found.payload.response, found.payload.request) == (b"", b"", b"")


def test_what_a_living_process_holds_is_its_own(tmp_path: Path) -> None:
    awaited = Awaited(tmp_path)
    awaited.hold(entry("a"))
    journal = Journal(tmp_path)
    assert recover(tmp_path, journal) == 0
    journal.close()
    die(awaited)
    assert [one.request_id for one in recovered(tmp_path)] == ["a"]


def test_nothing_is_left_where_nothing_waits(tmp_path: Path) -> None:
    awaited = Awaited(tmp_path)
    for name in "abc":
        awaited.release(awaited.hold(entry(name)))
    awaited.close()
    assert list(tmp_path.iterdir()) == []
    awaited.release(None)


def test_a_disk_that_takes_nothing_holds_up_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    assert Awaited(tmp_path / "file").hold(entry("a")) is None
    assert "waits in memory" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 900)), max_size=60), st.integers(300, 3000))
def test_any_order_of_waiting_and_release_leaves_just_what_waits(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]], size: int
) -> None:
    folder = tmp_path_factory.mktemp("awaited")
    awaited = Awaited(folder, size)
    waiting: dict[int, Any] = {}
    files = set()
    for slot, length in steps:
        if slot in waiting:
            awaited.release(waiting.pop(slot))
        else:
            place = awaited.hold(entry(f"{slot}", error_message="x" * length))
            assert place is not None
            files.add(place[0])
            waiting[slot] = place
    for file in files:
        if file.path.exists():
            fcntl.flock(file._file, fcntl.LOCK_UN)
    assert sorted(int(one.request_id) for one in recovered(folder)) == sorted(waiting)
