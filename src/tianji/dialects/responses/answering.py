"""The response object (https://platform.openai.com/docs/api-reference/responses/object)."""

import hashlib
from functools import cached_property
from typing import Final

import msgspec
from msgspec import Struct

from tianji.dialects.responses.items import Json
from tianji.protocol.chat.answer import Usage
from tianji.protocol.responses.request import CreateResponse

# finish_reason: why a response is incomplete; any other reason means that it is complete
_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Name(Struct, frozen=True):
    """What one response is called, and when it was made, in seconds since 1970. suffix: makes ids in it unique."""

    id: str
    suffix: str
    created: int


class Settings:
    """The members of a response that say how it was asked for."""

    def __init__(self, asked: CreateResponse) -> None:
        self._members = _members_of(asked)

    @cached_property
    def digest(self) -> bytes:
        """What they are, in short."""
        return hashlib.sha256(msgspec.json.encode(self._members)).digest()

    def response(self, name: Name, status: str, model: str, output: list[Json]) -> Json:
        """Return a response object without usage and error."""
        own = {"id": name.id, "created_at": name.created, "status": status, "model": model, "output": output}
        return self._members | own


def outcome(finish_reason: str | None) -> tuple[str, Json | None]:
    """Return the status of an answer that ended, and the `incomplete_details`; without a reason it is not complete."""
    if finish_reason is None:
        return "incomplete", None
    reason = _INCOMPLETE.get(finish_reason)
    return ("incomplete", {"reason": reason}) if reason else ("completed", None)


def usage_of(usage: Usage) -> Json:
    """Return the tokens as this form names them."""
    prompt = usage.prompt_tokens_details or None
    made = usage.completion_tokens_details or None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": (prompt.cached_tokens if prompt else 0) or 0,
            "cache_write_tokens": (prompt.cache_creation_tokens if prompt else 0) or 0,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": (made.reasoning_tokens if made else 0) or 0},
        "total_tokens": usage.total_tokens,
    }


def _members_of(asked: CreateResponse) -> Json:
    """Return a response object in which nothing is said yet."""
    return {
        "id": "",
        "object": "response",
        "created_at": 0,
        "status": "",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": asked.max_tool_calls,
        "metadata": asked.metadata or {},
        "model": "",
        "output": [],
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": None,  # who stores responses puts it in
        "prompt_cache_key": asked.prompt_cache_key,
        "reasoning": msgspec.to_builtins(asked.reasoning) if asked.reasoning else {"effort": None, "summary": None},
        "safety_identifier": asked.safety_identifier,
        "service_tier": asked.service_tier or "auto",
        "store": asked.store is not False,
        "temperature": 1.0 if asked.temperature is None else asked.temperature,
        "text": _text(asked),
        "tool_choice": asked.tool_choice or "auto",
        "tools": [_tool(tool) for tool in asked.tools or ()],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": 1.0 if asked.top_p is None else asked.top_p,
        "truncation": asked.truncation or "disabled",
        "usage": None,
        "user": asked.user,
    }


def _text(asked: CreateResponse) -> Json:
    text = asked.text
    found: Json = {"format": (text.format if text else None) or {"type": "text"}}
    return found | {"verbosity": text.verbosity} if text and text.verbosity else found


def _tool(tool: Json) -> Json:
    """Return a tool as it was sent, with the members that clients expect of a function."""
    return {"parameters": None, "strict": None} | tool if tool.get("type") == "function" else tool
