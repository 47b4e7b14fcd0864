"""OpenAI's chat and completions (https://platform.openai.com/docs/api-reference/chat-streaming)."""

from typing import Final

from msgspec.structs import replace

from tianji.cache.replay.reading import DONE, Json, written
from tianji.errors import TianjiError
from tianji.guardrails.content import FUNCTION
from tianji.guardrails.slots.chat import CUSTOM, FRAME
from tianji.guardrails.slots.sheet import listed
from tianji.guardrails.slots.texts import Path
from tianji.guardrails.streaming.events import Event, Name, Piece, Reading, ServerSent
from tianji.guardrails.streaming.forms.form import number, rest
from tianji.protocol.openai_errors import error_event

_OF_CHOICES: Final = frozenset({"delta", "logprobs", "index", "finish_reason", "content_filter_results"})
_OF_DELTAS: Final = frozenset({"role", "content", "tool_calls", "function_call", "tool_call_id"})


class Chat:
    """One stream of chunks."""

    def __init__(self) -> None:
        self.framing = ServerSent()
        self._frame: Json = {}
        self._open: set[int] = {0}  # the choices that have not ended
        self._text = False  # completions say `text`, chat a delta

    def read(self, event: Event) -> Reading:
        """Return what a chunk says."""
        reading = event.reading
        if not isinstance(event.tree, dict):
            reading.pieces += rest(event.tree, (), ("frame",))
            return reading
        self._frame = self._frame or _frame(event.tree)
        if isinstance(event.tree.get("choices"), dict):
            reading.pieces += rest(event.tree["choices"], ("choices",), ("frame",))
        for at, choice in enumerate(listed(event.tree.get("choices"))):
            if isinstance(choice, dict):
                self._text = "text" in choice
                _choice(choice, ("choices", at), ("choice", number(choice.get("index"), at)), reading)
        around = {name: value for name, value in event.tree.items() if name not in FRAME}
        if around:
            reading.pieces += rest(around, (), ("frame",), whole=True)
        return reading

    def passed(self, event: Event) -> None:
        """Take what frames the chunks, and which choices are open."""
        tree = event.tree
        if not isinstance(tree, dict):
            return
        for choice in listed(tree.get("choices")):
            if isinstance(choice, dict):
                index = number(choice.get("index"))
                if choice.get("finish_reason") is None:
                    self._open.add(index)
                else:
                    self._open.discard(index)
        self._frame = _frame(tree)

    def failed(self, error: TianjiError) -> bytes:
        """Return the event of an error."""
        return error_event(error)

    def refused(self, text: str) -> bytes:
        """Return the chunks that end all choices with this text."""
        said = [self._choice(index, text, None) for index in sorted(self._open)]
        ends = [self._choice(index, "", "content_filter") for index in sorted(self._open)]
        return b"".join(written({**self._frame, "choices": [choice]}) for choice in said + ends) + DONE

    def _choice(self, index: int, text: str, reason: str | None) -> Json:
        said: Json = {"text": text} if self._text else {"delta": {"content": text} if text else {}}
        return {"index": index, **said, "finish_reason": reason}


def _frame(chunk: Json) -> Json:
    return {name: value for name, value in chunk.items() if name in FRAME and name not in ("choices", "usage")}


def _choice(choice: Json, path: Path, channel: Path, reading: Reading) -> None:
    echo: Path = (*path, "logprobs") if choice.get("logprobs") else ()
    delta = choice.get("delta")
    if isinstance(delta, dict):
        _delta(delta, (*path, "delta"), channel, echo, reading)
    others = {name: value for name, value in choice.items() if name not in _OF_CHOICES}
    if others:
        reading.pieces += [replace(piece, echo=echo) for piece in rest(others, path, channel)]
    reason = choice.get("finish_reason")
    if reason is not None:
        reading.closed.append(channel)
        if reason in ("tool_calls", "function_call"):
            reading.reason = ((*path, "finish_reason"), "stop")


def _delta(delta: Json, path: Path, channel: Path, echo: Path, reading: Reading) -> None:
    content = delta.get("content")
    if isinstance(content, str):
        reading.pieces.append(Piece((*channel, "content"), (*path, "content"), content, echo=echo))
    elif content is not None:
        reading.pieces += rest(content, (*path, "content"), (*channel, "content"))
    others = {name: value for name, value in delta.items() if name not in _OF_DELTAS}
    if others:
        reading.pieces += rest(others, path, channel)
    for at, call in enumerate(listed(delta.get("tool_calls"))):
        entry: Path = (*path, "tool_calls", at)
        function = call.get("function") if isinstance(call, dict) else None
        custom = call.get("custom") if isinstance(call, dict) else None
        own: Path = (*channel, "call", number(call.get("index"), at) if isinstance(call, dict) else at)
        if isinstance(function, dict):
            _function(function, (*entry, "function"), own, (entry, call.get("id")), reading)
        elif isinstance(custom, dict) and isinstance(custom.get("input", ""), str):
            _custom(custom, (*entry, "custom"), own, (entry, call.get("id")), reading)
        else:
            reading.pieces += rest(call, entry, (*channel, "custom", at))
    function = delta.get("function_call")
    if isinstance(function, dict):
        entry = (*path, "function_call")
        _function(function, entry, (*channel, "call", -1), (entry, None), reading)


def _custom(custom: Json, path: Path, channel: Path, call: tuple[Path, object], reading: Reading) -> None:
    """Read a call whose arguments are a text of any form."""
    _named(custom.get("name"), path, channel, call, CUSTOM, reading)
    if custom.get("input"):
        reading.pieces.append(Piece(channel, (*path, "input"), custom["input"], call=True, entry=call[0]))


def _named(
    name: object, path: Path, channel: Path, call: tuple[Path, object], kinds: tuple[str, ...], reading: Reading
) -> None:
    entry, call_id = call
    if isinstance(name, str) and name:
        own_id = call_id if isinstance(call_id, str) else ""
        reading.names.append(Name(channel, (*path, "name"), name, own_id, entry, kinds))


def _function(function: Json, path: Path, channel: Path, call: tuple[Path, object], reading: Reading) -> None:
    entry, _ = call
    arguments = function.get("arguments")
    _named(function.get("name"), path, channel, call, FUNCTION, reading)
    if isinstance(arguments, str):
        reading.pieces.append(Piece(channel, (*path, "arguments"), arguments, call=True, entry=entry))
    elif arguments is not None:
        reading.pieces += rest(arguments, (*path, "arguments"), (*channel, "object"))
