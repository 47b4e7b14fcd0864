"""Cohere's models on Oracle's Generative AI, whose form is that of Cohere's first API.

https://docs.oracle.com/iaas/api/#/en/generative-ai-inference/20231130/datatypes/CohereChatRequest. The last thing that
the user said, or what tools brought, stands apart from what was said before. Calls have no ids there.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.chunks import arguments_of
from tianji.protocol.chat.request import Message, Request, Tool, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded_object, lacking, refuse, without_none
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.chat.words import words_of
from tianji.protocol.loose import object_of, objects_of
from tianji.protocol.openai.variant import Json, VariantDecoder, VariantOutbound
from tianji.protocol.vendors.oci import COMPARTMENT, SERVING, SUFFIX, usage_of

UNSUPPORTED: Final = frozenset(
    {
        "n",
        "tool_choice",
        "parallel_tool_calls",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "reasoning_effort",
        "web_search_options",
        "service_tier",
    }
)
_ROLES: Final[Mapping[str, str]] = {"user": "USER", "assistant": "CHATBOT", "system": "SYSTEM", "developer": "SYSTEM"}
_FINISH: Final[Mapping[str, str]] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
_TYPES: Final[Mapping[str, str]] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}


class CohereOutbound(VariantOutbound):
    """One request; a stream is read with a memory of what it has said."""

    def stream(self) -> VariantDecoder:
        """Begin to read a streamed answer."""
        return VariantDecoder(self._target, Events())


def outbound(request: Request, target: Target) -> CohereOutbound:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    extra: Json = dict(request.extra or {})
    envelope: Json = {name: extra.pop(name) for name in (COMPARTMENT, SERVING) if name in extra}
    if request.n == 1:
        request = msgspec.structs.replace(request, n=None)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    chat = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "apiFormat": "COHERE",
            **_conversation(request.messages, target),
            "maxTokens": limit,
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "seed": request.seed,
            "frequencyPenalty": request.frequency_penalty,
            "presencePenalty": request.presence_penalty,
            "stopSequences": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            "tools": [found for tool in request.tools or [] if (found := _tool(tool, target)) is not None] or None,
            "responseFormat": _format(request.response_format),
            "isStream": request.stream,
            "streamOptions": {"isIncludeUsage": True} if request.stream else None,
        }
    )
    return CohereOutbound({**envelope, "chatRequest": chat | extra}, SUFFIX, target, usual)


def usual(members: Json) -> Json:
    """Return a whole answer under OpenAI's names."""
    said = members.get("chatResponse")
    if not isinstance(said, dict):
        return members
    message: Json = {"role": "assistant", "content": said.get("text") or None, **_calls(said)}
    choice = {"index": 0, "message": message, "finish_reason": _reason(said, called="tool_calls" in message)}
    return without_none({"choices": [choice], "usage": usage_of(said.get("usage"))})


class Events:
    """Makes events usual: the last one says the whole text again."""

    def __init__(self) -> None:
        self._said = ""
        self._called = False

    def __call__(self, members: Json) -> Json:
        """Return an event under OpenAI's names."""
        if not members.keys() & {"text", "finishReason", "toolCalls", "usage"}:
            return members
        text = members.get("text")
        fresh = text if isinstance(text, str) else ""
        if members.get("finishReason"):
            fresh = fresh[len(self._said) :] if fresh.startswith(self._said) else ""
        self._said += fresh
        delta: Json = {"role": "assistant", **({"content": fresh} if fresh else {}), **_calls(members)}
        self._called = self._called or "tool_calls" in delta
        choice: Json = {"index": 0, "delta": delta}
        if members.get("finishReason"):
            choice["finish_reason"] = _reason(members, called=self._called)
        found = [choice] if len(delta) > 1 or "finish_reason" in choice else []
        return without_none({"choices": found, "usage": usage_of(members.get("usage"))})


def _reason(said: Json, *, called: bool) -> str:
    return "tool_calls" if called else _FINISH.get(str(said.get("finishReason")), "stop")


def _calls(said: Json) -> Json:
    calls = [
        {
            "index": at,
            "id": f"call_{at}",
            "type": "function",
            "function": {"name": str(call.get("name") or ""), "arguments": arguments_of(call.get("parameters") or {})},
        }
        for at, call in enumerate(objects_of(said.get("toolCalls")))
    ]
    return {"tool_calls": calls} if calls else {}


def _conversation(messages: list[Message], target: Target) -> Json:
    """Return what is said now, and what was before."""
    called: dict[str, Json] = {}
    turns: list[Json] = []
    for at, message in enumerate(messages):
        if speaker_of(message, at) == "tool":
            call = called.get(
                tool_ids.split(message.tool_call_id or "")[0], {"name": message.name or "", "parameters": {}}
            )
            result = {"call": call, "outputs": [_brought(message, target)]}
            if turns and turns[-1]["role"] == "TOOL":
                turns[-1]["toolResults"].append(result)
            else:
                turns.append({"role": "TOOL", "toolResults": [result]})
            continue
        turn: Json = {"role": _ROLES[speaker_of(message, at)], "message": words_of(message.content, target.provider)}
        for each in message.tool_calls or ():
            if (made := _call(each)) is not None:
                called[tool_ids.split(each.id)[0]] = made
                turn.setdefault("toolCalls", []).append(made)
        turns.append(turn)
    if turns and turns[-1]["role"] == "USER":
        last = turns.pop()
        return {"message": last["message"], "chatHistory": turns or None}
    if turns and turns[-1]["role"] == "TOOL":
        last = turns.pop()
        return {"message": "", "toolResults": last["toolResults"], "chatHistory": turns or None}
    return {"message": "", "chatHistory": turns or None}


def _brought(message: Message, target: Target) -> Json:
    text = words_of(message.content, target.provider)
    return decoded_object(text) or {"output": text}


def _call(call: ToolCall) -> Json | None:
    if call.function is None:
        return None
    return {"name": call.function.name, "parameters": decoded_object(call.function.arguments) or {}}


def _tool(tool: Tool, target: Target) -> Json | None:
    if tool.function is None:
        refuse(target, "tools", f"it has no tool of type {tool.type!r}")
        return None
    function = tool.function
    told = {"name": function.name, "description": function.description or function.name}
    return without_none(told | {"parameterDefinitions": dict(_parameters(function.parameters or {})) or None})


def _parameters(schema: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    required = schema.get("required")
    for name, each in object_of(schema.get("properties")).items():
        given = object_of(each)
        kind = given.get("type")
        yield (
            name,
            without_none(
                {
                    "type": _TYPES.get(kind, "str") if isinstance(kind, str) else "str",
                    "description": given.get("description"),
                    "isRequired": isinstance(required, list) and name in required,
                }
            ),
        )


def _format(form: Json | None) -> Json | None:
    if form is None or form.get("type") == "text":
        return None
    holder = form.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    return without_none({"type": "JSON_OBJECT", "schema": schema})
