"""OpenTelemetry's own words for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/).

`USUAL` are those that LiteLLM's proxy uses, `LATEST` those of the conventions as they stand now, for who opts in.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.conversation import Message, answered, asked
from tianji.callbacks.otlp.facts import Facts, facts_of, identity, operation, renamed
from tianji.callbacks.otlp.span import Vocabulary
from tianji.callbacks.tools import NOTED

_COMMON: Final = {
    "gen_ai.operation.name": "operation",
    "gen_ai.request.model": "model",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.response.id": "response_id",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.finish_reasons": "finish_reasons",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.cost.total_cost": "cost",
    "litellm.call_id": "call_id",
    "litellm.model_group": "model_group",
    "litellm.provider.model": "model",
    "litellm.attempt": "attempt",
    "litellm.cache_hit": "cache_hit",
    "litellm.request_tags": "tags",
    "server.address": "server",
    "server.port": "port",
    "error.type": "error_type",
    "error.message": "error_message",
    "error.code": "error_code",
    "session.id": "session",
    "gen_ai.tool.name": "tool",
    "mcp.method.name": "mcp_method",
    "mcp.session.id": "mcp_session",
    "litellm.mcp.server.name": "mcp_server",
}
_USUAL: Final = _COMMON | {
    "gen_ai.system": "provider",
    "gen_ai.request.id": "id",
    "gen_ai.usage.total_tokens": "total_tokens",
    "gen_ai.openai.request.service_tier": "service_tier",
    "llm.request.type": "call_type",
    "llm.is_streaming": "stream",
    "llm.user": "user",
}
_LATEST: Final = _COMMON | {
    "gen_ai.provider.name": "provider_name",
    "gen_ai.request.frequency_penalty": "frequency_penalty",
    "gen_ai.request.presence_penalty": "presence_penalty",
    "gen_ai.request.top_k": "top_k",
    "gen_ai.request.seed": "seed",
    "gen_ai.request.stop_sequences": "stop",
    "gen_ai.request.choice.count": "n",
    "gen_ai.request.encoding_formats": "encoding_formats",
    "gen_ai.request.stream": "stream",
    "gen_ai.usage.cache_read.input_tokens": "cache_read",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write",
    "gen_ai.response.time_to_first_chunk": "first_token",
    "gen_ai.conversation.id": "session",
    "openai.request.service_tier": "service_tier",
    "openai.response.system_fingerprint": "fingerprint",
}
_encode: Final = msgspec.json.Encoder().encode


def usual(event: LogEvent, content: bool) -> Facts:
    """Return the attributes that LiteLLM's proxy writes."""
    found = _told(event, _USUAL)
    if content:
        found |= _said(event)
        for i, function in enumerate(_functions(event.model_parameters)):
            found |= {f"llm.request.functions.{i}.{name}": value for name, value in function.items()}
        for i, call in enumerate(call for message in answered(event.response) for call in message.calls):
            found[f"gen_ai.completion.{i}.function_call.name"] = call.name
            found[f"gen_ai.completion.{i}.function_call.arguments"] = call.arguments
    return found


def latest(event: LogEvent, content: bool) -> Facts:
    """Return the attributes of the conventions as they stand now."""
    found = _told(event, _LATEST)
    if content:
        found |= _said(event)
        tools = event.model_parameters.get("tools")
        if isinstance(tools, list) and tools:
            found["gen_ai.tool.definitions"] = _encode(tools).decode()
    return found


def _told(event: LogEvent, names: Mapping[str, str]) -> Facts:
    found = renamed(facts_of(event), names)
    found |= {f"metadata.{name}": value for name, value in identity(event).items()}
    if event.model_id:
        found["hidden_params"] = _encode({"model_id": event.model_id, "api_base": event.api_base}).decode()
    return found


def _said(event: LogEvent) -> Facts:
    """Return the messages, in the form of the conventions: lists of roles and parts, as JSON."""
    questions, answers = asked(event.messages), answered(event.response)
    instructions = event.model_parameters.get("system", event.model_parameters.get("instructions"))
    call = event.metadata[NOTED]
    if call is not None:
        told = {"gen_ai.tool.call.arguments": call["arguments"], "gen_ai.tool.call.result": call["result"]}
        return {name: _encode(value).decode() for name, value in told.items() if value is not None}
    found: Facts = {}
    if questions:
        found["gen_ai.input.messages"] = _encode([formed(message) for message in questions]).decode()
    if answers:
        found["gen_ai.output.messages"] = _encode([formed(message) for message in answers]).decode()
    if isinstance(instructions, str) and instructions:
        found["gen_ai.system_instructions"] = _encode([{"type": "text", "content": instructions}]).decode()
    return found


def formed(message: Message) -> dict[str, Any]:
    """Return a message as the conventions have it: a role and parts."""
    made: dict[str, Any] = {"role": message.role, "parts": list(_parts(message))}
    return made | ({"finish_reason": message.finish} if message.finish else {})


def _parts(message: Message) -> Iterable[dict[str, Any]]:
    if message.answers is not None:
        yield {"type": "tool_call_response", "id": message.answers, "response": message.text}
        return
    yield from ({"type": "text", "content": text} for text in message.texts)
    yield from ({"type": "uri", "modality": "image", "uri": address} for address in message.images)
    for call in message.calls:
        yield {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}


def _functions(parameters: Mapping[str, Any]) -> Iterable[Facts]:
    tools = parameters.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        named = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(named, dict) and isinstance(named.get("name"), str):
            schema = named.get("parameters", named.get("input_schema", {}))
            yield {
                "name": named["name"],
                "description": str(named.get("description") or ""),
                "parameters": _encode(schema).decode(),
            }


def _named(event: LogEvent) -> str:
    own = event.metadata["requester_metadata"].get("generation_name")
    return own if isinstance(own, str) and own else "litellm_request"


def _path(event: LogEvent) -> str:
    return "request" if event.trace is None else f"{event.trace.method} {event.trace.path}"


USUAL: Final = Vocabulary(usual, title=_named)
LATEST: Final = Vocabulary(
    latest, title=lambda event: f"{operation(event)} {event.model or event.model_group}".strip(), request_title=_path
)
