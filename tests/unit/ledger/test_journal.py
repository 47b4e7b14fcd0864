"""Entries are in the file when they were appended, whole or not at all, whatever happens to process and disk."""

import errno
import os
import resource
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ledger.conftest import entry, everything

from tianji._core.journal.records import bodies
from tianji.ledger import journal as journals
from tianji.ledger import reading
from tianji.ledger.entry import LARGE, Entry, Payload, decoded, encoded
from tianji.ledger.journal import FRESH, HEAD, MAGIC, Journal
from tianji.ledger.names import name

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
MAYBE = st.none() | TEXT
COUNT = st.integers(0, 2**63 - 1)
ITEMS = st.lists(st.tuples(TEXT, COUNT, st.integers(0, 2**64 - 1)), max_size=4).map(tuple)
ENTRIES = st.builds(
    Entry,
    request_id=TEXT,
    call_id=TEXT,
    started_at=COUNT,
    ended_at=COUNT,
    user_id=MAYBE,
    end_user=MAYBE,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    cost=COUNT,
    items=ITEMS,
    stream=st.booleans(),
    payload=st.none() | st.builds(Payload, messages=st.binary(), response=st.binary()),
)


@given(ENTRIES)
def test_what_is_encoded_comes_back(value: Entry) -> None:
    assert decoded(encoded(value)) == value


@given(st.text(st.characters(categories=["Cs"]), min_size=1))
def test_text_that_is_no_unicode_is_kept_without_it(broken: str) -> None:
    kept = decoded(encoded(entry(1, end_user=broken, tags=(broken, "b"))))
    assert kept == entry(1, end_user="?" * len(broken), tags=("?" * len(broken), "b"))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8))
def test_whatever_a_file_holds_is_entries_or_nothing(at: int, noise: bytes) -> None:
    data = bytearray()
    for number in range(3):
        body = encoded(entry(number))
        data += HEAD.pack(len(body), zlib.crc32(body)) + body
    data[at : at + len(noise)] = noise
    found = [*map(decoded, bodies(bytes(data), 3))]
    assert found == [entry(number) for number in range(len(found))]


def test_an_older_entry_is_read() -> None:
    """Without the members that were added later."""
    first = msgspec.msgpack.encode(["id", "call", 1, 2])
    assert decoded(first) == Entry(request_id="id", call_id="call", started_at=1, ended_at=2)
    more = msgspec.msgpack.encode([*msgspec.msgpack.decode(encoded(entry(1))), "from the future"])
    assert decoded(more) == entry(1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells how memory is mapped")
def test_the_first_touch_of_a_file_reads_none_of_it_ahead(folder: Path) -> None:
    """The kernel would take the whole file at once, and whoever wakes up on this core would wait for that."""
    journal = Journal(folder)
    journal.prepare().result()
    mapped = Path("/proc/self/smaps").read_text().partition(str(folder))[2]
    assert " rr " in mapped[mapped.index("VmFlags:") :].partition("\n")[0]
    journal.close()


def test_a_file_that_is_full_is_ended_by_a_thread(folder: Path) -> None:
    journal = Journal(folder, segment=1 << 14)
    for number in range(400):
        journal.append(entry(number))
    journal._thread.submit(int).result()  # what that thread was given before is done
    *full, _, _ = sorted(folder.iterdir())  # but for the one in use and the next
    assert len(full) > 1
    assert all(reading.is_over(file) for file in full)
    assert all(file.stat().st_size < 1 << 14 for file in full)
    assert everything(folder) == [entry(number) for number in range(400)]
    journal.close()


def test_entries_are_there_at_once_and_in_order(folder: Path) -> None:
    journal = Journal(folder)
    for number in range(20):
        journal.append(entry(number))
        assert everything(folder)[-1] == entry(number)
    (file,) = reading.journals(folder)
    assert not reading.fill(file, 0, 100).ended
    journal.close()
    assert reading.fill(file, 0, 100).ended
    assert everything(folder) == [entry(number) for number in range(20)]


def test_entries_are_read_in_pieces_of_a_file_wherever_those_end(folder: Path) -> None:
    journal = Journal(folder)
    journal.prepare().result()
    told = [entry(number, payload=Payload(b"x" * (reading.PIECE // 3))) for number in range(30)]
    for one in told:
        journal.append(one)
    journal.close()
    (file,) = reading.journals(folder)
    found = reading.page(file, 0, 500)
    assert 1 < len(found) < len(told), "more than a call reads, and no more than a reading"
    assert [one for one, _ in [*found, *reading.page(file, found[-1][1], 500)]] == told


def test_files_are_turned_over_and_a_large_entry_gets_one_of_its_own(folder: Path) -> None:
    journal = Journal(folder, segment=1000)
    large = entry(9, payload=Payload(messages=b"x" * 3_000_000))
    wanted = [*(entry(number) for number in range(9)), large, entry(10)]
    for one in wanted:
        journal.append(one)
    files = reading.journals(folder)
    assert len(files) > 4
    assert everything(folder) == wanted
    journal.close()
    files = reading.journals(folder)
    assert all(reading.fill(file, 0, 100).ended for file in files)
    assert everything(folder) == wanted
    assert sum(file.stat().st_size for file in files) < 3_010_000  # nothing that was reserved stays so


def test_two_processes_have_files_of_their_own(folder: Path) -> None:
    first, second = Journal(folder), Journal(folder)
    first.append(entry(1))
    second.append(entry(2))
    assert len(reading.journals(folder)) == 2
    first.close()
    second.close()


@pytest.mark.parametrize("cut", [1, HEAD.size - 1, HEAD.size, HEAD.size + 1, HEAD.size + 100])
def test_a_torn_tail_is_left_out_and_goes_with_the_file(folder: Path, cut: int) -> None:
    """A process that is killed while it copies: length and checksum first, then the body."""
    journal = Journal(folder)
    journal.append(entry(1))
    body = encoded(entry(2))
    torn = (HEAD.pack(len(body), zlib.crc32(body)) + body)[:cut]
    segment = journal._segment
    assert segment is not None
    segment.held[segment.page.at : segment.page.at + len(torn)] = torn
    (file,) = reading.journals(folder)
    assert everything(folder) == [entry(1)]
    assert not reading.fill(file, 0, 9).ended
    journal._thread.shutdown()  # a killed process has no thread that still warms the memory
    segment.page.close()
    segment.held.close()
    os.close(segment._file)  # as if killed: the lock is gone
    batch = reading.fill(file, 0, 9)
    assert (batch.sheet.names, batch.ended) == ([entry(1).request_id], True)
    reading.discard(file, batch.position)
    assert list(folder.iterdir()) == []


def test_a_file_damaged_in_the_middle_is_kept_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder)
    for number in range(3):
        journal.append(entry(number))
    journal.close()
    (file,) = reading.journals(folder)
    first = HEAD.unpack(file.read_bytes()[len(MAGIC) :][: HEAD.size])[0]
    data = bytearray(file.read_bytes())
    data[len(MAGIC) + HEAD.size + first + HEAD.size + 20] ^= 1
    file.write_bytes(data)
    batch = reading.fill(file, 0, 9)
    assert batch.sheet.names == [entry(0).request_id]
    reading.discard(file, batch.position)
    assert [left.suffix for left in folder.iterdir()] == [".damaged"]
    assert "damaged" in caplog.text


def test_what_a_process_left_half_made_is_swept(folder: Path) -> None:
    folder.mkdir()
    (folder / f"1{FRESH}").touch()
    born = (folder / f"1{FRESH}").stat().st_mtime
    reading.sweep(folder, born + 1)
    assert len(list(folder.iterdir())) == 1
    reading.sweep(folder, born + 61)
    assert list(folder.iterdir()) == []


class Disk:
    """A disk that can be full, and a clock."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.now = 0.0
        reserve = os.posix_fallocate

        def fallocate(*arguments: int) -> None:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            reserve(*arguments)

        patch.setattr("os.posix_fallocate", fallocate)

    def journal(self, folder: Path) -> Journal:
        return Journal(folder, segment=1000, monotonic=lambda: self.now)


def test_a_full_disk_stops_nothing_is_loud_and_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(monkeypatch)
    journal = disk.journal(folder)
    journal.append(entry(0))
    disk.full = True
    for number in range(1, 20):
        journal.append(entry(number))
    written = len(everything(folder))
    assert written < 20
    assert (journal.held, journal.lost) == (20 - written, 0)
    assert "No space left" in str(journal.fault)
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    assert list(folder.glob(f"*{FRESH}")) == []
    disk.full = False
    disk.now = 2.0
    journal.settle()
    assert (journal.held, journal.fault) == (0, None)
    assert everything(folder) == [entry(number) for number in range(20)]
    journal.close()


def test_a_full_disk_is_not_asked_for_every_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fallocate(*arguments: int) -> None:
        asked.append(arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", fallocate)
    journal = Journal(folder, monotonic=lambda: 5.0)
    for number in range(50):
        journal.append(entry(number))
    assert len(asked) == 1


def test_what_memory_has_no_room_for_is_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journals, "MOST_HELD", 1000)
    disk = Disk(monkeypatch)
    disk.full = True
    journal = disk.journal(folder)
    for number in range(20):
        journal.append(entry(number))
    held = journal.held
    assert 0 < held < 20
    assert journal.lost == 20 - held
    journal.close()
    assert journal.lost == 20
    assert f"{held} entries of the ledger are lost" in caplog.text


def test_a_limit_of_file_sizes_is_a_full_disk(folder: Path) -> None:
    """The real thing, in a process of its own: the kernel refuses it."""
    code = (
        "import pathlib, resource, sys\n"
        "from tianji.ledger.journal import Journal\n"
        "from tests.unit.ledger.conftest import entry, everything\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "journal = Journal(pathlib.Path(sys.argv[1]))\n"
        "journal.append(entry(1))\n"
        "print(journal.held, journal.fault)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("1 the ledger's journal cannot be written")


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file" / "journals")
    journal.append(entry(1))
    assert (journal.held, "Not a directory" in str(journal.fault)) == (1, True)


def test_a_file_is_made_before_it_is_needed(folder: Path) -> None:
    journal = Journal(folder)
    assert not folder.exists()
    journal.prepare().result()
    (file,) = reading.journals(folder)
    journal.append(entry(1))
    assert reading.journals(folder) == [file]
    journal.close()


def test_nobody_who_keeps_an_entry_waits_for_a_page_of_the_file(folder: Path) -> None:
    journal = Journal(folder)
    journal.prepare().result()
    body = encoded(entry(1, payload=Payload(messages=bytes(1000))))
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(2 * journals.SEGMENT // len(body)):
        journal.keep(body)
        journal._thread.submit(bool).result()  # what a thread does is done
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before < 200  # 2,048 pages
    journal.close()
    assert len(everything(folder)) == 2 * journals.SEGMENT // len(body)


@given(st.lists(st.integers(0, 3 * journals.AHEAD), max_size=6))
def test_entries_of_any_size_are_kept_whatever_was_touched(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name) / "journals")
        wanted = [entry(number, payload=Payload(messages=bytes(size))) for number, size in enumerate(sizes)]
        for one in wanted:
            journal.append(one)
        journal.close()
        assert everything(Path(name) / "journals") == wanted


def test_an_entry_is_taken_as_its_members_too(folder: Path) -> None:
    journal = Journal(folder)
    journal.append(list(msgspec.structs.astuple(entry(1))))
    assert everything(folder) == [entry(1)]
    journal.close()


def test_an_entry_after_the_end_is_lost_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder)
    journal.append(entry(1))
    journal.close()
    journal.append(entry(2))
    journal.close()
    assert journal.lost == 1
    assert "after the journal was closed" in caplog.text
    assert everything(folder) == [entry(1)]


@pytest.mark.parametrize("member", ["end_user", "model_group", "tags"])
def test_what_clients_name_takes_little_room(member: str) -> None:
    text = "x" * 1_000_000
    kept = encoded(entry(1, **{member: (text,) if member == "tags" else text}))
    assert len(kept) < LARGE
    assert decoded(kept) == entry(1, **{member: (name(text),) if member == "tags" else name(text)})
    said = Payload(messages=b'"%b"' % text.encode())
    assert decoded(encoded(entry(1, payload=said))).payload == said
