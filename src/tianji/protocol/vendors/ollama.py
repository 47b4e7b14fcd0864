"""Ollama's own chat (https://github.com/ollama/ollama/blob/main/docs/api.md): `/api/chat`, a JSON object a line.

Ollama puts a conversation into the model's own template, so what LiteLLM sends to `/api/generate` goes here too.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header, InvalidRequest
from tianji.protocol.chat import data_urls, tool_ids
from tianji.protocol.chat.answer import Chunk, Completion, Delta
from tianji.protocol.chat.chunks import Chunks, arguments_of
from tianji.protocol.chat.effort import thinking_of
from tianji.protocol.chat.request import Message, Request, Tool
from tianji.protocol.chat.seam import Framing, StreamFailed, Target
from tianji.protocol.chat.support import decoded_object, lacking, refuse, unreadable, without_none
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.vendors.think_tags import ThinkTags

Json = dict[str, Any]
SUFFIX: Final = "/api/chat"
UNSUPPORTED: Final = frozenset(
    {
        "n",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "parallel_tool_calls",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "web_search_options",
        "service_tier",
    }
)
_ABOVE: Final = frozenset({"keep_alive", "format", "think", "template"})  # members that are no option of the model
_FINISH: Final[Mapping[str, str]] = {"stop": "stop", "load": "stop", "unload": "stop", "length": "length"}
_EFFORTS: Final = frozenset({"low", "medium", "high"})
_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


def outbound(request: Request, target: Target) -> "OllamaOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return OllamaOutbound(request, target)


class OllamaOutbound:
    """One request to Ollama."""

    framing: Framing = "json-lines"
    headers: tuple[Header, ...] = ()
    suffix: str = SUFFIX

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self._clock = clock
        self.body = msgspec.json.encode(_body(request, target))

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return self.stream().whole(body)

    def stream(self) -> "Decoder":
        """Begin to read a streamed answer."""
        return Decoder(self._target, self._clock)


def _body(request: Request, target: Target) -> Json:
    usual = {"n": 1, "parallel_tool_calls": True}  # what is done anyway need not be said
    said = {name: None for name, value in usual.items() if getattr(request, name) == value}
    request = msgspec.structs.replace(request, **said)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    extra = request.extra or {}
    options = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "num_predict": limit,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": request.top_k,
            "seed": request.seed,
            "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
            "stop": [request.stop] if isinstance(request.stop, str) else request.stop or None,
        }
    )
    options |= {name: value for name, value in extra.items() if name not in _ABOVE}
    tools = [_tool(tool, target) for tool in request.tools or []]
    return without_none(
        {
            "model": target.model,
            "messages": _messages(request.messages),
            "stream": bool(request.stream),  # unasked, Ollama streams
            "tools": None if _forbids(request.tool_choice, target) else [tool for tool in tools if tool] or None,
            "format": _format(request.response_format, target),
            "think": _think(request, target),
            "options": options or None,
            **{name: value for name, value in extra.items() if name in _ABOVE},
        }
    )


def _messages(messages: list[Message]) -> list[Json]:
    names: dict[str, str] = {}  # of calls, by their ids, which Ollama does not know
    found: list[Json] = []
    for at, message in enumerate(messages):
        text, images = _content(message)
        said: Json = {"role": speaker_of(message, at), "content": text}
        if images:
            said["images"] = images
        if message.reasoning_content and said["role"] == "assistant":
            said["thinking"] = message.reasoning_content
        calls = [call for call in message.tool_calls or [] if call.function is not None]
        names.update({tool_ids.split(call.id)[0]: call.function.name for call in calls if call.function})
        if calls:
            said["tool_calls"] = [
                {"function": {"name": call.function.name, "arguments": decoded_object(call.function.arguments) or {}}}
                for call in calls
                if call.function is not None
            ]
        if said["role"] == "tool":
            name = message.name or names.get(tool_ids.split(message.tool_call_id or "")[0])
            said |= without_none({"tool_name": name})
        found.append(said)
    return found


def _content(message: Message) -> tuple[str, list[str]]:
    if message.content is None or isinstance(message.content, str):
        return message.content or "", []
    texts: list[str] = []
    images: list[str] = []
    for part in message.content:
        if part.type in ("text", "input_text", "output_text", "refusal"):
            texts.append(part.text or part.refusal or "")
        elif part.type == "image_url" and part.image_url:
            url = part.image_url if isinstance(part.image_url, str) else str(part.image_url.get("url", ""))
            image = data_urls.inline(url)
            if image is None:
                raise InvalidRequest("Ollama takes images as data URLs only: send the image itself.", param="messages")
            images.append(image.data)
        elif part.type not in ("thinking", "redacted_thinking"):
            raise InvalidRequest(
                f"A message holds a part of type {part.type!r}, which Ollama does not take.", param="messages"
            )
    return "".join(texts), images


def _tool(tool: Tool, target: Target) -> Json | None:
    if tool.function is None:
        refuse(target, "tools", f"it has no tool of type {tool.type!r}")
        return None
    function = tool.function
    schema = function.parameters or {"type": "object", "properties": {}}
    described = {"name": function.name, "description": function.description, "parameters": schema}
    return {"type": "function", "function": without_none(described)}


def _forbids(choice: str | Json | None, target: Target) -> bool:
    """Tell whether no tool may be called; that one has to be is nothing that Ollama can be told."""
    kind = choice if isinstance(choice, str) or choice is None else choice.get("type")
    if kind not in (None, "auto", "none"):
        refuse(target, "tool_choice", f"{kind!r} cannot be said")
    return kind == "none"


def _format(form: Json | None, target: Target) -> str | Json | None:
    kind = (form or {}).get("type")
    if form is None or kind == "text":
        return None
    holder = form.get("json_schema")
    if kind == "json_schema" and isinstance(holder, dict) and isinstance(holder.get("schema"), dict):
        schema: Json = holder["schema"]
        return schema
    if kind not in ("json_object", "json_schema"):
        refuse(target, "response_format", f"its type {kind!r} is unknown")
        return None
    return "json"


def _think(request: Request, target: Target) -> bool | str | None:
    """https://docs.ollama.com/capabilities/thinking: gpt-oss is told how much, the others whether."""
    thinking = thinking_of(request)
    if thinking is None:
        return None
    if thinking.on and "gpt-oss" in target.model:
        effort = "low" if thinking.effort == "minimal" else thinking.effort
        return effort if effort in _EFFORTS else "high"
    return thinking.on


class _Function(Struct):
    name: str = ""
    arguments: Any = None


class _Call(Struct):
    function: _Function


class _Message(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Event(Struct):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: _Count | None = None
    eval_count: _Count | None = None
    error: Any = None


class Decoder:
    """Reads one answer; a whole one is a stream of one piece."""

    def __init__(self, target: Target, clock: Clock) -> None:
        self.done = False
        self.finished = False
        self._target = target
        self._chunks = Chunks(target, clock)
        self._tags = ThinkTags()
        self._last = _Event()

    def event(self, name: str, payload: bytes) -> Iterable[Chunk]:  # noqa: ARG002  lines have no names
        """Take one line. Raises StreamFailed for an error, UpstreamProtocolError for what is no answer."""
        event = self._chunks.read(payload, _Event)
        if event.error:
            raise StreamFailed(payload)
        found = [] if event.message is None else self._chunks.said(self._said(event.message))
        if event.done:
            self.done = self.finished = True
            self._last = event
        return found

    def end(self) -> Iterable[Chunk]:
        """Return what was held back, the finish reason and the usage."""
        rest = self._chunks.said(self._tags.rest())
        if not self.finished:
            return rest
        last = self._last
        made = last.eval_count
        read = last.prompt_eval_count or (0 if made is not None else None)  # a prompt that was cached is not counted
        return [*rest, *self._chunks.ended(last.done_reason or "stop", _FINISH, read, made)]

    def whole(self, body: bytes) -> Completion:
        """Read a whole answer."""
        said = [*self.event("", body), *self.end()]
        if not self.finished:
            raise unreadable(self._target, "it does not say that it is done", body)
        return self._chunks.whole(said, body)

    def _said(self, message: _Message) -> Delta:
        delta = self._tags.sort(message.content) if message.content else Delta()
        if message.thinking:
            delta.reasoning_content = (delta.reasoning_content or "") + message.thinking
        if message.tool_calls:
            delta.tool_calls = [
                self._chunks.call(call.function.name, arguments_of(call.function.arguments))
                for call in message.tool_calls
            ]
        return delta
