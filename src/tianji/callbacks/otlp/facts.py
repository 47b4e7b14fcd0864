"""What an event says, under names of our own: what the vocabularies of OpenTelemetry differ in is mostly names."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tianji.callbacks.event import LogEvent
from tianji.callbacks.otlp.conversation import answered
from tianji.callbacks.tools import METHODS, NOTED

Value = str | bool | int | float | tuple[str, ...]
Facts = dict[str, Value]

OPERATIONS: Final = {  # https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ gen_ai.operation.name
    "acompletion": "chat",
    "messages": "chat",
    "responses": "chat",
    "atext_completion": "text_completion",
    "aembedding": "embeddings",
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "call_mcp_tool": "execute_tool",
}
PROVIDERS: Final = {  # the same page: gen_ai.provider.name
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_ASKED: Final = {  # parameters that the vocabularies have names for
    "temperature": float, "top_p": float, "top_k": int, "max_tokens": int, "frequency_penalty": float,
    "presence_penalty": float, "seed": int, "n": int,
}  # fmt: skip
_encode: Final = msgspec.json.Encoder().encode


def facts_of(event: LogEvent) -> Facts:
    """Return what is known of an attempt. Nothing of it was said by the prompt or the answer."""
    usage: Mapping[str, int] = event.metadata["usage_object"]
    found: dict[str, Value | None] = {
        "operation": operation(event),
        "provider": event.custom_llm_provider or None,
        "provider_name": PROVIDERS.get(event.custom_llm_provider, event.custom_llm_provider) or None,
        "model": event.model or event.model_group or None,
        "model_group": event.model_group or None,
        "stream": event.stream,
        "input_tokens": event.prompt_tokens,
        "output_tokens": event.completion_tokens,
        "total_tokens": event.total_tokens,
        "cache_read": usage["cache_read_input_tokens"] or None,
        "cache_write": usage["cache_creation_input_tokens"] or None,
        "reasoning": usage["reasoning_tokens"] or None,
        "cost": event.response_cost,
        "call_id": event.call_id,
        "call_type": event.call_type,
        "id": event.id,
        "session": _session(event),
        "user": event.end_user or event.metadata["user_api_key_user_id"],
        "end_user": event.end_user,
        "team": event.metadata["user_api_key_team_id"],
        "key_alias": event.metadata["user_api_key_alias"],
        "key_hash": event.metadata["user_api_key_hash"] or None,
        "attempt": event.metadata["attempt"],
        "cache_hit": event.cache_hit,
        "tags": event.tags or None,
        "first_token": round(event.response_time, 6) if event.stream and not event.failed else None,
        **_parameters(event.model_parameters),
        **_answer(event),
        **_server(event.api_base),
        **_error(event),
        **_tool(event),
    }
    return {name: value for name, value in found.items() if value is not None}


def operation(event: LogEvent) -> str:
    """Return what was asked for, by the name that the conventions have for it, where they have one."""
    return OPERATIONS.get(event.call_type, event.call_type)


def identity(event: LogEvent) -> Facts:
    """Return whom an event is for, by the names of the payload, and what the client said in its own `metadata`."""
    found: Facts = {}
    for name, value in event.metadata.items():
        if name.startswith("user_api_key_") and isinstance(value, str) and value:
            found[name] = value
    own = event.metadata["requester_metadata"]
    if own:
        found["requester_metadata"] = _encode(own).decode()
    if event.ip:
        found["requester_ip_address"] = event.ip
    if event.agent:
        found["user_agent"] = event.agent
    return found


def renamed(facts: Facts, names: Mapping[str, str]) -> Facts:
    """Return those facts that a vocabulary has names for, under these."""
    return {name: facts[own] for name, own in names.items() if own in facts}


def _session(event: LogEvent) -> str | None:
    own = event.metadata["requester_metadata"].get("session_id")
    return own if isinstance(own, str) else event.trace_id if event.trace_id != event.call_id else None


def _parameters(said: Mapping[str, Any]) -> dict[str, Value | None]:
    found: dict[str, Value | None] = {}
    for name, kind in _ASKED.items():
        value = said.get(name, said.get("max_completion_tokens") if name == "max_tokens" else None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = kind(value)
    stop = said.get("stop", said.get("stop_sequences"))
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if isinstance(stop, list) else ()
    found["stop"] = tuple(one for one in stops if isinstance(one, str)) or None
    tier, encoding = said.get("service_tier"), said.get("encoding_format")
    found["service_tier"] = tier if isinstance(tier, str) else None
    found["encoding_formats"] = (encoding,) if isinstance(encoding, str) else None
    return found


def _answer(event: LogEvent) -> dict[str, Value | None]:
    said = event.response if isinstance(event.response, dict) else {}
    finishes = tuple(message.finish for message in answered(said) if message.finish)
    found: dict[str, Value | None] = {"finish_reasons": finishes or None}
    for name, member in (("response_id", "id"), ("response_model", "model"), ("fingerprint", "system_fingerprint")):
        value = said.get(member)
        found[name] = value if isinstance(value, str) else None
    return found


def method(event: LogEvent) -> str | None:
    """Return what the Model Context Protocol calls it; None for what is nothing of its own."""
    return METHODS.get(event.call_type)


def tool_failed(event: LogEvent) -> bool:
    """Whether a tool says of what it returned that it is an error."""
    said = event.response if event.metadata[NOTED] is not None else None
    return isinstance(said, dict) and said.get("isError") is True


def _tool(event: LogEvent) -> dict[str, Value | None]:
    """Say what of tools is called (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/)."""
    call = event.metadata[NOTED]
    if call is None:
        return {}
    found = {"tool": call["name"], "mcp_method": method(event), "mcp_server": call["mcp_server_name"]}
    found["mcp_session"] = call.get("mcp_session_id")
    return found | ({"error_type": "tool_error"} if tool_failed(event) else {})


def _server(base: str) -> dict[str, Value | None]:
    try:
        parts = urlsplit(base)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return {}
    return {"server": parts.hostname, "port": port if parts.hostname else None}


def _error(event: LogEvent) -> dict[str, Value | None]:
    said = event.error_information or {}
    return {
        "error_type": said.get("error_class") or said.get("error_code"),
        "error_code": said.get("error_code"),
        "error_message": event.error_str,
    }
