"""How long recordings last: what their headers say, and a guess where they say nothing or lie."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.accounting.sound import LONGEST, USUAL_RATE, seconds


def lasting(content: bytes) -> float:
    return seconds(lambda at, size: content[at : at + size], len(content))


def wav(length: float, *, hertz: int = 8000, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setparams((channels, width, hertz, 0, "NONE", ""))
        made.writeframes(bytes(int(length * hertz) * channels * width))
    return file.getvalue()


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def mp4(version: int) -> bytes:
    times = struct.pack(">QQIQ", 0, 0, 600, 1500) if version else struct.pack(">IIII", 0, 0, 600, 1500)
    head = box(b"mvhd", bytes([version, 0, 0, 0]) + times)
    wide = struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100)
    return box(b"ftyp", b"M4A ") + wide + box(b"free", b"") + box(b"moov", box(b"free", b"x") + head)


def ogg(head: bytes, samples: int) -> bytes:
    pages = (struct.pack("<4sBBq", b"OggS", 0, 2, at) + bytes(13) for at in (0, samples // 2, samples))
    return head.join(pages)


FLAC = b"fLaC\x00\x00\x00\x22" + bytes(10) + struct.pack(">Q", 44100 << 44 | 1 << 41 | 15 << 36 | 88200) + bytes(16)
FRAME = b"\xff\xfb\x90\x00"  # MPEG 1, layer III, 128 kbit/s, 44.1 kHz
XING = FRAME + bytes(32) + b"Xing" + struct.pack(">II", 1, 100) + bytes(200)
OPUS = b"OpusHead\x01\x01" + struct.pack("<H", 480) + bytes(7)
VORBIS = b"\x01vorbis" + bytes(5) + struct.pack("<I", 22050) + bytes(14)


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (wav(3.5), 3.5),
        (wav(0.25, hertz=44100, channels=2), 0.25),
        (wav(1.0).replace(b"data" + struct.pack("<I", 16000), b"data\x00\x00\x00\x00"), 1.0),
        (wav(1.0).replace(b"data" + struct.pack("<I", 16000), b"data\xff\xff\xff\xff"), 1.0),
        (FLAC, 2.0),
        (mp4(0), 2.5),
        (mp4(1), 2.5),
        (ogg(OPUS, 48480), 1.0),
        (ogg(VORBIS, 22050), 1.0),
        (FRAME + bytes(16_000 - 4), 1.0),
        (b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + FRAME + bytes(16_000 - 4), 1.0),
        (XING, 100 * 1152 / 44100),
        (b"\xff\xf3\x80\x00" + bytes(8_000 - 4), 1.0),  # MPEG 2, 64 kbit/s
    ],
)
def test_headers_say_how_long_it_lasts(content: bytes, length: float) -> None:
    assert lasting(content) == pytest.approx(length)


@pytest.mark.parametrize(
    "content", [b"", b"x" * 32_000, b"\x1aE\xdf\xa3" + bytes(1000), b"OggS" + bytes(100), FLAC[:20]]
)
def test_of_anything_else_it_is_a_guess(content: bytes) -> None:
    assert lasting(content) == len(content) / USUAL_RATE


@given(
    start=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"\0\0\0\x08ftyp", b"\xff\xfb", b"ID3\4\0\0"]),
    rest=st.binary(max_size=400),
)
def test_nothing_that_lies_breaks_it(start: bytes, rest: bytes) -> None:
    assert 0 <= lasting(start + rest) <= LONGEST


@pytest.mark.parametrize("content", [wav(1), mp4(0), ogg(OPUS, 48480), FLAC, XING])
def test_what_is_cut_off_anywhere_breaks_nothing(content: bytes) -> None:
    for cut in range(0, len(content), 7):
        assert 0 <= lasting(content[:cut]) <= LONGEST
