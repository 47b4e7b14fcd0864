"""Documents of Anthropic's form in a request (https://docs.anthropic.com/en/docs/build-with-claude/citations).

Dialects hand them on whole where they are to be cited. For an upstream that has no documents each becomes what it is
besides: a text, or a file.
"""

from collections.abc import Iterator
from typing import Any

from tianji.protocol.chat.request import Part, Request


def as_files(request: Request) -> None:
    """Turn the documents of a request into texts and files; what has an address of its own stays a document."""
    for message in request.messages:
        content = message.content
        if isinstance(content, list) and any(part.type == "document" for part in content):
            message.content = [plain for part in content for plain in plain_of(part)]


def text_in(part: Part) -> str | None:
    """Return the text that a document brings along, None for any other."""
    source = part.source or {}
    if source.get("type") == "text":
        data = source.get("data")
        return data if isinstance(data, str) else None
    content = source.get("content")
    if source.get("type") != "content" or not isinstance(content, str | list):
        return None
    if isinstance(content, str):
        return content
    texts = [block.get("text") if isinstance(block, dict) else None for block in content]
    known = [text for text in texts if isinstance(text, str)]
    return "\n".join(known) if len(known) == len(texts) else None


def plain_of(part: Part) -> Iterator[Part]:
    """Yield what a document is besides: a text, or a file and what is said of it; itself if neither, or no document."""
    if part.type != "document":
        yield part
        return
    about = "\n".join(filter(None, (part.title, part.context)))
    if (text := text_in(part)) is not None:
        yield Part(type="text", text="\n".join(filter(None, (about, text))), cache_control=part.cache_control)
        return
    file = _file(part.source or {}, part.title)
    if file is None:
        yield part
        return
    if part.context:
        yield Part(type="text", text=part.context)
    yield Part(type="file", file=file, cache_control=part.cache_control)


def _file(source: dict[str, Any], title: str | None) -> dict[str, Any] | None:
    if source.get("type") == "base64":
        data = f"data:{source.get('media_type') or 'application/pdf'};base64,{source.get('data') or ''}"
        return {"file_data": data, "filename": title or "document.pdf"}  # OpenAI takes no file without a name
    if source.get("type") == "file":
        return {"file_id": source.get("file_id")}
    return None
