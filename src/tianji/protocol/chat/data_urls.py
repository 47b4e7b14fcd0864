"""Data URLs (RFC 2397) and media types, as clients put images, sounds and files into a request."""

import binascii
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Struct

from tianji.errors import InvalidRequest

_HEAD = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)

# What Google and AWS take, by the end of a name: https://ai.google.dev/gemini-api/docs/file-input-methods
TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "json": "application/json",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "htm": "text/html",
    "xml": "text/xml",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "ogg": "audio/ogg",
    "m4a": "audio/m4a",
    "opus": "audio/opus",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "mov": "video/quicktime",
    "avi": "video/avi",
    "flv": "video/x-flv",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
}
_SOUNDS: Final[Mapping[str, str]] = {  # by how a file of it begins, in base64
    "UklGR": "audio/wav",
    "SUQz": "audio/mpeg",
    "ZkxhQ": "audio/flac",
    "T2dnU": "audio/ogg",
}


class Inline(Struct, frozen=True):
    """Data that a request holds itself; `data` is base64."""

    media_type: str
    data: str


def inline(url: str, media_type: str | None = None) -> Inline | None:
    """Read a data URL, None for any other; `media_type` beats what the URL says. Raises InvalidRequest."""
    if url[:5].lower() != "data:":
        return None
    head = _HEAD.match(url)
    if head is None:
        raise InvalidRequest("A data URL is cut short; write data:image/png;base64, and then the data.")
    kind = media_type or head[1].strip() or "text/plain"
    data = url[head.end() :]
    if ";base64" not in head[2].lower():
        data = binascii.b2a_base64(unquote_to_bytes(data), newline=False).decode()
    return Inline(kind, data)


def text_of(given: Inline) -> str:
    """Return the text of a file that is one. Raises InvalidRequest where it is not UTF-8 in base64."""
    try:
        return binascii.a2b_base64(given.data, strict_mode=True).decode()
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidRequest("A text file must be UTF-8 in base64", param="messages") from error


def media_type_of(name: str) -> str | None:
    """Return the media type that a URL or a file's name says by its end, None when it says none."""
    try:
        path = urlsplit(name).path
    except ValueError:
        return None
    return TYPES.get(path.rpartition(".")[2].lower()) if "." in path else None


def sound_type(data: str) -> str | None:
    """Return the media type of sound in base64 by its first bytes, None for what has none, such as plain samples."""
    return next((kind for head, kind in _SOUNDS.items() if data.startswith(head)), None)
