"""What a request for pictures, sound or ranks comes to besides tokens: how many of what, as prices know it."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.journal.meter import Measures
from tianji._core.upstreams.spool import Extent
from tianji.accounting.prices.fields import CREDIT
from tianji.accounting.sound import USUAL_RATE, seconds
from tianji.gateway.translation.forms import Form

PICTURES: Final = frozenset({"image_generation", "image_edit", "image_variation"})
SOUND: Final = frozenset({"transcription", "translation"})
MOST: Final = 1000  # pictures that one request can be billed for before it is answered
MOST_CREDITS: Final = 1e9  # that one answer can be billed for
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")
_USUAL_SIZE: Final = "1024x1024"
_USUAL_QUALITY: Final = "standard"
_DECODE: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Picture(Struct, frozen=True):
    """What a price of pictures goes by."""

    quality: str
    size: str

    @property
    def pixels(self) -> int:
        """How many it has."""
        found = _SIZE.fullmatch(self.size)
        return int(found[1]) * int(found[2]) if found else 1024 * 1024


class _Used(Struct):
    pages_processed: int | None = None
    pages_processed_annotation: int | None = None
    credits: float | None = None


class _Read(Struct):
    pages: list[msgspec.Raw] = []
    usage_info: _Used | None = None
    document_annotation: Any = None


def picture_of(members: Mapping[str, msgspec.Raw]) -> Picture:
    """Return what kind of picture is asked for."""
    size, quality = _text(members.get("size")), _text(members.get("quality"))
    return Picture(
        quality if quality and quality != "auto" else _USUAL_QUALITY, size if _SIZE.fullmatch(size) else _USUAL_SIZE
    )


def asked_for(operation: str, body: bytes, form: Form | None) -> Measures:
    """Return what a request asks for; `body` is it as JSON."""
    members = _DECODE.decode(body)
    if operation in PICTURES:
        return pictures(max(1, min(_number(members.get("n")), MOST)), picture_of(members))
    if operation == "audio_speech":
        return Measures(input_characters=len(_text(members.get("input"))))
    if operation == "ocr":
        pages = _value(members.get("pages"))
        return Measures(pages=min(len(pages), MOST) if isinstance(pages, list) and pages else 1)
    if operation in SOUND:
        content = None if form is None else form.content("file")
        return Measures() if content is None else Measures(milliseconds=milliseconds(lasting(content)))
    return Measures(queries=1)


def expected_of(operation: str, body: bytes) -> Measures:
    """Return what a request is reckoned to come to before it is let in; of a recording only its size is known."""
    if operation not in SOUND:
        return asked_for(operation, body, None)
    said = _DECODE.decode(body).get("file")
    size = msgspec.json.decode(said).get("bytes") if said is not None and bytes(said).startswith(b"{") else None
    return Measures(milliseconds=milliseconds(size / USUAL_RATE)) if isinstance(size, int) else Measures()


def pictures(count: int, picture: Picture) -> Measures:
    """Return what so many pictures come to."""
    return Measures(output_pictures=count, pixels=count * picture.pixels)


def pages_of(answer: bytes) -> Measures | None:
    """Return what a read document came to, by the answer; None where that cannot be read."""
    try:
        found = msgspec.json.decode(answer, type=_Read)
    except msgspec.DecodeError:
        return None
    used = found.usage_info or _Used()
    pages = used.pages_processed if used.pages_processed is not None else len(found.pages)
    annotated = used.pages_processed_annotation
    if annotated is None:
        annotated = 0 if found.document_annotation is None else pages
    if pages < 0 or annotated < 0:
        return None
    spent = round(min(max(used.credits or 0.0, 0.0), MOST_CREDITS) * CREDIT)
    return Measures(pages=pages, annotated_pages=annotated, credits=spent)


def milliseconds(length: float) -> int:
    """Return a length in seconds as it is billed."""
    return max(0, round(length * 1000))


def lasting(content: bytes | Extent) -> float:
    """Return how many seconds a recording lasts."""
    if isinstance(content, bytes):
        return seconds(lambda at, size: content[at : at + size], len(content))

    def read(at: int, size: int) -> bytes:
        return content.spool.read(content.at + at, max(0, min(size, content.size - at)))

    return seconds(read, content.size)


def _value(value: msgspec.Raw | None) -> Any:
    return None if value is None else msgspec.json.decode(value)


def _text(value: msgspec.Raw | None) -> str:
    found = _value(value)
    return found if isinstance(found, str) else ""


def _number(value: msgspec.Raw | None) -> int:
    """Return a number, also one that a form's field holds."""
    found = _value(value)
    if isinstance(found, str) and found.isascii() and found.isdigit():
        return int(found[:9])
    return found if isinstance(found, int) else 0
