"""Pieces of messages as Anthropic's content blocks (https://docs.anthropic.com/en/api/messages, `content`)."""

from collections.abc import Iterator
from typing import Any, Final

from tianji.errors import InvalidRequest
from tianji.protocol.chat.data_urls import Inline, inline, media_type_of, text_of
from tianji.protocol.chat.request import Message, Part
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.signatures import is_claudes
from tianji.protocol.chat.support import refuse

Block = dict[str, Any]
_TEXT: Final = "text/plain"


def blocks_of(message: Message, target: Target) -> list[Block]:
    """Return the content of a message as blocks; empty texts, which Anthropic refuses, are left out.

    Raises InvalidRequest for data that cannot be read, UnsupportedParams for what Anthropic has nothing for.
    """
    content = message.content
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    return [_marked(block, part.cache_control) for part in content for block in _blocks(part, target)]


def mark_last(blocks: list[Block], cache_control: dict[str, Any] | None) -> None:
    """Let the mark of a whole message stand at its last block."""
    if cache_control is not None and blocks:
        blocks[-1].setdefault("cache_control", cache_control)


def _marked(block: Block, cache_control: dict[str, Any] | None) -> Block:
    if cache_control is not None:
        block["cache_control"] = cache_control
    return block


def _blocks(part: Part, target: Target) -> Iterator[Block]:
    if part.type in {"text", "input_text", "output_text"}:
        if part.text is not None and part.text.strip():
            yield {"type": "text", "text": part.text}
    elif part.type == "refusal":
        if part.refusal:
            yield {"type": "text", "text": part.refusal}
    elif part.type == "thinking":
        if is_claudes(part.signature):
            yield {"type": "thinking", "thinking": part.thinking or "", "signature": part.signature}
    elif part.type == "redacted_thinking":
        yield {"type": "redacted_thinking", "data": part.data or ""}
    elif part.type == "image_url":
        yield _image(part.image_url)
    elif part.type == "file":
        yield _file(part.file or {})
    elif part.type == "document":
        members = {"source": part.source, "title": part.title, "context": part.context, "citations": part.citations}
        yield {"type": "document"} | {name: value for name, value in members.items() if value is not None}
    else:
        refuse(target, "messages", f"it cannot read content of type {part.type!r}")


def _image(given: dict[str, Any] | str | None) -> Block:
    url = given if isinstance(given, str) else (given or {}).get("url")
    if not isinstance(url, str) or not url:
        raise InvalidRequest("An image needs a URL: image_url.url", param="messages")
    media_type = given.get("format") if isinstance(given, dict) else None
    data = inline(url, media_type)
    if data is None:
        return {"type": "image", "source": {"type": "url", "url": url}}
    return {"type": "image", "source": _base64(data.media_type, data.data)}


def _file(given: dict[str, Any]) -> Block:
    """Return a file: an image or a document, by its media type; one that was uploaded by its id."""
    file_id, data, media_type = given.get("file_id"), given.get("file_data"), given.get("format")
    if isinstance(file_id, str) and file_id:
        if file_id.startswith(("https://", "http://")):
            return {"type": "document", "source": {"type": "url", "url": file_id}}
        kind = "image" if str(media_type).startswith("image/") else "document"
        return {"type": kind, "source": {"type": "file", "file_id": file_id}}
    if not isinstance(data, str) or not data:
        raise InvalidRequest("A file needs `file_data`, a data URL, or `file_id`", param="messages")
    name = given.get("filename")
    read = inline(data, media_type)
    if read is None:  # base64 alone, of which the name may say what it is
        known = media_type or (media_type_of(name) if isinstance(name, str) else None)
        media_type = known or "application/pdf"
    else:
        media_type, data = read.media_type, read.data
    if media_type.startswith("image/"):
        return {"type": "image", "source": _base64(media_type, data)}
    source = _base64(media_type, data)
    if media_type.startswith("text/"):
        source = {"type": "text", "media_type": _TEXT, "data": text_of(Inline(media_type, data))}
    titled = {"title": name} if isinstance(name, str) and name else {}
    return {"type": "document", "source": source, **titled}


def _base64(media_type: str, data: str) -> Block:
    return {"type": "base64", "media_type": media_type, "data": data}
