"""What a guardrail sees of a request or an answer: its texts in order, whatever form they came in.

Whoever reads a body makes a Content of it (`slots`), and knows by the same positions where a changed text belongs.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct


class Direction(StrEnum):
    """Which way a content goes; the values are what vendors' documents call it most."""

    REQUEST = "request"
    RESPONSE = "response"


class Kind(StrEnum):
    """What a text is in its message."""

    SAID = "said"
    INSTRUCTIONS = "instructions"  # system and developer messages, wherever the dialect puts them
    TOOL_RESULT = "tool_result"
    TOOL_ARGUMENTS = "tool_arguments"  # one leaf of the JSON that a model calls a tool with
    DESCRIPTION = "description"  # what a declared tool, or a schema of the answer, says of itself


class Text(Struct, frozen=True):
    """One text. Offsets into it count code points, as `str` does.

    message: the number of the message it belongs to, from 0; several texts of one message are its parts
    fixed: it holds names and numbers of arguments; who wants it changed has the content refused
    """

    text: str
    role: str = "user"
    kind: Kind = Kind.SAID
    message: int = 0
    fixed: bool = False


FUNCTION: Final[tuple[str, ...]] = ("function",)
"""The type of tools that clients describe by a schema."""


class ToolCall(Struct, frozen=True):
    """A call of a tool that a model made. `arguments`: its JSON text as the model wrote it, or a text of any form.

    kinds: what requests call the type of such a tool, the newest name first
    """

    name: str
    arguments: str
    id: str = ""
    message: int = 0
    kinds: tuple[str, ...] = FUNCTION


class Content(Struct, frozen=True):
    """Everything that is in scope of one check.

    images: URLs or data URIs; files: other attachments that are no text, as data URIs, or by their address or id
    tools: what the request declares, in OpenAI's form; calls: what a model called
    asked: of an answer, the texts of the request it answers
    whole: False while a stream is still going on
    """

    direction: Direction
    texts: tuple[Text, ...]
    images: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()
    calls: tuple[ToolCall, ...] = ()
    asked: tuple[Text, ...] = ()
    whole: bool = True

    @property
    def answers(self) -> bool:
        """Whether this is what a model said, not what it was asked."""
        return self.direction is Direction.RESPONSE

    @property
    def spoken(self) -> tuple[Text, ...]:
        """Return the texts without what tools say of themselves."""
        return tuple(text for text in self.texts if text.kind is not Kind.DESCRIPTION)

    def joined(self, separator: str = "\n") -> str:
        """Return all texts as one."""
        return separator.join(text.text for text in self.texts)

    def last_turn(self, separator: str = " ") -> str:
        """Return what the last message says, of a request the last one of the user; empty where there is none."""
        own = [text for text in self.texts if self.answers or (text.role == "user" and text.kind is Kind.SAID)]
        return separator.join(text.text for text in own if text.message == own[-1].message)

    def messages(self, separator: str = "\n") -> list[dict[str, str]]:
        """Return the texts as chat messages: `{"role", "content"}`, of an answer with what was asked before it."""
        return _messages(self.asked, separator) + _messages(self.texts, separator)

    def turns(self) -> list[dict[str, str]]:
        """Return each text as a chat message of its own, of an answer after what was asked.

        So the last messages are the texts, position by position, for vendors that send changed messages back.
        """
        return [{"role": text.role, "content": text.text} for text in (*self.asked, *self.texts)]


def _messages(texts: tuple[Text, ...], separator: str) -> list[dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for text in texts:
        message = found.get(text.message)
        if message is None:
            found[text.message] = {"role": text.role, "content": text.text}
        else:
            message["content"] += separator + text.text
    return list(found.values())
