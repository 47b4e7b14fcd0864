"""How many tokens an image costs, from its size; the size from its first bytes, without decoding the picture.

Source: https://platform.openai.com/docs/guides/images-vision#calculating-costs
"""

import base64
import binascii
import math
import re
from typing import Final

from msgspec import Struct

_TILES: Final = (  # model, tokens of an image, tokens of each tile; the first that the name begins with decides
    ("gpt-4o-mini", 2833, 5667),
    ("gpt-5", 70, 140),
    ("o1", 75, 150),
    ("o3", 75, 150),
    ("computer-use-preview", 65, 129),
    ("", 85, 170),
)
_PATCHES: Final = (  # model, tokens of a patch
    ("gpt-4.1-mini", 1.62),
    ("gpt-4.1-nano", 2.46),
    ("gpt-5-mini", 1.62),
    ("gpt-5-nano", 2.46),
    ("o4-mini", 1.72),
)
_PATCH: Final = 32  # pixels
_MOST_PATCHES: Final = 1536
_TILE: Final = 512  # pixels
_LONG, _SHORT = 2048, 768  # pixels that the sides of an image are reduced to
_MOST_TILES: Final = 8
_USUAL: Final = (1024, 1024)  # taken for an image whose size cannot be seen, such as one at an address
_HEAD: Final = 1 << 17  # bytes of an image that are looked at
_DATA_URL: Final = re.compile(rb"data:[^,]{0,256};base64,", re.IGNORECASE)
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers SOFn: ITU T.81 table B.1


class Size(Struct, frozen=True):
    """Pixels."""

    width: int
    height: int


def size_of(url: bytes) -> Size | None:
    """Read the size of the PNG, JPEG, GIF or WebP image in a data URL, as JSON writes it; None if there is none."""
    scheme = _DATA_URL.match(url)
    if scheme is None:
        return None
    text = url[scheme.end() : scheme.end() + _HEAD].replace(b"\\/", b"/")
    try:
        head = base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return None
    size = _png(head) or _gif(head) or _webp(head) or _jpeg(head)
    return size if size is not None and size.width > 0 and size.height > 0 else None


def image_tokens(model: str, size: Size | None, *, low: bool) -> int:
    """Return what an image costs an OpenAI model. `low`: low detail; a size that is unknown counts as a usual one."""
    bare = model.rpartition("/")[2]
    width, height = _USUAL if size is None else (size.width, size.height)
    for name, rate in _PATCHES:
        if bare.startswith(name):
            return math.ceil(_patches(width, height) * rate)
    base, tile = _tile_rate(bare)
    return base if low else base + tile * _tiles(width, height)


def most_image_tokens(model: str) -> int:
    """Return the most that an image of any size may cost."""
    bare = model.rpartition("/")[2]
    for name, rate in _PATCHES:
        if bare.startswith(name):
            return math.ceil(_MOST_PATCHES * rate)
    base, tile = _tile_rate(bare)
    return base + tile * _MOST_TILES


def _tile_rate(bare: str) -> tuple[int, int]:
    return next((base, tile) for name, base, tile in _TILES if bare.startswith(name))


def _tiles(width: int, height: int) -> int:
    shrink = min(1.0, _LONG / max(width, height))
    shrink *= min(1.0, _SHORT / (min(width, height) * shrink))
    across, down = (math.ceil(round(side * shrink, 6) / _TILE) for side in (width, height))
    return across * down


def _patches(width: int, height: int) -> int:
    across, down = width / _PATCH, height / _PATCH
    if math.ceil(across) * math.ceil(down) > _MOST_PATCHES:
        shrink = math.sqrt(_MOST_PATCHES / (across * down))
        across, down = across * shrink, down * shrink
        shrink = min(math.floor(across) / across, math.floor(down) / down)
        across, down = across * shrink, down * shrink
    return min(math.ceil(round(across, 6)) * math.ceil(round(down, 6)), _MOST_PATCHES)


def _png(head: bytes) -> Size | None:
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 24:
        return None
    return Size(int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))


def _gif(head: bytes) -> Size | None:
    if not head.startswith((b"GIF87a", b"GIF89a")) or len(head) < 10:
        return None
    return Size(int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"))


def _webp(head: bytes) -> Size | None:
    """RFC 9649: the three kinds of a first chunk."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP" or len(head) < 30:
        return None
    if head[12:16] == b"VP8X":
        return Size(int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1)
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return Size(int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF)


def _jpeg(head: bytes) -> Size | None:
    """ITU T.81: segments up to the frame header, which has the size."""
    at = 2
    while head.startswith(b"\xff\xd8") and len(head) >= at + 9 and head[at] == 0xFF:
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker in _FRAMES:
            return Size(int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big"))
        at += 1 if marker == 0xFF else length + 2  # a marker may be preceded by fill bytes
    return None
