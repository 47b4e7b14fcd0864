"""Images, sounds, films and files of a request as parts of Google's.

https://ai.google.dev/api/caching#Part and https://ai.google.dev/gemini-api/docs/file-input-methods: data in the request
is `inlineData`; what lies in the Files API, in a bucket or behind an https address is `fileData`, which Google fetches.
"""

from collections.abc import Mapping
from typing import Any

from tianji.errors import InvalidRequest
from tianji.protocol.chat import data_urls
from tianji.protocol.chat.request import Part
from tianji.protocol.chat.seam import Target
from tianji.protocol.gemini.models import generation, on_vertex
from tianji.protocol.loose import text_at

Json = dict[str, Any]
LEVELS: Mapping[str, str] = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
    "ultra_high": "MEDIA_RESOLUTION_ULTRA_HIGH",
}
_VIDEO = {"fps": "fps", "start_offset": "startOffset", "end_offset": "endOffset"}


def media_part(part: Part, target: Target) -> Json | None:
    """Return the part for an image, sound, film or file; None for a part of another type. Raises InvalidRequest."""
    if part.type == "image_url":
        return _by_url(part.image_url, target, "image_url")
    if part.type == "video_url":
        return _by_url(part.video_url, target, "video_url")
    if part.type == "input_audio":
        return _sound(part.input_audio)
    if part.type == "file":
        return _file(part.file, target)
    return _document(part, target) if part.type == "document" else None


def resolution_of(part: Part) -> str | None:
    """Return the resolution that a part's `detail` asks for, None for Google's own choice."""
    for holder in (part.image_url, part.video_url, part.file):
        if isinstance(holder, dict) and isinstance(detail := holder.get("detail"), str):
            return LEVELS.get(detail)
    return None


def _by_url(given: Json | str | None, target: Target, name: str) -> Json:
    holder = {"url": given} if isinstance(given, str) else given or {}
    url = holder.get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest(f"A part of type {name} needs {name}.url: an https, gs or data URL.", param="messages")
    return _described(_at(url, text_at(holder, "format"), target), holder, target)


def _sound(given: Json | None) -> Json:
    data, form = text_at(given or {}, "data"), text_at(given or {}, "format")
    if not data or not form:
        raise InvalidRequest("A part of type input_audio needs data (base64) and format.", param="messages")
    kind = form if "/" in form else data_urls.TYPES.get(form, f"audio/{form}")
    return {"inlineData": {"mimeType": kind, "data": data}}


def _file(given: Json | None, target: Target) -> Json:
    holder = given or {}
    kind = text_at(holder, "format")
    if data := text_at(holder, "file_data"):
        found = data_urls.inline(data, kind)
        if found is None:
            kind = kind or data_urls.media_type_of(text_at(holder, "filename") or "") or "application/pdf"
            found = data_urls.Inline(kind, data)
        part: Json = {"inlineData": {"mimeType": found.media_type, "data": found.data}}
    elif identifier := text_at(holder, "file_id"):
        part = _at(identifier, kind or data_urls.media_type_of(text_at(holder, "filename") or ""), target)
    else:
        raise InvalidRequest("A part of type file needs file_data (a data URL) or file_id.", param="messages")
    return _described(part, holder, target)


def _document(part: Part, target: Target) -> Json:
    """Turn Anthropic's document, which clients of LiteLLM may send too, into a part."""
    source = part.source or {}
    kind = text_at(source, "media_type")
    if source.get("type") == "text":
        return {"text": text_at(source, "data") or " "}
    if source.get("type") == "base64" and (data := text_at(source, "data")):
        return {"inlineData": {"mimeType": kind or "application/pdf", "data": data}}
    if url := text_at(source, "url") or text_at(source, "file_id"):
        return _at(url, kind, target)
    raise InvalidRequest("A document's source must be of type text, base64, url or file.", param="messages")


def _at(url: str, kind: str | None, target: Target) -> Json:
    found = data_urls.inline(url, kind)
    if found is not None:
        return {"inlineData": {"mimeType": found.media_type, "data": found.data}}
    kind = kind or data_urls.media_type_of(url)
    if kind is None and on_vertex(target):
        raise InvalidRequest(
            f"Vertex AI must be told what {url[:200]!r} is: give its media type as `format`, such as image/png.",
            param="messages",
        )
    return {"fileData": {"fileUri": url} | ({"mimeType": kind} if kind else {})}


def _described(part: Json, holder: Json, target: Target) -> Json:
    """Add what is to be seen of a film, and how closely; before Gemini 3 closeness is said for the whole request."""
    video = holder.get("video_metadata")
    if isinstance(video, dict):
        part["videoMetadata"] = {_VIDEO.get(name, name): value for name, value in video.items()}
    level = LEVELS.get(str(holder.get("detail")))
    if level and (generation(target.model) or 0) >= 3:
        part["mediaResolution"] = {"level": level}
    return part
