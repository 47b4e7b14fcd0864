"""Where an entry is safe before its answer ends: a file of this worker's own, written by copying into memory.

A file is mapped and its blocks are reserved before it is used, so keeping an entry is no system call and no full disk
can interrupt it. The next file is made by a thread while the one in use is half empty. That thread also touches pages
before they are written: the first write to one waits for the file system while that commits, as it does for each
transaction of the database. It does all of this bit by bit, since requests wait while it has their core. What was
copied belongs to the kernel: killing the process loses nothing. A machine that loses its power may lose what neither
the drain's last commit nor its last flush covered, a round of the drain at most (`tianji.ledger.drain`).

The form: MAGIC, then records of length, CRC-32 and that many bytes; a length of zero ends them. The length is written
first: a process that is killed while it copies leaves a torn record, of an answer that had not ended, and nothing
behind that record's end. A file that a process holds a lock on may still grow.
"""

import fcntl
import logging
import mmap
import os
import struct
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tianji._core.journal.page import Page
from tianji.ledger.entry import Entry, encoded

MAGIC: Final = b"tianji ledger 1\n"
HEAD: Final = struct.Struct("<II")  # length of the record's body and its CRC-32
SUFFIX: Final = ".journal"
FRESH: Final = ".new"  # of a file that is being made
SEGMENT: Final = 4 << 20  # bytes of a file
AHEAD: Final = 1 << 20  # bytes of it that are touched before they are written
FIRST: Final = AHEAD // 8  # of a file that nobody writes into yet: a gateway at rest is to be small
MOST_HELD: Final = 64 << 20  # bytes that are kept in memory while the disk takes nothing
RETRY: Final = 1.0  # seconds until the disk is asked again
REMIND: Final = 30.0  # seconds until the same fault is logged again

log = logging.getLogger(__name__)


class Segment:
    """A file that is written by copying into it: `page`. It has so many bytes."""

    def __init__(self, folder: Path, size: int, suffix: str = SUFFIX) -> None:
        """Make it, and lock it under a name that nobody reads before it is locked. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.urandom(4).hex()}"
        fresh = folder / (name + FRESH)
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(file, 0, size)
            os.pwrite(file, MAGIC, 0)
            held = mmap.mmap(file, size)
            held.madvise(mmap.MADV_RANDOM)  # the first touch would read all of it ahead: a millisecond on this core
            self.path = fresh.rename(folder / (name + suffix))
        except OSError:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        self._file, self.held = file, held
        self.page = Page(held, len(MAGIC))
        self.warmed = 0  # bytes that are touched, or will be

    def seal(self) -> None:
        """Give back what was not used, and the lock."""
        self.page.close()
        self.held.close()
        try:
            os.ftruncate(self._file, self.page.at)
        except OSError as error:  # the file is whole all the same, only longer
            log.warning("a journal was not shortened: %s", error.strerror)
        os.close(self._file)


def ready(folder: Path, size: int) -> Segment:
    """Make a file whose beginning may be written at once. It waits for the disk. Raises OSError."""
    segment = Segment(folder, size)
    segment.warmed = min(FIRST, size)
    segment.page.warm(0, segment.warmed)
    return segment


def retire(segment: Segment) -> None:
    """End a file that is full, without holding up who shares a core with this thread."""
    segment.page.leave()
    segment.seal()


class Journal:
    """The entries of one process, in files in `folder`. One thread uses it.

    The first file is made by `prepare`, or with the first entry. While the disk takes nothing, entries wait in memory;
    `held` says how many, `lost` how many there was no room for, `fault` why.
    """

    def __init__(
        self, folder: Path, *, segment: int = SEGMENT, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._size = segment
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._segment: Segment | None = None
        self._next: Future[Segment] | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._retry_at = 0.0
        self._remind_at = 0.0
        self.fault: str | None = None
        self.lost = 0
        self._closed = False

    @property
    def page(self) -> Page | None:
        """Where entries may be copied without the journal being asked; None where it has to be."""
        return None if self._segment is None or self._waiting else self._segment.page

    @property
    def held(self) -> int:
        """How many entries are in memory only."""
        return len(self._waiting)

    def prepare(self) -> "Future[Segment]":
        """Have the first file made by a thread, so that the first entry need not wait for it. To be called once."""
        self._next = self._thread.submit(ready, self._folder, self._size)
        return self._next

    def append(self, entry: Entry | list[Any]) -> None:
        """Keep an entry, or the list of its members. Whatever the disk does, it does not raise: answers do not wait.

        Once the journal is closed, an entry is lost, and logged.
        """
        self.keep(encoded(entry))

    def keep(self, body: bytes) -> None:
        """Keep an entry that is encoded, likewise."""
        if self._waiting or not self._write(body):
            self._hold(body)
            self.settle()

    def settle(self) -> None:
        """Write what waits in memory, as far as the disk takes it. Something calls it now and then."""
        while self._waiting and self._write(self._waiting[0]):
            self._waiting_bytes -= len(self._waiting.popleft())

    def close(self) -> None:
        """End the file, so that the drain may take the whole of it. What still waits is lost, and logged."""
        if self._closed:
            return
        self._retry_at = 0.0
        self.settle()
        if self._waiting:
            log.error("%d entries of the ledger are lost: %s", len(self._waiting), self.fault)
        self.lost += len(self._waiting)
        self._waiting.clear()
        spare, self._next = self._next, None
        self._thread.shutdown()  # nobody touches the file any more
        if self._segment is not None:
            self._segment.seal()
            self._segment = None
        if spare is not None and spare.exception() is None:
            spare.result().seal()
            spare.result().path.unlink()
        self._closed = True

    def _write(self, body: bytes) -> bool:
        segment = self._segment
        if segment is None or not segment.page.write(body):
            if not self._turn_over(max(self._size, len(MAGIC) + HEAD.size + len(body))):
                return False
            segment = self._segment
            if segment is None or not segment.page.write(body):
                return False
        self._look_ahead(segment)
        return True

    def _look_ahead(self, segment: Segment) -> None:
        """Have a thread do what is soon needed, and be asked again when more is."""
        page, half = segment.page, segment.page.end // 2
        if self._next is None and page.at > half:
            self._next = self._thread.submit(ready, self._folder, self._size)
        if segment.warmed < page.end and page.at > segment.warmed - AHEAD // 2:
            begin = max(segment.warmed, page.at)
            segment.warmed = min(begin + AHEAD, page.end)
            self._thread.submit(page.warm, begin, segment.warmed)
        page.mark = min(
            half if self._next is None else page.end,
            segment.warmed - AHEAD // 2 if segment.warmed < page.end else page.end,
        )

    def _turn_over(self, size: int) -> bool:
        """Begin another file; False while the disk takes none. It waits for a file that is being made."""
        if self._closed or self._monotonic() < self._retry_at:
            return False
        coming = self._next if size == self._size else None
        if coming is None:
            coming = self._thread.submit(ready, self._folder, size)
        else:
            self._next = None
        try:
            segment = coming.result()
        except OSError as error:
            self._retry_at = self._monotonic() + RETRY
            self._complain(error)
            return False
        if self._segment is not None:
            self._thread.submit(retire, self._segment)
        self._segment = segment
        if self.fault is not None:
            log.warning("the ledger's journal can be written again; %d entries waited", len(self._waiting))
            self.fault = None
        return True

    def _hold(self, body: bytes) -> None:
        if self._closed:
            log.error("an entry of the ledger is lost: its answer ended after the journal was closed")
        if self._closed or self._waiting_bytes + len(body) > MOST_HELD:
            self.lost += 1
            return
        self._waiting.append(body)
        self._waiting_bytes += len(body)

    def _complain(self, error: OSError) -> None:
        self.fault = f"the ledger's journal cannot be written in {self._folder}: {error.strerror}"
        now = self._monotonic()
        if now >= self._remind_at:
            self._remind_at = now + REMIND
            log.error(
                "%s; requests go on, %d entries wait in memory, %d are lost: free the disk, or set TIANJI_DATA_DIR",
                self.fault,
                len(self._waiting),
                self.lost,
            )
