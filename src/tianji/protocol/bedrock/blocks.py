"""Texts, images, films and files as Bedrock's content blocks.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html: data is in the request or in S3;
Bedrock fetches nothing from elsewhere.
"""

import re
from collections.abc import Mapping
from typing import Any

from tianji.errors import InvalidRequest
from tianji.protocol.chat import data_urls
from tianji.protocol.chat.documents import text_in
from tianji.protocol.chat.request import Part
from tianji.protocol.loose import text_at

Json = dict[str, Any]

_IMAGES: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    data_urls.TYPES["docx"]: "docx",
    "application/vnd.ms-excel": "xls",
    data_urls.TYPES["xlsx"]: "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_VIDEOS: Mapping[str, str] = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/mpg": "mpg",
    "video/wmv": "wmv",
    "video/3gpp": "three_gp",
}
_FAMILIES = (("image", _IMAGES), ("video", _VIDEOS), ("document", _DOCUMENTS))
_NOT_IN_TITLE = re.compile(r"[^a-zA-Z0-9 ()\[\]-]+")  # what a document's name may not hold
_SPACES = re.compile(r" {2,}")


class Blocks:
    """Makes the blocks of one request. Documents of a request need names that differ."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._titles: set[str] = set()

    def block(self, part: Part) -> Json | None:
        """Return the block for a part, None for one that says nothing. Raises InvalidRequest."""
        if part.type in ("text", "input_text", "output_text", "refusal"):
            text = part.text or part.refusal
            return {"text": text} if text and text.strip() else None  # an empty one is refused
        if part.type == "guarded_text":
            return {"guardContent": {"text": {"text": part.text or " "}}}
        if part.type in ("image_url", "video_url"):
            given = part.image_url if part.type == "image_url" else part.video_url
            holder = {"url": given} if isinstance(given, str) else given or {}
            return self._at(text_at(holder, "url"), text_at(holder, "format"))
        if part.type == "file":
            return self._file(part.file or {})
        if part.type == "document":
            return self._document(part)
        raise InvalidRequest(
            f"A message holds a part of type {part.type!r}, which {self._provider} does not take.", param="messages"
        )

    def _file(self, holder: Json) -> Json:
        name, kind = text_at(holder, "filename"), text_at(holder, "format")
        data = text_at(holder, "file_data")
        if data is None:
            return self._at(text_at(holder, "file_id"), kind, name)
        found = data_urls.inline(data, kind)
        if found is None:
            found = data_urls.Inline(kind or data_urls.media_type_of(name or "") or "application/pdf", data)
        return self._of(found.media_type, {"bytes": found.data}, name)

    def _document(self, part: Part) -> Json:
        """Turn Anthropic's document into a block, with what it says of itself."""
        source = part.source or {}
        data = text_at(source, "data")
        if (text := text_in(part)) is not None:
            passages = source.get("content")
            given = (
                {"content": [{"text": one["text"]} for one in passages]}
                if isinstance(passages, list)
                else {"text": text}
            )
            block = self._of("text/plain", given, part.title)
        elif source.get("type") == "base64" and data is not None:
            block = self._of(text_at(source, "media_type") or "application/pdf", {"bytes": data}, part.title)
        else:
            block = self._at(text_at(source, "url"), text_at(source, "media_type"), part.title)
        document = block.get("document")
        if isinstance(document, dict):
            if part.context:
                document["context"] = part.context
            if part.citations and isinstance(enabled := part.citations.get("enabled"), bool):
                document["citations"] = {"enabled": enabled}
        return block

    def _at(self, url: str | None, kind: str | None, name: str | None = None) -> Json:
        if not url:
            raise InvalidRequest("A part of a message has no url and no data.", param="messages")
        found = data_urls.inline(url, kind)
        if found is not None:
            return self._of(found.media_type, {"bytes": found.data}, name)
        if not url.startswith("s3://"):
            raise InvalidRequest(
                f"{self._provider} fetches nothing from {url[:100]!r}: send the data itself, or an s3:// address.",
                param="messages",
            )
        title = name or url.rpartition("/")[2]
        return self._of(kind or data_urls.media_type_of(url) or "", {"s3Location": {"uri": url}}, title)

    def _of(self, kind: str, source: Json, title: str | None) -> Json:
        plain = kind.partition(";")[0].strip().lower()
        if plain == "image/jpg":
            plain = "image/jpeg"
        for name, formats in _FAMILIES:
            if plain in formats:
                block: Json = {"format": formats[plain], "source": source}
                if name == "document":
                    block["name"] = self._title(title)
                return {name: block}
        raise InvalidRequest(
            f"{self._provider} takes no data of type {plain or 'unknown'!r}; give its media type as `format`.",
            param="messages",
        )

    def _title(self, given: str | None) -> str:
        plain = _SPACES.sub(" ", _NOT_IN_TITLE.sub(" ", given or "document")).strip()[:180] or "document"
        title, number = plain, 2
        while title in self._titles:
            title, number = f"{plain} {number}", number + 1
        self._titles.add(title)
        return title
