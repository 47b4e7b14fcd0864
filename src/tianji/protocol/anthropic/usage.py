"""What a message used, by Anthropic's names and by the hub's.

https://docs.anthropic.com/en/api/messages (`usage`): what the cache took stands beside the input, in the hub inside it.
"""

from collections.abc import Mapping
from typing import Any

from tianji.protocol.chat.answer import CompletionDetails, PromptDetails, Usage


def usage_of(said: Mapping[str, Any]) -> Usage:
    """Return the hub's usage; what is no count is 0."""
    read, created = _count(said, "cache_read_input_tokens"), _count(said, "cache_creation_input_tokens")
    prompt = _count(said, "input_tokens") + read + created
    completion = _count(said, "output_tokens")
    usage = Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    usage.prompt_tokens_details = PromptDetails(cached_tokens=read, cache_creation_tokens=created)
    usage.cache_read_input_tokens = read
    usage.cache_creation_input_tokens = created
    if times := _counts(said.get("cache_creation")):
        usage.prompt_tokens_details.cache_creation_token_details = times
    if tools := _counts(said.get("server_tool_use")):
        usage.server_tool_use = tools
    details = said.get("output_tokens_details")
    if details is not None and isinstance(details, Mapping) and "thinking_tokens" in details:
        usage.completion_tokens_details = CompletionDetails(reasoning_tokens=_count(details, "thinking_tokens"))
    return usage


def tier_of(said: Mapping[str, Any]) -> str | None:
    """Return the service tier that a request got."""
    tier = said.get("service_tier")
    return tier if isinstance(tier, str) else None


def _count(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    return value if type(value) is int and value > 0 else 0  # no boolean


def _counts(said: object) -> dict[str, int]:
    if said is None or not isinstance(said, Mapping):
        return {}
    return {str(name): value for name in said if (value := _count(said, name)) or said[name] == 0}
