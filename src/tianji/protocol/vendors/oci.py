"""Oracle's Generative AI (https://docs.oracle.com/iaas/api/#/en/generative-ai-inference/20231130/ChatResult/Chat).

Its form is OpenAI's under other names, with a compartment and a way of serving around it, which the provider gives.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji.errors import InvalidRequest
from tianji.protocol.chat import tool_ids
from tianji.protocol.chat.chunks import arguments_of
from tianji.protocol.chat.request import Message, Part, Request, Tool, ToolCall
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import function_of, lacking, refuse, without_none
from tianji.protocol.chat.turns import speaker_of
from tianji.protocol.loose import objects_of
from tianji.protocol.openai.variant import Json, VariantOutbound

SUFFIX: Final = "/20231130/actions/chat"
COMPARTMENT: Final = "compartmentId"
SERVING: Final = "servingMode"
UNSUPPORTED: Final = frozenset(
    {"logprobs", "top_logprobs", "modalities", "audio", "prediction", "web_search_options", "service_tier"}
)
_FINISH: Final = {"COMPLETE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "TOOL_CALLS": "tool_calls"}
_COUNTS: Final[Mapping[str, str]] = {
    "prompt_tokens": "promptTokens",
    "completion_tokens": "completionTokens",
    "total_tokens": "totalTokens",
}
_DETAILS: Final = (
    ("prompt_tokens_details", "cached_tokens", "promptTokensDetails", "cachedTokens"),
    ("completion_tokens_details", "reasoning_tokens", "completionTokensDetails", "reasoningTokens"),
)


def outbound(request: Request, target: Target) -> VariantOutbound:
    """Write a request. Raises InvalidRequest or UnsupportedParams for what cannot be said."""
    extra: Json = dict(request.extra or {})
    envelope: Json = {name: extra.pop(name) for name in (COMPARTMENT, SERVING) if name in extra}
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    chat = lacking(request, target, UNSUPPORTED) | without_none(
        {
            "apiFormat": "GENERIC",
            "messages": [_message(message, at) for at, message in enumerate(request.messages)],
            "maxCompletionTokens" if target.model.startswith("openai.") else "maxTokens": limit,
            "temperature": request.temperature,
            "topP": request.top_p,
            "topK": request.top_k,
            "numGenerations": request.n,
            "seed": request.seed,
            "frequencyPenalty": request.frequency_penalty,
            "presencePenalty": request.presence_penalty,
            "logitBias": request.logit_bias,
            "stop": [request.stop] if isinstance(request.stop, str) else request.stop or None,
            "reasoningEffort": None if request.reasoning_effort is None else request.reasoning_effort.upper(),
            "verbosity": None if request.verbosity is None else request.verbosity.upper(),
            "isParallelToolCalls": request.parallel_tool_calls,
            "tools": [found for tool in request.tools or [] if (found := _tool(tool, target)) is not None] or None,
            "toolChoice": _choice(request.tool_choice),
            "responseFormat": _format(request.response_format),
            "isStream": request.stream,
            "streamOptions": {"isIncludeUsage": True} if request.stream else None,
        }
    )
    return VariantOutbound({**envelope, "chatRequest": chat | extra}, SUFFIX, target, usual)


def usual(members: Json) -> Json:
    """Return an answer, or an event, under OpenAI's names."""
    said = members.get("chatResponse")
    if isinstance(said, dict):
        choices = [_choice_of(each, "message") for each in objects_of(said.get("choices"))]
        return without_none({"choices": choices, "usage": usage_of(said.get("usage"))})
    if not members.keys() & {"message", "finishReason", "usage"}:
        return members
    choices = [_choice_of(members, "delta")] if members.keys() & {"message", "finishReason"} else []
    return without_none({"choices": choices, "usage": usage_of(members.get("usage"))})


def _message(message: Message, at: int) -> Json:
    speaker = speaker_of(message, at)
    found: Json = {"role": speaker.upper(), "content": _content(message)}
    if speaker == "tool":
        found["toolCallId"] = tool_ids.split(message.tool_call_id or "")[0]
    if message.tool_calls:
        found["toolCalls"] = [_call(call) for call in message.tool_calls]
        if not found["content"]:
            del found["content"]
    return found


def _content(message: Message) -> list[Json]:
    if message.content is None or isinstance(message.content, str):
        return [{"type": "TEXT", "text": message.content}] if message.content else []
    return [found for part in message.content if (found := _part(part)) is not None]


def _part(part: Part) -> Json | None:
    if part.type in ("text", "input_text", "output_text", "refusal"):
        return {"type": "TEXT", "text": part.text or part.refusal or ""}
    if part.type in ("thinking", "redacted_thinking"):
        return None
    if part.type == "image_url" and part.image_url:
        given = {"url": part.image_url} if isinstance(part.image_url, str) else part.image_url
        detail = str(given["detail"]).upper() if given.get("detail") else None
        return {"type": "IMAGE", "imageUrl": without_none({"url": given.get("url"), "detail": detail})}
    raise InvalidRequest(f"A message holds a part of type {part.type!r}, which OCI does not take.", param="messages")


def _call(call: ToolCall) -> Json:
    function = function_of(call, "OCI")
    said = {"name": function.name, "arguments": function.arguments or "{}"}
    return {"id": tool_ids.split(call.id)[0], "type": "FUNCTION", **said}


def _tool(tool: Tool, target: Target) -> Json | None:
    if tool.function is None:
        refuse(target, "tools", f"it has no tool of type {tool.type!r}")
        return None
    function = tool.function
    schema = function.parameters or {"type": "object", "properties": {}}
    described = {"name": function.name, "description": function.description, "parameters": schema}
    return {"type": "FUNCTION", **without_none(described)}


def _choice(given: str | Json | None) -> Json | None:
    if given is None:
        return None
    function = given.get("function") if isinstance(given, dict) else None
    if isinstance(function, dict):
        return {"type": "FUNCTION", "name": function.get("name")}
    kind = str(given if isinstance(given, str) else given.get("type"))
    return {"type": "REQUIRED" if kind == "any" else kind.upper()}


def _format(form: Json | None) -> Json | None:
    if form is None:
        return None
    holder = form.get("json_schema")
    if not isinstance(holder, dict):
        return {"type": str(form.get("type")).upper()}
    named = {"name": holder.get("name"), "schema": holder.get("schema"), "isStrict": holder.get("strict")}
    return {"type": "JSON_SCHEMA", "jsonSchema": without_none(named)}


def _choice_of(said: Json, member: str) -> Json:
    """Return a choice; what is new in an event stands in it as a whole message has it."""
    reason = said.get("finishReason")
    message = said.get("message") if isinstance(said.get("message"), dict) else {}
    found: Json = {"index": said.get("index") if isinstance(said.get("index"), int) else 0}
    found[member] = _said(message, piece=member == "delta")
    if isinstance(reason, str):
        found["finish_reason"] = _FINISH.get(reason, reason.lower())
    return found


def _said(message: Any, *, piece: bool) -> Json:
    texts = [part["text"] for part in objects_of(message.get("content")) if isinstance(part.get("text"), str)]
    found: Json = {"role": "assistant"}
    if texts or not piece:
        found["content"] = "".join(texts) if texts else None
    if isinstance(message.get("reasoningContent"), str):
        found["reasoning_content"] = message["reasoningContent"]
    calls = [_tool_call(call, at, piece=piece) for at, call in enumerate(objects_of(message.get("toolCalls")))]
    return found | {"tool_calls": calls} if calls else found


def _tool_call(call: Json, at: int, *, piece: bool) -> Json:
    function: Json = {name: call[name] for name in ("name",) if isinstance(call.get(name), str)}
    function["arguments"] = arguments_of(call.get("arguments") or ("" if piece else {}))
    found: Json = {"index": at, "function": function}
    if isinstance(call.get("id"), str):
        found |= {"id": call["id"], "type": "function"}
    return found


def usage_of(said: Any) -> Json | None:
    """Return usage under OpenAI's names, None where nothing is said of it."""
    if not isinstance(said, dict):
        return None
    found: Json = {name: said[own] for name, own in _COUNTS.items() if isinstance(said.get(own), int)}
    for details, name, member, own in _DETAILS:
        inner = said.get(member)
        if isinstance(inner, dict) and isinstance(inner.get(own), int):
            found[details] = {name: inner[own]}
    return found
