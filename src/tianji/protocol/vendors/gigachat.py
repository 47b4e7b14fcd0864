"""GigaChat (https://developers.sber.ru/docs/ru/gigachat/api/reference/rest/post-chat): one function a turn, and words.

A schema for the whole answer is a function that has to be called, whose arguments are the answer.
"""

import os
from functools import partial
from typing import Any, Final

import msgspec

from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.chunks import arguments_of
from tianji.protocol.chat.request import Message, Request, Tool, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import decoded_object, function_of, lacking, refuse, without_none
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.chat.words import words_of
from tianji.protocol.loose import objects_of
from tianji.protocol.openai.variant import Json, VariantOutbound, messages_in

SUFFIX: Final = "/chat/completions"
NAME: Final = "GigaChat"
UNSUPPORTED: Final = frozenset(
    {
        "n",
        "stop",
        "seed",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "presence_penalty",
        "frequency_penalty",
        "parallel_tool_calls",
        "modalities",
        "audio",
        "prediction",
        "verbosity",
        "web_search_options",
        "service_tier",
    }
)
_FINISH: Final = {"function_call": "tool_calls", "blacklist": "content_filter", "error": "stop"}


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    usual_values = {"n": 1, "parallel_tool_calls": True}
    said = {name: None for name, value in usual_values.items() if getattr(request, name) == value}
    request = msgspec.structs.replace(request, **said)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    members = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "model": target.model,
            "messages": _messages(request.messages),
            "stream": request.stream,
            "max_tokens": limit,
            "temperature": request.temperature or None,
            "top_p": 0 if request.temperature == 0 else request.top_p,  # a temperature of 0 is refused
            "functions": [found for tool in request.tools or [] if (found := _function(tool, target))] or None,
        }
    )
    members |= _choice(request.tool_choice, members.get("functions"), target)
    answered = _schema(request.response_format, members, target)
    members |= request.extra or {}
    return VariantOutbound(members, SUFFIX, target, partial(usual, answered=answered))


def usual(members: Json, *, answered: str | None) -> Json:
    """Make calls of functions what they are called today; the call of `answered` is the answer itself."""
    for message in messages_in(members):
        call = message.pop("function_call", None)
        message.pop("functions_state_id", None)
        if not isinstance(call, dict):
            continue
        arguments = arguments_of(call.get("arguments"))
        if answered is not None and call.get("name") == answered:
            message["content"] = arguments
            continue
        function = {"name": str(call.get("name") or ""), "arguments": arguments}
        message["tool_calls"] = [
            {"index": 0, "id": f"call_{os.urandom(12).hex()}", "type": "function", "function": function}
        ]
    for choice in objects_of(members.get("choices")):
        reason = choice.get("finish_reason")
        kind = "stop" if reason == "function_call" and answered is not None else reason
        choice["finish_reason"] = _FINISH.get(kind, kind) if isinstance(kind, str) else None
    return members


def _messages(messages: list[Message]) -> list[Json]:
    """Return the turns: one message of the system, which comes first, and each call with its result behind it."""
    system = "\n\n".join(
        words_of(one.content, NAME) for at, one in enumerate(messages) if speaker_of(one, at) == "system"
    )
    results = {
        tool_ids.split(one.tool_call_id or "")[0]: words_of(one.content, NAME)
        for at, one in enumerate(messages)
        if speaker_of(one, at) == "tool"
    }
    found: list[Json] = [{"role": "system", "content": system}] if system else []
    for at, message in enumerate(messages):
        speaker = speaker_of(message, at)
        text = words_of(message.content, NAME)
        if speaker == "user" or (speaker == "assistant" and not message.tool_calls):
            found.append({"role": speaker, "content": text})
        for call in message.tool_calls or ():
            found += _called(call, results.get(tool_ids.split(call.id)[0]), text)
            text = ""
    return found


def _called(call: ToolCall, result: str | None, text: str) -> list[Json]:
    function = function_of(call, NAME)
    arguments = decoded_object(function.arguments) or {}
    said: Json = {"role": "assistant", "content": text}
    turns = [said | {"function_call": {"name": function.name, "arguments": arguments}}]
    if result is not None:
        held = result if decoded_object(result) is not None else msgspec.json.encode({"result": result}).decode()
        turns.append({"role": "function", "name": function.name, "content": held})
    return turns


def _function(tool: Tool, target: Target) -> Json | None:
    if tool.function is None:
        refuse(target, "tools", f"it has no tool of type {tool.type!r}")
        return None
    function = tool.function
    parameters = function.parameters or {"type": "object", "properties": {}}
    return without_none({"name": function.name, "description": function.description, "parameters": parameters})


def _choice(given: Any, functions: list[Json] | None, target: Target) -> Json:
    named = given.get("function") if isinstance(given, dict) else None
    if isinstance(named, dict):
        return {"function_call": {"name": named.get("name")}}
    kind = given.get("type") if isinstance(given, dict) else given
    if kind in ("auto", "none"):
        return {"function_call": kind} if functions else {}
    if kind in ("required", "any") and functions and len(functions) == 1:
        return {"function_call": {"name": functions[0]["name"]}}
    if kind is not None:
        refuse(target, "tool_choice", f"{kind!r} cannot be said where there are several functions")
    return {}


def _schema(form: Json | None, members: Json, target: Target) -> str | None:
    """Ask for a structured answer; return the function that is called for it, None where none is."""
    kind = (form or {}).get("type")
    if form is None or kind == "text":
        return None
    holder = form.get("json_schema")
    if kind != "json_schema" or not isinstance(holder, dict) or members.get("functions"):
        refuse(target, "response_format", "it takes a json_schema, and no other function beside it")
        return None
    name = str(holder.get("name") or "answer")
    described = {"name": name, "description": "Gives the answer.", "parameters": holder.get("schema") or {}}
    members |= {"functions": [described], "function_call": {"name": name}}
    return name
