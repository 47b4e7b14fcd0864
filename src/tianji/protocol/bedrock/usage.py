"""Bedrock's counts of tokens become the hub's.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html: what is read from and written into
the cache is counted beside the input.
"""

from msgspec import UNSET

from tianji.protocol.bedrock.wire import TokenUsage
from tianji.protocol.chat.answer import PromptDetails, Usage


def usage_of(counts: TokenUsage) -> Usage:
    """Return the usage."""
    read, written = counts.cache_read_input_tokens or 0, counts.cache_write_input_tokens or 0
    prompt = (counts.input_tokens or 0) + read + written
    made = counts.output_tokens or 0
    usage = Usage(prompt_tokens=prompt, completion_tokens=made, total_tokens=prompt + made)
    if read or written:
        details = PromptDetails(cached_tokens=read, cache_creation_tokens=written)
        lives = {
            f"ephemeral_{detail.ttl}_input_tokens": detail.input_tokens
            for detail in counts.cache_details or []
            if detail.ttl and detail.input_tokens
        }
        details.cache_creation_token_details = lives or UNSET
        usage.prompt_tokens_details = details
        usage.cache_read_input_tokens = read
        usage.cache_creation_input_tokens = written
    return usage
