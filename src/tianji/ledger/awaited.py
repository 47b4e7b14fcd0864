"""Entries that wait until it is known what guardrails did, where killing the process does not lose them.

They stand in a file beside the journals, in the form of one, until they are in a journal with all that is to be said of
them. What a process leaves there that was killed is taken into the journal of the next one: without what was said,
since nobody has judged that.
"""

import fcntl
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from tianji.ledger.entry import PAYLOAD, Entry, decoded, encoded
from tianji.ledger.journal import HEAD, MAGIC, Journal, Segment

SUFFIX: Final = ".awaited"
SIZE: Final = 1 << 20  # bytes of a file; an entry that has no room in it is in a larger one of its own
_END: Final = HEAD.pack(0, 0)

log = logging.getLogger(__name__)


class _File(Segment):
    """One file. `waiting`: entries in it that are not released."""

    def __init__(self, folder: Path, size: int) -> None:
        super().__init__(folder, size, SUFFIX)
        self.waiting = 0

    def put(self, body: bytes) -> int | None:
        """Copy an entry in, and return where it stands; None where there is no room."""
        page = self.page
        if not self.waiting:
            page.move(len(MAGIC))
        at, after = page.at, page.at + HEAD.size + len(body)
        if after + len(_END) > page.end:
            return None
        self.held[after : after + len(_END)] = _END  # first: what stood there before is no entry any more
        page.write(body)
        self.waiting += 1
        return at

    def release(self, at: int) -> None:
        """Make an entry one that is nobody's: its checksum is wrong then."""
        length, checksum = HEAD.unpack_from(self.held, at)
        HEAD.pack_into(self.held, at, length, checksum ^ 0xFFFFFFFF)
        self.waiting -= 1

    def remove(self) -> None:
        """Let it be no more."""
        self.path.unlink(missing_ok=True)
        self.seal()


Place = tuple[_File, int]


class Awaited:
    """The waiting entries of one process, in `folder`."""

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self._folder = folder
        self._size = size
        self._file: _File | None = None

    def hold(self, entry: list[Any]) -> Place | None:
        """Keep an entry until it is released; None where the disk takes nothing, and it waits in memory alone."""
        bare = [*entry]
        payload = bare[PAYLOAD]
        if payload is not None:
            bare[PAYLOAD] = (b"", b"", b"", *payload[3:])
        body = encoded(bare)
        try:
            return self._held(body)
        except OSError as error:
            log.error("an entry of the ledger waits in memory: %s", error.strerror)
            return None

    def _held(self, body: bytes) -> Place:
        file = self._file
        at = None if file is None else file.put(body)
        if file is None or at is None:
            if file is not None and not file.waiting:
                file.remove()
            room = len(MAGIC) + HEAD.size + len(body) + len(_END)
            file = self._file = _File(self._folder, max(self._size, room))
            at = file.put(body)
        if at is None:
            raise OSError(0, "there is no room in a new file")
        return file, at

    def release(self, place: Place | None) -> None:
        """Take that an entry is in a journal."""
        if place is None:
            return
        file, at = place
        file.release(at)
        if not file.waiting and file is not self._file:
            file.remove()

    def close(self) -> None:
        """Let go of a file in which nothing waits."""
        file, self._file = self._file, None
        if file is not None and not file.waiting:
            file.remove()


def recover(folder: Path, journal: Journal) -> int:
    """Take what processes have left that are no more into a journal; return how many entries there were."""
    count = 0
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            opened = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # another one has taken it
            continue
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for entry in _left(opened) if file.exists() else ():
                journal.append(entry)
                count += 1
            file.unlink(missing_ok=True)
        except BlockingIOError:  # its process lives
            continue
        finally:
            os.close(opened)
    if count:
        log.warning("%d entries of the ledger waited for guardrails when their process was killed", count)
    return count


def _left(file: int) -> Iterator[Entry]:
    """Yield the entries of a file that were not released."""
    at = len(MAGIC)
    while True:
        head = os.pread(file, HEAD.size, at)
        if len(head) < HEAD.size:
            return
        length, checksum = HEAD.unpack(head)
        body = os.pread(file, length, at + HEAD.size)
        if not length or len(body) < length:
            return
        at += HEAD.size + length
        if zlib.crc32(body) != checksum:
            continue
        try:
            yield decoded(body)
        except msgspec.DecodeError:
            return
