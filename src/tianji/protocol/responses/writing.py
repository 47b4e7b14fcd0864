"""A chat request of the hub as one of the Responses API.

https://platform.openai.com/docs/guides/migrate-to-responses. Functions are strict there unless they say otherwise, and
responses are stored; chat has it the other way round.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tianji.errors import InvalidRequest
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.choices import allowed_in
from tianji.protocol.chat.effort import thinking_of
from tianji.protocol.chat.request import Message, Part, Request, Tool
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import lacking, refuse, without_none
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.loose import object_of
from tianji.protocol.responses.thoughts import item_of

_UNSUPPORTED: Final = frozenset(
    {
        "stop",
        "logit_bias",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "modalities",
        "audio",
        "prediction",
        "top_k",
    }
)
_USER_AT_MOST: Final = 64  # characters
_SEALED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"


def body_of(request: Request, target: Target) -> dict[str, Any]:
    """Return the body. Raises InvalidRequest and UnsupportedParams for what the form cannot say."""
    sent = lacking(request, target, _UNSUPPORTED)
    if request.n not in (None, 1):
        sent |= lacking(request, target, frozenset({"n"}))
    instructions, taken = _instructions(request.messages)
    body = without_none(
        {
            "model": target.model,
            "input": list(_items(request.messages, taken)),
            "instructions": instructions,
            "max_output_tokens": request.max_completion_tokens or request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_logprobs": request.top_logprobs,
            "reasoning": _reasoning(request),
            "text": _text(request) or None,
            "tools": [*map(_tool, request.tools or ()), *_search(request, target)] or None,
            "tool_choice": _choice(request),
            "parallel_tool_calls": request.parallel_tool_calls,
            "user": request.user[:_USER_AT_MOST] if request.user else None,
            "safety_identifier": request.safety_identifier,
            "service_tier": request.service_tier,
            "prompt_cache_key": request.prompt_cache_key,
            "metadata": request.metadata if request.store else None,
            "store": bool(request.store),
            "stream": request.stream,
        }
    )
    include = [_LOGPROBS] if request.logprobs else []
    if not request.store and ("reasoning" in body or any(item["type"] == "reasoning" for item in body["input"])):
        include.append(_SEALED)  # who stores nothing has to hand it back
    if include:
        body["include"] = include
    return body | sent | (request.extra or {})


def _instructions(messages: list[Message]) -> tuple[str | None, int]:
    """Return what stands before the conversation, and in how many messages; something has to be left of it."""
    first: list[str] = []
    for message in messages[:-1]:
        if message.role not in ("system", "developer") or not isinstance(message.content, str):
            break
        first.append(message.content)
    return "\n\n".join(first) or None, len(first)


def _items(messages: list[Message], first: int) -> Iterator[dict[str, Any]]:
    custom: set[str] = set()  # the ids of calls whose results are named otherwise
    for number, message in enumerate(messages[first:], first):
        place = f"messages.{number}"
        speaker = speaker_of(message, number)
        if speaker == "tool":
            yield _result(message, custom, place)
        elif speaker == "assistant":
            yield from _said(message, custom, place)
        else:
            content = message.content
            parts = content if isinstance(content, str) else [_part(part, place) for part in content or ()]
            yield {"type": "message", "role": message.role, "content": parts}


def _result(message: Message, custom: set[str], place: str) -> dict[str, Any]:
    call_id = tool_ids.split(message.tool_call_id or message.name or "")[0]
    content = message.content
    output = content if isinstance(content, str) else [_part(part, place) for part in content or ()]
    kind = "custom_tool_call_output" if call_id in custom else "function_call_output"
    return {"type": kind, "call_id": call_id, "output": output}


def _said(message: Message, custom: set[str], place: str) -> Iterator[dict[str, Any]]:
    yield from filter(None, map(item_of, message.thinking_blocks or ()))
    content = list(_spoken(message, place))
    if content:
        yield {"type": "message", "role": "assistant", "content": content}
    for call in message.tool_calls or ():
        call_id = tool_ids.split(call.id)[0]
        if call.custom is not None:
            custom.add(call_id)
            given = {"name": call.custom.get("name"), "input": call.custom.get("input") or ""}
            yield {"type": "custom_tool_call", "call_id": call_id} | given
        elif call.function is not None:
            named = {"name": call.function.name, "arguments": call.function.arguments or "{}"}
            yield {"type": "function_call", "call_id": call_id} | named


def _spoken(message: Message, place: str) -> Iterator[dict[str, Any]]:
    parts = [Part(type="text", text=message.content)] if isinstance(message.content, str) else message.content or ()
    for part in parts:
        if part.type == "refusal":
            yield {"type": "refusal", "refusal": part.refusal or ""}
        elif part.type == "text":
            if part.text:
                yield {"type": "output_text", "text": part.text}
        elif part.type not in ("thinking", "redacted_thinking"):
            raise _unfit(part, place)
    if message.refusal:
        yield {"type": "refusal", "refusal": message.refusal}


def _part(part: Part, place: str) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "input_text", "text": part.text or ""}
    if part.type == "image_url" and part.image_url is not None:
        image = {"url": part.image_url} if isinstance(part.image_url, str) else part.image_url
        return without_none({"type": "input_image", "image_url": image.get("url"), "detail": image.get("detail")})
    if part.type == "file" and part.file is not None:
        if _is_address(part.file.get("file_id")):
            return {"type": "input_file", "file_url": part.file["file_id"]}
        given = {name: part.file.get(name) for name in ("file_id", "file_data", "filename")}
        return without_none({"type": "input_file"} | given)
    if part.type == "input_audio" and part.input_audio is not None:
        return {"type": "input_audio", "input_audio": part.input_audio}
    if part.type == "document" and part.source is not None and part.source.get("type") == "url":
        return {"type": "input_file", "file_url": part.source.get("url")}
    raise _unfit(part, place)


def _is_address(file_id: object) -> bool:
    """Tell whether a file is named by where it lies, as clients of chat may where a provider fetches files."""
    return isinstance(file_id, str) and file_id.startswith(("https://", "http://"))


def _reasoning(request: Request) -> dict[str, Any] | None:
    thinking = thinking_of(request)
    effort = request.reasoning_effort or (thinking.effort if thinking else None)
    return {"effort": effort} if effort else None


def _text(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted = request.response_format
    if wanted is not None:
        schema = wanted.get("json_schema")
        found["format"] = {"type": wanted.get("type")} | object_of(schema)
    if request.verbosity is not None:
        found["verbosity"] = request.verbosity
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.function is not None:
        function = tool.function
        return {
            "type": "function",
            "name": function.name,
            "description": function.description,
            "parameters": function.parameters or {"type": "object", "properties": {}},
            "strict": bool(function.strict),
        }
    if tool.custom is not None:
        return {"type": "custom"} | tool.custom | _format(tool.custom.get("format"))
    return tool.provided or {"type": tool.type}


def _format(given: object) -> dict[str, Any]:
    """Return the format of a custom tool; chat has a grammar one level deeper."""
    if not isinstance(given, Mapping) or not isinstance(grammar := given.get("grammar"), Mapping):
        return {}
    return {"format": {"type": "grammar", **grammar}}


def _search(request: Request, target: Target) -> list[dict[str, Any]]:
    options = request.web_search_options
    if options is None:
        return []
    tool: dict[str, Any] = {"type": "web_search"}
    if size := options.get("search_context_size"):
        tool["search_context_size"] = size
    location = options.get("user_location")
    if isinstance(location, dict):
        tool["user_location"] = {"type": "approximate"} | (location.get("approximate") or {})
    if isinstance(filters := options.get("filters"), dict):
        if filters.get("blocked_domains"):
            refuse(target, "web_search_options", "it cannot be kept out of some places of the web")
        if allowed := filters.get("allowed_domains"):
            tool["filters"] = {"allowed_domains": allowed}
    return [tool]


def _choice(request: Request) -> str | dict[str, Any] | None:
    choice = request.tool_choice
    if choice is None or isinstance(choice, str) or not request.tools:
        return choice if isinstance(choice, str) and request.tools else None
    if (allowed := allowed_in(choice)) is not None:
        return {
            "type": "allowed_tools",
            "mode": allowed.get("mode"),
            "tools": list(map(_flat, allowed.get("tools") or ())),
        }
    return _flat(choice)


def _flat(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice of one tool; chat has its name one level deeper."""
    kind = choice.get("type")
    inner = choice.get(kind) if isinstance(kind, str) else None
    return {"type": kind, "name": inner.get("name")} if isinstance(inner, dict) else choice


def _unfit(part: Part, place: str) -> InvalidRequest:
    return InvalidRequest(f"{place}: a part of type {part.type!r} cannot be given to this model", param=place)
