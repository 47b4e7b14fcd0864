"""The items of a response while they come in, each telling of its steps by events.

https://platform.openai.com/docs/api-reference/responses-streaming. A whole answer goes the same way and has its events
thrown away, so that both say the same.
"""

from collections.abc import Callable
from typing import Any, Final

from tianji.dialects.arguments import is_whole
from tianji.dialects.responses.local_tools import LocalTool
from tianji.dialects.responses.thoughts import sealed
from tianji.dialects.responses.tools import InputText, ToolBook, input_of
from tianji.protocol.chat.request import ThinkingBlock

Emit = Callable[[str, dict[str, Any]], None]
"""Takes the type of an event and its members."""
Json = dict[str, Any]

IN_PROGRESS: Final = "in_progress"


class OpenItem:
    """An item that has begun. `place`: the members by which events point to it."""

    def __init__(self, item_id: str, index: int, emit: Emit) -> None:
        self.id = item_id
        self.index = index
        self._emit = emit
        self.place: Json = {"item_id": item_id, "output_index": index}

    def begin(self) -> None:
        """Tell that it has begun."""
        self._emit("response.output_item.added", {"output_index": self.index, "item": self.item(IN_PROGRESS)})

    def end(self, status: str) -> Json:
        """Tell that it has ended, and return it. `status`: completed or incomplete."""
        self.finish()
        item = self.item(status)
        self._emit("response.output_item.done", {"output_index": self.index, "item": item})
        return item

    def finish(self) -> None:
        """Tell that what is in it has ended."""

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        raise NotImplementedError


class ReasoningItem(OpenItem):
    """What a model thought, as a summary, which is what clients show; signed blocks go along unread."""

    def __init__(self, item_id: str, index: int, emit: Emit) -> None:
        super().__init__(item_id, index, emit)
        self._pieces: list[str] = []
        self._blocks: list[ThinkingBlock] = []
        self._place = self.place | {"summary_index": 0}

    def think(self, text: str) -> None:
        """Take a piece of text."""
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            self._emit("response.reasoning_summary_part.added", self._place | {"part": part})
        self._pieces.append(text)
        self._emit("response.reasoning_summary_text.delta", self._place | {"delta": text})

    def keep(self, block: ThinkingBlock) -> None:
        """Take a piece of a block that must come back: text, its signature, or all of a redacted one."""
        last = self._blocks[-1] if self._blocks else None
        if block.type == "redacted_thinking" or last is None or last.type != block.type or last.signature:
            self._blocks.append(
                ThinkingBlock(type=block.type, thinking=block.thinking, signature=block.signature, data=block.data)
            )
            return
        last.thinking = (last.thinking or "") + (block.thinking or "")
        last.signature = block.signature or None

    def finish(self) -> None:
        """Tell that the summary has ended, where there is one."""
        if self._pieces:
            text = "".join(self._pieces)
            self._emit("response.reasoning_summary_text.done", self._place | {"text": text})
            part = {"type": "summary_text", "text": text}
            self._emit("response.reasoning_summary_part.done", self._place | {"part": part})

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        text = "".join(self._pieces)
        return {
            "type": "reasoning",
            "id": self.id,
            "summary": [{"type": "summary_text", "text": text}] if text and status != IN_PROGRESS else [],
            "encrypted_content": None if status == IN_PROGRESS else sealed(self._blocks),
        }


class MessageItem(OpenItem):
    """What a model said: text, or why it refuses, each a part of its own."""

    def __init__(self, item_id: str, index: int, emit: Emit) -> None:
        super().__init__(item_id, index, emit)
        self._done: list[Json] = []
        self._kind: str | None = None  # of the part that is open
        self._pieces: list[str] = []
        self._annotations: list[Json] = []
        self._logprobs: list[Json] = []

    def say(self, text: str, logprobs: list[Json]) -> None:
        """Take a piece of text."""
        self._open("output_text")
        self._pieces.append(text)
        self._logprobs += logprobs
        self._emit("response.output_text.delta", self._at() | {"delta": text, "logprobs": logprobs})

    def hear(self, text: str) -> None:
        """Take a piece of text that was told."""
        self._pieces.append(text)

    def refuse(self, text: str) -> None:
        """Take a piece of a refusal."""
        self._open("refusal")
        self._pieces.append(text)
        self._emit("response.refusal.delta", self._at() | {"delta": text})

    def annotate(self, annotation: Json) -> None:
        """Take a citation in the text."""
        self._open("output_text")
        number = len(self._annotations)
        self._annotations.append(annotation)
        members = self._at() | {"annotation_index": number, "annotation": annotation}
        self._emit("response.output_text.annotation.added", members)

    def finish(self) -> None:
        """Tell that the part which is open has ended."""
        if self._kind is None:
            return
        part, text = self._part(), "".join(self._pieces)
        if self._kind == "refusal":
            self._emit("response.refusal.done", self._at() | {"refusal": text})
        else:
            self._emit("response.output_text.done", self._at() | {"text": text, "logprobs": self._logprobs})
        self._emit("response.content_part.done", self._at() | {"part": part})
        self._done.append(part)
        self._kind = None

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        return {"type": "message", "id": self.id, "status": status, "role": "assistant", "content": list(self._done)}

    def _at(self) -> Json:
        return self.place | {"content_index": len(self._done)}

    def _open(self, kind: str) -> None:
        if self._kind == kind:
            return
        self.finish()
        self._kind, self._pieces, self._annotations, self._logprobs = kind, [], [], []
        self._emit("response.content_part.added", self._at() | {"part": self._part()})

    def _part(self) -> Json:
        text = "".join(self._pieces)
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": text}
        return {
            "type": "output_text",
            "text": text,
            "annotations": list(self._annotations),
            "logprobs": list(self._logprobs),
        }


class CallItem(OpenItem):
    """A call of a function."""

    def __init__(self, item_id: str, index: int, emit: Emit, call_id: str, names: tuple[str, str | None]) -> None:
        super().__init__(item_id, index, emit)
        self._call_id = call_id
        self._name, self._namespace = names
        self.pieces: list[str] = []

    @property
    def whole(self) -> bool:
        """Whether nothing can follow."""
        return is_whole(self.pieces)

    def add(self, arguments: str) -> None:
        """Take a piece of the arguments."""
        self.pieces.append(arguments)
        self._emit("response.function_call_arguments.delta", self.place | {"delta": arguments})

    def finish(self) -> None:
        """Tell that the arguments have ended."""
        given = {"name": self._name, "arguments": "".join(self.pieces)}
        self._emit("response.function_call_arguments.done", self.place | given)

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        return self._named("function_call", {"arguments": "".join(self.pieces), "status": status})

    def _named(self, kind: str, members: Json) -> Json:
        found = {"type": kind, "id": self.id, "call_id": self._call_id, "name": self._name} | members
        return found | {"namespace": self._namespace} if self._namespace else found


class CustomCallItem(CallItem):
    """A call of a custom tool, whose text stands in a JSON string."""

    def __init__(self, item_id: str, index: int, emit: Emit, call_id: str, names: tuple[str, str | None]) -> None:
        super().__init__(item_id, index, emit, call_id, names)
        self._text = InputText()
        self._told: list[str] = []

    def add(self, arguments: str) -> None:
        """Take a piece of the arguments in which the text stands."""
        self.pieces.append(arguments)
        self._tell(self._text.feed(arguments))

    def finish(self) -> None:
        """Tell that the text has ended; all of it at once where it stands otherwise than it should."""
        text = input_of("".join(self.pieces))
        told = "".join(self._told)
        if text.startswith(told):
            self._tell(text[len(told) :])
        self._emit("response.custom_tool_call_input.done", self.place | {"input": text})

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        text = "" if status == IN_PROGRESS else input_of("".join(self.pieces))
        return self._named("custom_tool_call", {"input": text, "status": status})

    def _tell(self, text: str) -> None:
        if text:
            self._told.append(text)
            self._emit("response.custom_tool_call_input.delta", self.place | {"delta": text})


class LocalCallItem(CallItem):
    """A call of a tool that OpenAI has defined: an item with an object, which is told once it is whole."""

    def __init__(self, item_id: str, index: int, emit: Emit, call_id: str, tool: LocalTool) -> None:
        super().__init__(item_id, index, emit, call_id, ("", None))
        self._tool = tool

    def add(self, arguments: str) -> None:
        """Take a piece of the arguments."""
        self.pieces.append(arguments)

    def finish(self) -> None:
        """Tell nothing: the item says it all."""

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        given = self._tool.called("" if status == IN_PROGRESS else "".join(self.pieces))
        return {"type": self._tool.call, "id": self.id, "call_id": self._call_id, "status": status, **given}


class ImageItem(OpenItem):
    """A picture that was made, as base64."""

    def __init__(self, item_id: str, index: int, emit: Emit, data: str) -> None:
        super().__init__(item_id, index, emit)
        self._data = data

    def item(self, status: str) -> Json:
        """Return it as it is now."""
        result = None if status == IN_PROGRESS else self._data
        return {"type": "image_generation_call", "id": self.id, "status": status, "result": result}


def call_item(emit: Emit, ids: tuple[str, int], call: tuple[str, str], book: ToolBook) -> CallItem:
    """Make the item of a call. `ids`: the end of item ids and the index; `call`: the id and the upstream's name."""
    suffix, index = ids
    call_id, told = call
    local = book.local(told)
    if local is not None:
        return LocalCallItem(f"{local.prefix}_{suffix}{index:02x}", index, emit, call_id, local)
    kind, prefix = (CustomCallItem, "ctc") if book.is_custom(told) else (CallItem, "fc")
    return kind(f"{prefix}_{suffix}{index:02x}", index, emit, call_id, book.original(told))
