"""What the vendors of pictures have in common: sizes, and an answer in OpenAI's form."""

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from tianji.clock import SYSTEM
from tianji.errors import StreamFailed
from tianji.protocol.media.form import Asked, Json, lacking

ASKED: Final = (
    "model",
    "prompt",
    "n",
    "size",
    "quality",
    "style",
    "response_format",
    "user",
    "stream",
    "partial_images",
    "background",
    "moderation",
    "output_format",
    "output_compression",
    "image",
    "mask",
    "input_fidelity",
)
"""What OpenAI's form has a place for; all else is the vendor's own."""
_HELD_BACK: Final = b'{"error":{"message":"the picture was held back by a content filter","code":"content_filter"}}'
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
_RATIOS: Final = ("1:1", "16:9", "9:16", "3:2", "2:3", "4:5", "5:4", "21:9", "9:21", "4:3", "3:4")


def size_of(asked: Asked) -> tuple[int, int] | None:
    """Return width and height, None where the vendor is to choose."""
    found = _SIZE.fullmatch(asked.text("size") or "")
    return (int(found[1]), int(found[2])) if found and int(found[1]) and int(found[2]) else None


def ratio_of(asked: Asked, known: Iterable[str] = _RATIOS) -> str | None:
    """Return the aspect ratio that is nearest to the size, of those that a vendor knows."""
    size = size_of(asked)
    if size is None:
        return None
    wanted = Fraction(*size)

    def distance(ratio: str) -> Fraction:
        width, _, height = ratio.partition(":")
        own = Fraction(int(width), int(height))
        return max(wanted / own, own / wanted)

    return min(known, key=distance)


def held_back() -> StreamFailed:
    """Make the error for a picture that the vendor's filter did not let pass, which its answer says with status 200."""
    return StreamFailed(_HELD_BACK)


def answer_of(pictures: Iterable[Json]) -> Json:
    """Return an answer: each picture is an object with `url` or `b64_json`."""
    return {"created": int(SYSTEM.now()), "data": list(pictures)}


def one(asked: Asked) -> None:
    """Refuse more than one picture, unless what a vendor lacks is dropped."""
    if asked.count() > 1:
        lacking(asked, "n", "it makes one picture a request")
