"""The items of a Responses request as messages of the hub.

https://platform.openai.com/docs/api-reference/responses/create#responses-create-input. What an assistant thought, said
and called stands in items of their own there, and in one message here. What OpenAI's servers did on their own
(searches, code) is left out, since what they found stands in the text that follows.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tianji.dialects.decoding import needed, typed
from tianji.dialects.responses.local_tools import CALLS, LOCAL, RESULTS, arguments_of, call_id_of, is_local
from tianji.dialects.responses.thoughts import opened
from tianji.dialects.responses.tools import ToolBook, arguments_for
from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import FunctionCall, Message, Part, ToolCall
from tianji.protocol.responses.request import Content, Item

_ROLES: Final = frozenset({"user", "system", "developer", "assistant"})
_ELSEWHERE: Final = frozenset(
    {
        "additional_tools",  # what brings tools is read where tools are
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_call",
        "mcp_approval_request",
        "mcp_approval_response",
    }
)


def messages_of(items: Iterable[Mapping[str, Any]], book: ToolBook) -> list[Message]:
    """Return the messages. Raises InvalidRequest for an item that no other upstream could be given."""
    return list(_Conversation(book).read(items))


class _Conversation:
    """Reads items; `said` is what the assistant said last, as long as nothing followed it."""

    def __init__(self, book: ToolBook) -> None:
        self._book = book
        self._said: Message | None = None

    def read(self, items: Iterable[Mapping[str, Any]]) -> Iterator[Message]:
        for number, sent in enumerate(items):
            place = f"input.{number}"
            if (kind := sent.get("type")) and isinstance(kind, str) and kind in _ELSEWHERE:
                continue
            if isinstance(kind, str) and (kind in CALLS or kind in RESULTS):
                if is_local(sent):  # what a server searched for stands in what it said
                    yield from self._local(kind, sent, place)
                continue
            item = typed(sent, Item, place)
            if item.type == "message" and item.role != "assistant":
                yield from self._finished()
                yield _asked(item, place)
            elif item.type in ("function_call_output", "custom_tool_call_output"):
                yield from self._finished()
                yield _result(item, place)
            elif item.type == "message":
                if self._said is not None and self._said.content is not None and not self._said.tool_calls:
                    yield from self._finished()
                self._speak(item, place)
            elif item.type == "reasoning":
                self._think(item)
            elif item.type in ("function_call", "custom_tool_call"):
                self._call(item, place)
            else:
                raise _unfit(item, place)
        yield from self._finished()

    def _local(self, kind: str, sent: Mapping[str, Any], place: str) -> Iterator[Message]:
        """Read the call of a tool that OpenAI has defined, or what came of it."""
        call_id = call_id_of(sent, place)
        if kind in RESULTS:
            yield from self._finished()
            yield Message(role="tool", content=LOCAL[RESULTS[kind]].told(sent), tool_call_id=call_id)
            return
        name = CALLS[kind]
        self._add(call_id, FunctionCall(self._book.told_local(name), arguments_of(sent, LOCAL[name])))

    def _finished(self) -> Iterator[Message]:
        if self._said is not None:
            yield self._said
        self._said = None

    def _assistant(self) -> Message:
        if self._said is None:
            self._said = Message(role="assistant")
        return self._said

    def _speak(self, item: Item, place: str) -> None:
        content = item.content if isinstance(item.content, str) else _text(item.content or (), f"{place}.content")
        said = self._assistant()
        said.content = content if not isinstance(said.content, str) else said.content + content

    def _think(self, item: Item) -> None:
        said = self._assistant()
        if blocks := opened(item.encrypted_content):
            said.thinking_blocks = [*(said.thinking_blocks or ()), *blocks]
        contents = item.content if isinstance(item.content, list) else ()
        text = "\n".join(one.text for one in (*(item.summary or ()), *contents) if one.text)
        if text:
            said.reasoning_content = "\n".join(filter(None, (said.reasoning_content, text)))

    def _call(self, item: Item, place: str) -> None:
        name = needed(item.name, f"{place}.name")
        if item.type == "custom_tool_call":
            function = FunctionCall(self._book.told_custom(name, item.namespace), arguments_for(item.input or ""))
        else:
            function = FunctionCall(self._book.told(name, item.namespace), item.arguments or "{}")
        self._add(needed(item.call_id, f"{place}.call_id"), function)

    def _add(self, call_id: str, function: FunctionCall) -> None:
        said = self._assistant()
        call = ToolCall(id=call_id, type="function", function=function)
        if said.tool_calls is None:
            said.tool_calls = []
        said.tool_calls.append(call)


def _asked(item: Item, place: str) -> Message:
    if item.role not in _ROLES:
        raise InvalidRequest(f"{place}.role: expected user, assistant, system or developer", param=f"{place}.role")
    if isinstance(item.content, str):
        return Message(role=item.role, content=item.content)
    return Message(role=item.role, content=_parts(item.content or (), f"{place}.content"))


def _result(item: Item, place: str) -> Message:
    call_id = needed(item.call_id, f"{place}.call_id")
    if isinstance(item.output, list):
        parts = _parts(item.output, f"{place}.output")
        plain = all(part.type == "text" for part in parts)
        content: str | list[Part] = "\n".join(part.text or "" for part in parts) if plain else parts
    else:
        content = item.output or ""
    return Message(role="tool", content=content, tool_call_id=call_id)


def _text(contents: Iterable[Content], place: str) -> str:
    found = []
    for number, one in enumerate(contents):
        if one.type not in ("output_text", "input_text", "text", "refusal"):
            raise _wrong(one, f"{place}.{number}")
        found.append(one.text or one.refusal or "")
    return "".join(found)


def _parts(contents: Iterable[Content], place: str) -> list[Part]:
    return [_part(one, f"{place}.{number}") for number, one in enumerate(contents)]


def _part(one: Content, place: str) -> Part:
    if one.type in ("input_text", "output_text", "text"):
        return Part(type="text", text=one.text or "")
    if one.type == "input_image":
        return _image(one, place)
    if one.type == "input_file":
        return _file(one, place)
    if one.type == "input_audio" and one.input_audio is not None:
        return Part(type="input_audio", input_audio=one.input_audio)
    raise _wrong(one, place)


def _image(one: Content, place: str) -> Part:
    if one.file_id:
        return Part(type="file", file={"file_id": one.file_id})
    url = one.image_url if isinstance(one.image_url, str) else (one.image_url or {}).get("url")
    if not isinstance(url, str):
        raise InvalidRequest(f"{place}: expected image_url or file_id", param=place)
    image = {"url": url, "detail": one.detail} if one.detail else {"url": url}
    return Part(type="image_url", image_url=image)


def _file(one: Content, place: str) -> Part:
    if one.file_url:
        return Part(type="document", source={"type": "url", "url": one.file_url}, title=one.filename)
    if one.file_data:
        return Part(type="file", file={"file_data": one.file_data, "filename": one.filename or "document.pdf"})
    if one.file_id:
        return Part(type="file", file={"file_id": one.file_id})
    raise InvalidRequest(f"{place}: expected file_id, file_data or file_url", param=place)


def _unfit(item: Item, place: str) -> InvalidRequest:
    if item.type == "item_reference":
        said = f"{place}: item {item.id!r} is not known here. Send the item itself."
    else:
        said = f"{place}: an item of type {item.type!r} cannot be given to this model. Leave it out."
    return InvalidRequest(said, param=place)


def _wrong(one: Content, place: str) -> InvalidRequest:
    return InvalidRequest(f"{place}: content of type {one.type!r} cannot be given to this model", param=place)
