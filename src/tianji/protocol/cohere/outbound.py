"""A request in Cohere's form, and its answer in the hub's.

https://docs.cohere.com/reference/chat and https://docs.cohere.com/reference/chat-stream
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tianji.clock import SYSTEM, Clock
from tianji.errors import Header, InvalidRequest
from tianji.protocol.chat import data_urls, tool_ids
from tianji.protocol.chat.answer import Completion
from tianji.protocol.chat.choices import narrowed
from tianji.protocol.chat.documents import plain_of, text_in
from tianji.protocol.chat.effort import thinking_of
from tianji.protocol.chat.request import Message, Part, Request, Tool, ToolCall
from tianji.protocol.chat.seam import Framing, Target
from tianji.protocol.chat.support import function_of, lacking, refuse, without_none
from tianji.protocol.chat.turns import says_nothing, speaker_of
from tianji.protocol.cohere.decoder import Decoder

Json = dict[str, Any]
SUFFIX: Final = "/v2/chat"

# Members of the hub's form that Cohere has nothing for.
UNSUPPORTED: Final = frozenset(
    {
        "n",
        "top_logprobs",
        "logit_bias",
        "prediction",
        "modalities",
        "audio",
        "verbosity",
        "web_search_options",
        "service_tier",
        "parallel_tool_calls",
    }
)
_CHOICES: Final[Mapping[str, str | None]] = {"auto": None, "required": "REQUIRED", "any": "REQUIRED", "none": "NONE"}


def outbound(request: Request, target: Target) -> "CohereOutbound":
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    return CohereOutbound(request, target)


class CohereOutbound:
    """One request to Cohere."""

    framing: Framing = "sse"
    headers: tuple[Header, ...] = ()
    plain = True
    names = True  # answers that have no name
    suffix: str = SUFFIX

    def __init__(self, request: Request, target: Target, clock: Clock = SYSTEM) -> None:
        self._target = target
        self.clock = clock
        self.body = msgspec.json.encode(_body(request, target))

    def answer(self, body: bytes) -> Completion:
        """Read a whole answer. Raises UpstreamProtocolError."""
        return self.stream().whole(body)

    def stream(self) -> Decoder:
        """Begin to read a streamed answer."""
        return Decoder(self._target, self.clock)


def _body(request: Request, target: Target) -> Json:
    usual = {"n": 1, "parallel_tool_calls": True}  # what is done anyway need not be said
    said = {name: None for name, value in usual.items() if getattr(request, name) == value}
    request = narrowed(msgspec.structs.replace(request, **said))
    body = lacking(request, target, UNSUPPORTED)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    body |= without_none(
        {
            "model": target.model,
            "messages": [
                _message(message, at) for at, message in enumerate(request.messages) if not says_nothing(message)
            ],
            "documents": list(_documents(request)) or None,
            "stream": request.stream,
            "max_tokens": limit,
            "temperature": request.temperature,
            "p": request.top_p,
            "k": request.top_k,
            "seed": request.seed,
            "frequency_penalty": request.frequency_penalty,
            "presence_penalty": request.presence_penalty,
            "stop_sequences": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            "logprobs": request.logprobs or None,
            "response_format": _format(request.response_format, target),
            "thinking": _thinking(request),
        }
    )
    tools = [found for tool in request.tools or [] if (found := _tool(tool, target)) is not None]
    if tools:
        body["tools"] = tools
        choice = _choice(request.tool_choice, tools, body, target)
        if choice is not None:
            body["tool_choice"] = choice
    return body | (request.extra or {})


def _documents(request: Request) -> Iterator[Json]:
    """Yield the texts of which the answer is to say what it has from them: they stand apart from the conversation."""
    for message in request.messages:
        for part in message.content if isinstance(message.content, list) else ():
            if _is_cited(part):
                said = {"title": part.title, "text": text_in(part), "context": part.context}
                yield {"data": without_none(said)}


def _is_cited(part: Part) -> bool:
    return part.type == "document" and (part.citations or {}).get("enabled") is True and text_in(part) is not None


def _message(message: Message, at: int) -> Json:
    speaker = speaker_of(message, at)
    if speaker == "tool":
        bare, _ = tool_ids.split(message.tool_call_id or "")
        result = _content(message) or ""
        if not isinstance(result, str):
            raise InvalidRequest("A tool's result holds an image, which Cohere does not take.", param="messages")
        return {"role": "tool", "tool_call_id": bare, "content": result}
    found: Json = {"role": speaker}
    content = _content(message)
    if message.tool_calls:
        found["tool_calls"] = [_call(call) for call in message.tool_calls]
        plan = content if isinstance(content, str) and content else message.reasoning_content
        if plan:
            found["tool_plan"] = plan  # beside calls there is no other place for words
    else:
        found["content"] = content or message.refusal or ""
    return found


def _content(message: Message) -> str | list[Json] | None:
    if message.content is None or isinstance(message.content, str):
        return message.content
    plain = (one for part in message.content if not _is_cited(part) for one in plain_of(part))
    parts = [found for part in plain if (found := _part(part)) is not None]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Part) -> Json | None:
    if part.type in ("text", "input_text", "output_text", "refusal"):
        text = part.text or part.refusal
        return {"type": "text", "text": text} if text else None
    if part.type in ("thinking", "redacted_thinking"):
        return None
    if part.type == "image_url" and part.image_url:
        given = {"url": part.image_url} if isinstance(part.image_url, str) else part.image_url
        kept = {name: given[name] for name in ("url", "detail") if name in given}
        return {"type": "image_url", "image_url": kept}
    if part.type == "file" and (text := _text_of(part.file or {})) is not None:
        return {"type": "text", "text": text}
    raise InvalidRequest(f"A message holds a part of type {part.type!r}, which Cohere does not take.", param="messages")


def _text_of(file: Json) -> str | None:
    """Return the text of a file that is one; Cohere reads no other."""
    data = file.get("file_data")
    found = data_urls.inline(data, file.get("format")) if isinstance(data, str) else None
    return data_urls.text_of(found) if found is not None and found.media_type.startswith("text/") else None


def _call(call: ToolCall) -> Json:
    function = function_of(call, "Cohere")
    said = {"name": function.name, "arguments": function.arguments or "{}"}
    return {"id": tool_ids.split(call.id)[0], "type": "function", "function": said}


def _tool(tool: Tool, target: Target) -> Json | None:
    if tool.function is None:
        refuse(target, "tools", f"it has no tool of type {tool.type!r}")
        return None
    function = without_none(
        {
            "name": tool.function.name,
            "description": tool.function.description,
            "parameters": tool.function.parameters or {"type": "object", "properties": {}},
        }
    )
    return {"type": "function", "function": function}


def _choice(given: str | Json | None, tools: list[Json], body: Json, target: Target) -> str | None:
    """Return Cohere's choice: it can force a call, and of one function when that is the only one it is told of."""
    kind = given if isinstance(given, str) else (given or {}).get("type")
    function = (given or {}).get("function") if isinstance(given, dict) else None
    if isinstance(function, dict):
        body["tools"] = [tool for tool in tools if tool["function"]["name"] == function.get("name")] or tools
        return "REQUIRED"
    if kind is None or kind in _CHOICES:
        return None if kind is None else _CHOICES[kind]
    refuse(target, "tool_choice", f"{kind!r} cannot be said")
    return None


def _format(form: Json | None, target: Target) -> Json | None:
    """https://docs.cohere.com/docs/structured-outputs: a schema stands beside the type of any JSON object."""
    kind = (form or {}).get("type")
    if form is None or kind == "text":
        return None
    if kind not in ("json_object", "json_schema"):
        refuse(target, "response_format", f"its type {kind!r} is unknown")
        return None
    holder = form.get("json_schema")
    schema = holder.get("schema") if kind == "json_schema" and isinstance(holder, dict) else form.get("schema")
    return {"type": "json_object"} | ({"json_schema": schema} if isinstance(schema, dict) else {})


def _thinking(request: Request) -> Json | None:
    """https://docs.cohere.com/docs/reasoning."""
    thinking = thinking_of(request)
    if thinking is None:
        return None
    if not thinking.on:
        return {"type": "disabled"}
    return {"type": "enabled"} | ({"token_budget": thinking.budget} if thinking.budget else {})
