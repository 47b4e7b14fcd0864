"""A whole answer in Anthropic's Messages form (https://docs.anthropic.com/en/api/messages)."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tianji.dialects.tool_names import ToolNames
from tianji.protocol.anthropic.turns import SERVER_BLOCKS
from tianji.protocol.chat import citations
from tianji.protocol.chat.answer import AnswerMessage, Completion, Usage
from tianji.protocol.chat.request import ThinkingBlock

STOP_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_-]")  # what may not stand in the id of a call
_TIERS: Final = {"default": "standard", "flex": "standard"}


def answer(completion: Completion, names: ToolNames) -> bytes:
    """Return the body. Of several choices it holds the first, since the form has room for one."""
    choice = completion.choices[0] if completion.choices else None
    content = list(_blocks(choice.message, names)) if choice else []
    refused = choice is not None and bool(choice.message.refusal)
    fields = (choice.message.provider_specific_fields or {}) if choice else {}
    return msgspec.json.encode(
        {
            "id": message_id(completion.id),
            "type": "message",
            "role": "assistant",
            "model": completion.model,
            "content": content,
            **ending(choice.finish_reason if choice else None, fields.get("stop_sequence"), refused=refused),
            "usage": usage_of(completion.usage or None, completion.service_tier or None),
        }
    )


def message_id(upstream: str) -> str:
    """Return the id of an answer: what the upstream named it, in the form of this dialect."""
    if upstream.startswith("msg_"):
        return upstream
    return "msg_" + upstream.removeprefix("chatcmpl-").removeprefix("resp_")


def call_id(upstream: str) -> str:
    """Return the id of a call, in the letters that this dialect's ids have."""
    return _UNFIT.sub("_", upstream)


def ending(finish_reason: str | None, stop_sequence: object, *, refused: bool) -> dict[str, Any]:
    """Return the members that say why an answer ended. `stop_sequence`: what the upstream said of it, if anything."""
    if isinstance(stop_sequence, str) and stop_sequence:
        return {"stop_reason": "stop_sequence", "stop_sequence": stop_sequence}
    reason = "refusal" if refused else STOP_REASONS.get(finish_reason or "stop", "end_turn")
    return {"stop_reason": reason, "stop_sequence": None}


def usage_of(usage: Usage | None, tier: str | None) -> dict[str, Any]:
    """Return the tokens as Anthropic counts them: what came from the cache, or went there, is no input."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    details = usage.prompt_tokens_details or None
    read = usage.cache_read_input_tokens or (details.cached_tokens if details else 0) or 0
    written = usage.cache_creation_input_tokens or (details.cache_creation_tokens if details else 0) or 0
    found: dict[str, Any] = {
        "input_tokens": max(0, usage.prompt_tokens - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.completion_tokens,
    }
    if details and details.cache_creation_token_details:
        kinds = details.cache_creation_token_details
        found["cache_creation"] = {
            name: kinds.get(name, 0) for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
        }
    if usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens:
        found["output_tokens_details"] = {"thinking_tokens": usage.completion_tokens_details.reasoning_tokens}
    if usage.server_tool_use:
        found["server_tool_use"] = {"web_search_requests": 0, "web_fetch_requests": 0} | usage.server_tool_use
    if tier:
        found["service_tier"] = _TIERS.get(tier, tier)
    return found


def thinking_block(block: ThinkingBlock) -> dict[str, Any]:
    """Return reasoning as it must come back."""
    if block.type == "redacted_thinking":
        return {"type": "redacted_thinking", "data": block.data or ""}
    return {"type": "thinking", "thinking": block.thinking or "", "signature": block.signature or ""}


def input_of(arguments: str) -> dict[str, Any]:
    """Return the arguments as the object that the form wants; what is none stands under `raw`, so nothing is lost."""
    if not arguments.strip():
        return {}
    try:
        value = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"raw": arguments}


def spoken(audio: dict[str, Any]) -> str:
    """Return what sound says: of an answer that is heard, this form has room for its words alone."""
    transcript = audio.get("transcript")
    return transcript if isinstance(transcript, str) else ""


def _blocks(message: AnswerMessage, names: ToolNames) -> Iterator[dict[str, Any]]:
    if message.thinking_blocks:
        yield from map(thinking_block, message.thinking_blocks)
    elif message.reasoning_content:
        yield thinking_block(ThinkingBlock(type="thinking", thinking=message.reasoning_content))
    fields = message.provider_specific_fields or {}
    yield from fields.get(SERVER_BLOCKS) or ()
    if message.content:
        text: dict[str, Any] = {"type": "text", "text": message.content}
        cited = citations.all_of(message.annotations or [], fields)
        yield text | {"citations": cited} if cited else text
    elif message.audio and (transcript := spoken(message.audio)):
        yield {"type": "text", "text": transcript}
    if message.refusal:
        yield {"type": "text", "text": message.refusal}
    for call in message.tool_calls or ():
        name, given = ("", "")
        if call.function is not None:
            name, given = call.function.name, call.function.arguments
        elif call.custom is not None:
            name, given = str(call.custom.get("name") or ""), str(call.custom.get("input") or "")
        yield {
            "type": "tool_use",
            "id": call_id(call.id),
            "name": names.original(name),
            "input": input_of(given),
        }
