"""Journals read back, of workers that live and of those that died."""

import fcntl
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import accumulate, islice
from pathlib import Path
from typing import Final

import msgspec

from tianji._core.journal.records import bodies
from tianji._core.journal.sheet import Sheet
from tianji.ledger.entry import Entry, decoded
from tianji.ledger.journal import FRESH, HEAD, MAGIC, SUFFIX
from tianji.ledger.rows import sheet

CHUNK: Final = 1 << 20  # bytes of one reading
PIECE: Final = 1 << 17  # bytes of one call: many kernels interrupt none for whoever else needs the core
DAMAGED: Final = ".damaged"
ABANDONED: Final = 60.0  # seconds after which nobody is still making a file

log = logging.getLogger(__name__)


class Batch(msgspec.Struct, frozen=True):
    """Entries of a file on a sheet, and where the next one will stand.

    count: all of them, also those that do not belong into the books; ended: nobody will add to what was read
    """

    sheet: Sheet
    count: int
    position: int
    ended: bool


def journals(folder: Path) -> list[Path]:
    """Return the journals, the oldest first."""
    try:
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found if one.name.endswith(SUFFIX))
    except FileNotFoundError:
        return []
    return [folder / name for name in names]


def fill(file: Path, position: int, most: int, until: int = sys.maxsize) -> Batch:
    """Return at most `most` entries from `position` on, 0 for the beginning, and before `until`, where one ends.

    What cannot be read ends a file that nobody writes any more; it is then set aside by `discard`.
    """
    made = sheet()
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        idle = _idle(opened)  # asked first: what is added afterwards would not be read
        position, count = max(position, len(MAGIC)), 0
        while count < most and position < until:
            found = _found(opened, position, most - count, until)
            taken = made.take(found)
            position += sum(map(_size, found[:taken]))
            count += taken
            if not found or taken < len(found):
                return Batch(made, count, position, idle)
        return Batch(made, count, position, False)
    finally:
        os.close(opened)


def page(file: Path, position: int, most: int) -> list[tuple[Entry, int]]:
    """Return at most `most` entries from `position` on, of one reading, each with the position behind it."""
    position = max(position, len(MAGIC))
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = _found(opened, position, most)
    finally:
        os.close(opened)
    ends = accumulate(map(_size, found), initial=position)
    return list(zip(_entries(found), islice(ends, 1, None), strict=False))


def is_over(file: Path) -> bool:
    """Whether nobody writes a journal any more."""
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _idle(opened)
    finally:
        os.close(opened)


def discard(file: Path, position: int) -> None:
    """Remove a file that was read as far as `position`, and no further.

    A torn record at its end goes with it. One that holds more is kept under another name, and said.
    """
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(opened, HEAD.size, position).ljust(HEAD.size, b"\0")
        more = _holds_anything(opened, position + HEAD.size + HEAD.unpack(head)[0])
    finally:
        os.close(opened)
    if more:
        log.error("a journal is damaged from byte %d on; it is kept as %s", position, file.with_suffix(DAMAGED))
        file.rename(file.with_suffix(DAMAGED))
    else:
        file.unlink()
    folder = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # or it could come back after its position was forgotten
    finally:
        os.close(folder)


def sweep(folder: Path, now: float) -> None:
    """Remove what a process left that was killed while it made a file. `now`: seconds since 1970."""
    for file in folder.glob(f"*{FRESH}"):
        try:
            if now - file.stat().st_mtime > ABANDONED:
                file.unlink()
        except FileNotFoundError:
            continue  # it was finished just now


def flush(folder: Path) -> None:
    """Have the disk keep what is in the journals: for the time that the database does not."""
    for file in journals(folder):
        opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _idle(file: int) -> bool:
    """Whether nobody writes this file any more."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size(body: bytes) -> int:
    return HEAD.size + len(body)


def _found(file: int, position: int, most: int, until: int = sys.maxsize) -> list[bytes]:
    """Return the records of one reading."""
    found = bodies(_read(file, position, min(CHUNK, until - position)), most)
    return found or bodies(_whole_record(file, position), 1)  # perhaps one that is longer than a chunk


def _read(file: int, position: int, size: int) -> bytes:
    """Return so many bytes, or as many as there are."""
    pieces: list[bytes] = []
    for begin in range(0, size, PIECE):
        wanted = min(PIECE, size - begin)
        pieces.append(os.pread(file, wanted, position + begin))
        if len(pieces[-1]) < wanted:
            break
    return b"".join(pieces)


def _whole_record(file: int, position: int) -> bytes:
    head = os.pread(file, HEAD.size, position)
    if len(head) < HEAD.size:
        return b""
    length = min(HEAD.unpack(head)[0], os.fstat(file).st_size - position)
    return os.pread(file, HEAD.size + length, position)


def _entries(found: Iterable[bytes]) -> Iterator[Entry]:
    """Yield entries up to the first that is not readable."""
    for body in found:
        try:
            entry = decoded(body)
        except msgspec.DecodeError:
            return
        yield entry


def _holds_anything(file: int, position: int) -> bool:
    while chunk := os.pread(file, CHUNK, position):
        if chunk.strip(b"\0"):
            return True
        position += len(chunk)
    return False
