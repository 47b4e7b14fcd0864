"""How long a recording lasts, told by its own headers: what transcripts cost where nobody else says it.

WAV (RIFF), FLAC (RFC 9639 section 8.2), Ogg with Opus or Vorbis (RFC 3533, RFC 7845), MPEG audio with or without a Xing
header, and MP4 (ISO 14496-12, `mvhd`). Of anything else, WebM say, the length is a guess by its size.
"""

import struct
from collections.abc import Callable
from typing import Final

USUAL_RATE: Final = 16_000  # bytes a second, 128 kbit/s
LONGEST: Final = 7 * 24 * 3600.0  # seconds; a header that says more is wrong
Read = Callable[[int, int], bytes]

_TAIL: Final = 64 * 1024  # bytes at the end of an Ogg file in which its last page begins
_BOXES: Final = 1000
_KBITS: Final = {  # of MPEG audio, layer III, by the index in a frame's header (ISO 11172-3, ISO 13818-3)
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_HERTZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def seconds(read: Read, size: int) -> float:
    """Return how long a recording of `size` bytes lasts; `read(at, size)` gives bytes of it."""
    start = read(0, 64)
    found: float | None = None
    try:
        if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
            found = _wave(read, size)
        elif start[:4] == b"fLaC":
            found = _flac(start)
        elif start[:4] == b"OggS":
            found = _ogg(read, size)
        elif start[4:8] == b"ftyp":
            found = _mp4(read, size)
        else:
            found = _mpeg(read, size)
    except (struct.error, ValueError, ZeroDivisionError, IndexError):  # it is cut off, or it lies
        found = None
    return found if found is not None and 0 <= found <= LONGEST else size / USUAL_RATE


def _wave(read: Read, size: int) -> float | None:
    at = 12
    rate: int = 0
    for _ in range(_BOXES):
        if at + 8 > size:
            return None
        name, length = struct.unpack("<4sI", read(at, 8))
        if name == b"fmt ":
            (rate,) = struct.unpack("<I", read(at + 16, 4))
        elif name == b"data":  # a program that did not know its length writes none, or too much
            return float(min(length or size, size - at - 8)) / rate
        at += 8 + length + length % 2
    return None


def _flac(start: bytes) -> float:
    packed = int.from_bytes(start[18:26])  # 20 bits of sample rate, 8 of format, 36 of samples
    return float(packed & 0xFFFFFFFFF) / (packed >> 44)


def _ogg(read: Read, size: int) -> float | None:
    head = read(0, 256)
    opus, vorbis = head.find(b"OpusHead"), head.find(b"\x01vorbis")
    if opus >= 0:
        rate = 48_000
        (skipped,) = struct.unpack("<H", head[opus + 10 : opus + 12])
    elif vorbis >= 0:
        (rate,) = struct.unpack("<I", head[vorbis + 12 : vorbis + 16])
        skipped = 0
    else:
        return None
    tail = read(max(0, size - _TAIL), _TAIL)
    (samples,) = struct.unpack("<q", tail[tail.rindex(b"OggS") + 6 :][:8]) if b"OggS" in tail else (-1,)
    return float(samples - skipped) / rate if samples >= 0 else None


def _mp4(read: Read, size: int) -> float | None:
    at, end = 0, size
    for _ in range(_BOXES):
        if at + 8 > end:
            return None
        length, name = struct.unpack(">I4s", read(at, 8))
        head = 8
        if length == 1:
            (length,) = struct.unpack(">Q", read(at + 8, 8))
            head = 16
        if name == b"mvhd":
            body = read(at + head, 32)
            scale: int
            ticks: int
            scale, ticks = struct.unpack(">IQ" if body[0] == 1 else ">II", body[20:32] if body[0] == 1 else body[12:20])
            return float(ticks) / scale
        if name == b"moov":
            end, at = (at + length if length else size), at + head
        elif length < head:
            return None
        else:
            at += length
    return None


def _mpeg(read: Read, size: int) -> float | None:
    at = 0
    start = read(0, 10)
    if start[:3] == b"ID3":  # https://id3.org/id3v2.4.0-structure: a length of four times seven bits
        at = 10 + sum(byte << shift for byte, shift in zip(start[6:10], (21, 14, 7, 0), strict=True))
    frame = read(at, 256)
    version, layer = frame[1] >> 3 & 3, frame[1] >> 1 & 3
    if frame[0] != 0xFF or frame[1] & 0xE0 != 0xE0 or version == 1 or layer != 1:
        return None
    hertz = _HERTZ[version][frame[2] >> 2 & 3]
    samples = 1152 if version == 3 else 576
    mark = max(frame.find(b"Xing"), frame.find(b"Info"))
    if mark >= 0 and frame[mark + 7] & 1:
        (frames,) = struct.unpack(">I", frame[mark + 8 : mark + 12])
        return float(frames) * samples / hertz
    rate = _KBITS[1 if version == 3 else 2][frame[2] >> 4]
    return (size - at) * 8 / (rate * 1000)
