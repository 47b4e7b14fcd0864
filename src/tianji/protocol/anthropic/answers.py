"""A whole message of Anthropic's becomes a completion of the hub (https://docs.anthropic.com/en/api/messages)."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from tianji.protocol.anthropic.finish import finish_reason
from tianji.protocol.anthropic.names import ToolNames
from tianji.protocol.anthropic.structured import JSON_TOOL
from tianji.protocol.anthropic.turns import SERVER_BLOCKS
from tianji.protocol.anthropic.usage import tier_of, usage_of
from tianji.protocol.chat.answer import AnswerMessage, Choice, Completion
from tianji.protocol.chat.citations import page
from tianji.protocol.chat.request import FunctionCall, ThinkingBlock, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded_object, unreadable

Json = dict[str, Any]


class Answer(Struct):
    """What a message says; blocks keep their form."""

    content: list[Json]
    id: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Json | None = None
    container: Json | None = None
    context_management: Json | None = None


_ANSWER = msgspec.json.Decoder(Answer)


def completion_of(body: bytes, names: ToolNames, target: Target, created: int, *, json_mode: bool) -> Completion:
    """Read a message. Raises UpstreamProtocolError for what is none."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(target, str(error), body) from None
    gathered = _Gathered(names, json_mode=json_mode)
    for block in answer.content:
        gathered.take(block)
    message = gathered.message(answer)
    choice = Choice(message=message, finish_reason=finish_reason(answer.stop_reason, json_mode=gathered.answered))
    completion = Completion(id=answer.id, created=created, model=target.model, choices=[choice])
    if answer.usage is not None:
        completion.usage = usage_of(answer.usage)
        completion.service_tier = tier_of(answer.usage) or UNSET
    return completion


class _Gathered:
    """The blocks of a message, by what the hub has for them."""

    def __init__(self, names: ToolNames, *, json_mode: bool) -> None:
        self.answered = False
        self._names = names
        self._json_mode = json_mode
        self._texts: list[str] = []
        self._thoughts: list[ThinkingBlock] = []
        self._calls: list[ToolCall] = []
        self._server: list[Json] = []
        self._citations: list[list[Json]] = []
        self._annotations: list[Json] = []

    def take(self, block: Json) -> None:
        kind = block.get("type")
        if kind == "text":
            self._text(_string(block, "text"), block.get("citations"))
        elif kind == "thinking":
            self._thoughts.append(
                ThinkingBlock(type=kind, thinking=_string(block, "thinking"), signature=_string(block, "signature"))
            )
        elif kind == "redacted_thinking":
            self._thoughts.append(ThinkingBlock(type=kind, data=_string(block, "data")))
        elif kind == "tool_use":
            self._call(block)
        else:  # what a tool of the provider's own did, and whatever comes next
            self._server.append(block)

    def message(self, answer: Answer) -> AnswerMessage:
        found = AnswerMessage(role="assistant", content="".join(self._texts) or None)
        if not self._calls and found.content is None:
            found.content = ""
        if self._calls:
            found.tool_calls = self._calls
        if self._thoughts:
            found.thinking_blocks = self._thoughts
            found.reasoning_content = "".join(block.thinking or "" for block in self._thoughts)
        if self._annotations:
            found.annotations = self._annotations
        if self._server or self._citations or answer.stop_sequence or answer.container or answer.context_management:
            found.provider_specific_fields = {name: value for name, value in self._fields(answer) if value}
        return found

    def _fields(self, answer: Answer) -> Iterator[tuple[str, Any]]:
        """Yield what the hub has no place for."""
        yield SERVER_BLOCKS, self._server
        yield "citations", self._citations
        yield "stop_sequence", answer.stop_sequence
        yield "container", answer.container
        yield "context_management", answer.context_management

    def _text(self, text: str, citations: object) -> None:
        if isinstance(citations, list) and citations:
            start = sum(map(len, self._texts))
            cited = [citation for citation in citations if isinstance(citation, dict)]
            self._citations.append(cited)
            self._annotations += [note for one in cited if (note := annotation(one, start, start + len(text)))]
        self._texts.append(text)

    def _call(self, block: Json) -> None:
        name, given = _string(block, "name"), block.get("input")
        if self._json_mode and name == JSON_TOOL:
            self.answered = True
            self._texts.append(msgspec.json.encode(given).decode())
        elif name in self._names.customs:
            said = given.get("input") if isinstance(given, Mapping) else None
            custom = {"name": self._names.own(name), "input": said if isinstance(said, str) else ""}
            self._calls.append(ToolCall(id=_string(block, "id"), type="custom", custom=custom))
        else:
            arguments = msgspec.json.encode({} if given is None else given).decode()
            function = FunctionCall(self._names.own(name), arguments)
            self._calls.append(ToolCall(id=_string(block, "id"), type="function", function=function))


def annotation(citation: Mapping[str, Any], start: int, end: int) -> Json | None:
    """Return what OpenAI has for a citation of a page; None for one of a document, which has no URL."""
    url = citation.get("url")
    if not isinstance(url, str):
        return None
    return page(url, citation.get("title"), start, end)


def custom_input(arguments: str) -> str:
    """Return the text of a tool that takes a text; the arguments as they are where they hold none."""
    said = (decoded_object(arguments) or {}).get("input")
    return said if isinstance(said, str) else arguments


def _string(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""
