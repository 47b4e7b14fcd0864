"""The conversation of a Messages request in the hub's form.

https://docs.anthropic.com/en/api/messages. What an assistant said keeps its kinds and loses their order: reasoning,
text, calls. What servers did for it (searches, code) is left out, since what they found stands in its text.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tianji.dialects.decoding import needed, typed
from tianji.dialects.tool_names import ToolNames
from tianji.errors import InvalidRequest
from tianji.protocol.anthropic.inbound import Block, Turn
from tianji.protocol.chat.documents import plain_of, text_in
from tianji.protocol.chat.request import FunctionCall, Message, Part, ThinkingBlock, ToolCall

_SERVER_SIDE = ("_tool_use", "_tool_result")  # how the types of blocks end that a server's tools wrote


def system_message(system: str | list[Block]) -> Message | None:
    """Return the message that stands first, None where there is nothing in it."""
    content = system if isinstance(system, str) else _content([_text(block, "system") for block in system])
    return Message(role="system", content=content) if content else None


def messages_of(turns: Iterable[Turn], names: ToolNames) -> Iterator[Message]:
    """Yield the messages of all turns. Raises InvalidRequest for a block that no other upstream could be given."""
    for number, turn in enumerate(turns):
        place = f"messages.{number}.content"
        if isinstance(turn.content, str):
            yield Message(role=turn.role, content=turn.content)
        elif turn.role == "assistant":
            yield _said(turn.content, names, place)
        else:
            yield from _asked(turn.role, turn.content, place)


def _asked(role: str, blocks: list[Block], place: str) -> Iterator[Message]:
    """Results of tools come first, each as a message of its own, as the hub's form has it."""
    parts: list[Part] = []
    for number, block in enumerate(blocks):
        where = f"{place}.{number}"
        if block.type == "tool_result":
            yield _result(block, where)
        else:
            parts += _parts(block, where)
    if parts:
        yield Message(role=role, content=_content(parts))


def _result(block: Block, place: str) -> Message:
    call_id = needed(block.tool_use_id, f"{place}.tool_use_id")
    content: str | list[Part] = ""
    if isinstance(block.content, str):
        content = block.content
    elif isinstance(block.content, list):
        parts = [part for inner in block.content for part in _parts(inner, f"{place}.content")]
        plain = all(part.type == "text" and part.cache_control is None for part in parts)
        content = "\n".join(part.text or "" for part in parts) if plain else parts
    fields = {"is_error": True} if block.is_error else None
    return Message(
        role="tool",
        content=content,
        tool_call_id=call_id,
        cache_control=block.cache_control,
        provider_specific_fields=fields,
    )


def _said(blocks: list[Block], names: ToolNames, place: str) -> Message:
    texts: list[Part] = []
    calls: list[ToolCall] = []
    thoughts: list[ThinkingBlock] = []
    reasoning: list[str] = []
    for number, block in enumerate(blocks):
        where = f"{place}.{number}"
        if block.type == "thinking":
            reasoning.append(block.thinking or "")
            if block.signature:  # what others than Anthropic thought has none, and goes back as text alone
                thoughts.append(ThinkingBlock(type="thinking", thinking=block.thinking, signature=block.signature))
        elif block.type == "redacted_thinking":
            thoughts.append(ThinkingBlock(type="redacted_thinking", data=block.data))
        elif block.type == "tool_use":
            calls.append(_call(block, names, where))
        else:
            texts += _parts(block, where)
    return Message(
        role="assistant",
        content=_content(texts) if texts else None,
        tool_calls=calls or None,
        thinking_blocks=thoughts or None,
        reasoning_content="".join(reasoning) or None,
    )


def _call(block: Block, names: ToolNames, place: str) -> ToolCall:
    call_id = needed(block.id, f"{place}.id")
    name = names.short(needed(block.name, f"{place}.name"))
    arguments = msgspec.json.encode({} if block.input is None else block.input).decode()
    return ToolCall(
        id=call_id, type="function", function=FunctionCall(name, arguments), cache_control=block.cache_control
    )


def _content(parts: list[Part]) -> str | list[Part]:
    """One text that nothing is said about is a string, which upstreams without lists of parts take as well."""
    if len(parts) == 1 and parts[0].type == "text" and parts[0].cache_control is None:
        return parts[0].text or ""
    return parts


def _parts(block: Block, place: str) -> list[Part]:
    """Return what a block is to the hub; texts without a character are left out, as Anthropic itself refuses them."""
    if block.type == "text":
        return [_text(block, place)] if block.text else []
    if block.type == "image":
        return [_image(block, place)]
    if block.type == "document":
        return _document(block, place)
    return _rare_parts(block, place)


def _rare_parts(block: Block, place: str) -> list[Part]:
    if block.type == "search_result":
        found = [part for inner in _blocks(block.content, place) for part in _parts(inner, place)]
        named = Part(type="text", text=f"{block.title or ''}\n{block.source or ''}".strip())
        return [named, *found]
    if block.type == "compaction":  # the summary of what was said before
        return [Part(type="text", text=block.content)] if isinstance(block.content, str) and block.content else []
    if block.type == "container_upload":
        return [Part(type="file", file={"file_id": needed(block.file_id, f"{place}.file_id")})]
    if block.type.endswith(_SERVER_SIDE):
        return []
    raise InvalidRequest(
        f"{place}: a block of type {block.type!r} cannot be given to this model. Leave it out.", param=place
    )


def _text(block: Block, place: str) -> Part:
    if block.type != "text":
        raise InvalidRequest(f"{place}: expected blocks of type 'text', got {block.type!r}", param=place)
    return Part(type="text", text=block.text or "", cache_control=block.cache_control)


def _image(block: Block, place: str) -> Part:
    kind, source = _source(block, place)
    if kind == "file":
        return Part(type="file", file={"file_id": source.get("file_id")}, cache_control=block.cache_control)
    url = _data_url(source, "image/png") if kind == "base64" else source.get("url")
    if not isinstance(url, str):
        raise InvalidRequest(f"{place}.source: expected base64, url or file, got {kind!r}", param=f"{place}.source")
    return Part(type="image_url", image_url={"url": url}, cache_control=block.cache_control)


def _document(block: Block, place: str) -> list[Part]:
    kind, source = _source(block, place)
    document = Part(
        type="document",
        source=source,
        title=block.title,
        context=block.context,
        citations=block.citations if isinstance(block.citations, dict) else None,
        cache_control=block.cache_control,
    )
    if kind == "url" or (_is_cited(block) and (kind != "content" or text_in(document) is not None)):
        return [document]
    if kind == "content":
        inner = _blocks(source.get("content"), f"{place}.source")
        return [part for one in inner for part in _parts(one, f"{place}.source")]
    if kind not in ("text", "base64", "file"):
        raise InvalidRequest(
            f"{place}.source: expected text, base64, content, url or file, got {kind!r}", param=f"{place}.source"
        )
    return list(plain_of(document))


def _is_cited(block: Block) -> bool:
    """Tell whether the answer is to say what it has from a document."""
    return isinstance(block.citations, dict) and block.citations.get("enabled") is True


def _source(block: Block, place: str) -> tuple[object, dict[str, Any]]:
    if not isinstance(block.source, dict):
        raise InvalidRequest(f"{place}.source: expected an object", param=f"{place}.source")
    return block.source.get("type"), block.source


def _data_url(source: dict[str, Any], usual: str) -> str:
    return f"data:{source.get('media_type') or usual};base64,{source.get('data') or ''}"


def _blocks(content: object, place: str) -> list[Block]:
    if isinstance(content, str):
        return [Block(type="text", text=content)]
    if isinstance(content, list) and all(isinstance(one, Block) for one in content):
        return content
    return typed(content if content is not None else [], list[Block], place)
