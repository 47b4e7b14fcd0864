"""Sizes from the first bytes of real files, tokens from the examples of OpenAI's document."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.accounting.images import Size, image_tokens, most_image_tokens, size_of

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", 640, 480, 8)
GIF = b"GIF89a" + struct.pack("<HHB", 640, 480, 0)
WEBP_LOSSY = b"RIFF\x00\x00\x00\x00WEBPVP8 \x00\x00\x00\x00\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 480)
WEBP_LOSSLESS = (
    b"RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f" + (639 | 479 << 14).to_bytes(4, "little") + b"\x00" * 8
)
WEBP_EXTENDED = (
    b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"
    + (639).to_bytes(3, "little")
    + (479).to_bytes(3, "little")
)
FRAME = b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, 480, 640, 3) + b"\x00" * 9
JPEG = b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + b"\x00" * 9 + b"\xff\xc4\x00\x04\x00\x00" + FRAME
JPEG_WITH_EXIF = b"\xff\xd8\xff\xe1" + struct.pack(">H", 40_002) + b"\xff" * 40_000 + b"\xff" + FRAME
FILES = {
    "png": PNG,
    "gif": GIF,
    "webp_lossy": WEBP_LOSSY,
    "webp_lossless": WEBP_LOSSLESS,
    "webp_extended": WEBP_EXTENDED,
    "jpeg": JPEG,
    "jpeg_with_exif": JPEG_WITH_EXIF,
}


def data_url(content: bytes, kind: bytes = b"image/png") -> bytes:
    return b"data:%b;base64,%b" % (kind, base64.b64encode(content))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("behind", [b"", b"\x00", b"\x00" * 1000])
def test_sizes(name: str, behind: bytes) -> None:
    assert size_of(data_url(FILES[name] + behind)) == Size(640, 480)
    assert size_of(data_url(FILES[name] + behind).replace(b"/", b"\\/")) == Size(640, 480), "as JSON may write it"


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_read_without_harm(name: str) -> None:
    for cut in range(min(len(FILES[name]), 200)):
        assert size_of(data_url(FILES[name][:cut])) in (None, Size(640, 480))


@pytest.mark.parametrize(
    "url",
    [
        b"",
        b"https://example.com/a.png",
        b"data:image/png,plain",
        b"data:image/png;base64,",
        b"data:image/png;base64,A",
        data_url(b"nothing that is known"),
        data_url(PNG[:16] + bytes(8)),
        data_url(b"\xff\xd8" + b"\xff" * 100),
        data_url(b"\xff\xd8\xff\xe0\x00\x00" * 30),
    ],
)
def test_no_size(url: bytes) -> None:
    assert size_of(url) is None


@given(st.binary(max_size=80), st.sampled_from([b"", PNG[:8], b"GIF87a", b"RIFF0000WEBPVP8L", b"\xff\xd8\xff"]))
def test_no_content_is_too_strange(content: bytes, start: bytes) -> None:
    size = size_of(data_url(start + content))
    assert size is None or image_tokens("gpt-4o", size, low=False) <= most_image_tokens("gpt-4o")


@pytest.mark.parametrize(
    ("model", "width", "height", "low", "tokens"),
    [
        ("gpt-4o", 1024, 1024, False, 765),
        ("gpt-4o", 2048, 4096, False, 1105),
        ("gpt-4o", 4096, 8192, True, 85),
        ("gpt-4o", 512, 512, False, 255),
        ("gpt-4o", 513, 512, False, 425),
        ("gpt-4o", 64, 64, False, 255),
        ("gpt-4o", 100_000, 1, False, 765),
        ("openai/gpt-4o-mini", 512, 512, False, 2833 + 5667),
        ("gpt-4o-mini", 512, 512, True, 2833),
        ("o1-2024-12-17", 512, 512, False, 225),
        ("gpt-5", 512, 512, False, 210),
        ("gpt-4.1", 512, 512, False, 255),
        ("claude-sonnet-4-5", 512, 512, False, 255),
        ("gpt-4.1-mini", 1024, 1024, False, 1659),
        ("gpt-4.1-mini", 1800, 2400, False, 2353),
        ("gpt-5-nano", 32, 32, False, 3),
        ("o4-mini", 128, 64, True, 14),
    ],
)
def test_tokens(model: str, width: int, height: int, low: bool, tokens: int) -> None:
    assert image_tokens(model, Size(width, height), low=low) == tokens


def test_an_unknown_size_counts_as_a_usual_one() -> None:
    assert image_tokens("gpt-4o", None, low=False) == 765
    assert image_tokens("gpt-4o", None, low=True) == 85


@given(
    st.sampled_from(["gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "o4-mini", "o3", "other"]),
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_no_image_costs_more_than_the_most(model: str, width: int, height: int) -> None:
    assert 0 < image_tokens(model, Size(width, height), low=False) <= most_image_tokens(model)
