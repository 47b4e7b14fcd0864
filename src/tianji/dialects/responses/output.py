"""The output of a response: which piece of an answer belongs to which item."""

from typing import Any

from tianji.dialects.responses.items import (
    CallItem,
    Emit,
    ImageItem,
    Json,
    MessageItem,
    OpenItem,
    ReasoningItem,
    call_item,
)
from tianji.dialects.responses.tools import ToolBook
from tianji.protocol.chat import citations
from tianji.protocol.chat.answer import AnswerMessage, Delta, FunctionDelta, ToolCallDelta
from tianji.protocol.chat.request import ToolCall


class Output:
    """Takes pieces and makes items of them. Items are numbered as they begin; `suffix` makes their ids unique.

    Reasoning and text end where the next thing begins. Several calls may be open at once, since upstreams may write
    them side by side.
    """

    def __init__(self, suffix: str, book: ToolBook, emit: Emit) -> None:
        self._suffix = suffix
        self._book = book
        self._emit = emit
        self._items: list[Json | OpenItem] = []
        self._current: ReasoningItem | MessageItem | None = None
        self._calls: dict[int, CallItem] = {}

    @property
    def done(self) -> list[Json]:
        """The items that have ended."""
        return [item for item in self._items if isinstance(item, dict)]

    def take(self, delta: Delta, logprobs: dict[str, Any] | None) -> None:
        """Take the next piece."""
        if delta.reasoning_content or delta.thinking_blocks:
            self._think(delta)
        if delta.content:
            self._message().say(delta.content, _logprobs(logprobs))
        if delta.refusal:
            self._message().refuse(delta.refusal)
        for annotation in delta.annotations or ():
            self._message().annotate(_annotation(annotation))
        if delta.provider_specific_fields:
            for document in citations.own_documents(delta.provider_specific_fields):
                self._message().annotate(citations.filed(document))
        for image in delta.images or ():
            self._picture(image)
        for call in delta.tool_calls or ():
            self._call(call)

    def hear(self, text: str) -> None:
        """Take more of the text that is being said, of which the events are out."""
        if isinstance(self._current, MessageItem):
            self._current.hear(text)

    def end(self, status: str) -> list[Json]:
        """End what is open, and return all items. `status`: completed or incomplete."""
        for item in self._items:
            if isinstance(item, OpenItem):
                self._close(item, status)
        return self.done

    def _think(self, delta: Delta) -> None:
        item = self._current
        if not isinstance(item, ReasoningItem):
            item = ReasoningItem(self._id("rs"), len(self._items), self._emit)
            self._begin(item)
            self._current = item
        blocks = delta.thinking_blocks or ()
        text = delta.reasoning_content or "".join(block.thinking or "" for block in blocks)
        if text:
            item.think(text)
        for block in blocks:
            item.keep(block)

    def _message(self) -> MessageItem:
        item = self._current
        if not isinstance(item, MessageItem):
            item = MessageItem(self._id("msg"), len(self._items), self._emit)
            self._begin(item)
            self._current = item
        return item

    def _picture(self, image: Json) -> None:
        url = (image.get("image_url") or {}).get("url") or ""
        item = ImageItem(self._id("ig"), len(self._items), self._emit, str(url).rpartition(",")[2])
        self._begin(item)
        self._close(item, "completed")

    def _call(self, delta: ToolCallDelta) -> None:
        item = self._calls.get(delta.index)
        function = delta.function or None
        if item is None:
            for other in self._calls.values():
                if self._items[other.index] is other and other.whole:
                    self._close(other, "completed")
            call_id = delta.id or f"call_{self._suffix}{delta.index:02x}"
            told = (function.name if function else None) or ""
            item = call_item(self._emit, (self._suffix, len(self._items)), (call_id, told), self._book)
            self._calls[delta.index] = item
            self._begin(item)
        if function and function.arguments and self._items[item.index] is item:
            item.add(function.arguments)

    def _begin(self, item: OpenItem) -> None:
        if self._current is not None:
            self._close(self._current, "completed")
            self._current = None
        self._items.append(item)
        item.begin()

    def _close(self, item: OpenItem, status: str) -> None:
        self._items[item.index] = item.end(status)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._suffix}{len(self._items):02x}"


def pieces_of(message: AnswerMessage) -> Delta:
    """Return a whole message as one piece."""
    return Delta(
        content=message.content,
        refusal=message.refusal,
        reasoning_content=message.reasoning_content,
        thinking_blocks=message.thinking_blocks,
        annotations=message.annotations,
        provider_specific_fields=message.provider_specific_fields,
        images=message.images,
        tool_calls=[_piece(index, call) for index, call in enumerate(message.tool_calls or ())],
    )


def _piece(index: int, call: ToolCall) -> ToolCallDelta:
    if call.function is not None:
        function = FunctionDelta(name=call.function.name, arguments=call.function.arguments)
    else:
        custom = call.custom or {}
        function = FunctionDelta(name=str(custom.get("name") or ""), arguments=str(custom.get("input") or ""))
    return ToolCallDelta(index=index, id=call.id, function=function)


def _annotation(given: Json) -> Json:
    """Return a citation in the flat form; chat has what it says one level deeper."""
    kind = str(given.get("type") or "url_citation")
    inner = given.get(kind)
    members = inner if isinstance(inner, dict) else given
    usual = {"start_index": 0, "end_index": 0, "title": "", "url": ""} if kind == "url_citation" else {}
    return {"type": kind} | usual | {name: value for name, value in members.items() if name != "type"}


def _logprobs(given: dict[str, Any] | None) -> list[Json]:
    """Return logprobs of a chat choice; what chat may leave out has to be there."""
    content = (given or {}).get("content")
    if not isinstance(content, list):
        return []
    return [
        {
            "token": one.get("token") or "",
            "logprob": one.get("logprob") or 0.0,
            "bytes": one.get("bytes") or [],
            "top_logprobs": [{"bytes": []} | _set(top) for top in one.get("top_logprobs") or ()],
        }
        for one in content
        if isinstance(one, dict)
    ]


def _set(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}
