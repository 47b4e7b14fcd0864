"""A chat answer as the hub knows it, whole and as the chunks of a stream: OpenAI's form.

https://platform.openai.com/docs/api-reference/chat/object and .../chat-streaming; beyond it what clients of LiteLLM
read: `reasoning_content`, `thinking_blocks`, `provider_specific_fields`. A member that is UNSET is left out; None is
null, which strict clients want to see (`finish_reason` in every chunk). Defaults are for answers that lack a member.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from tianji.protocol.chat.request import ThinkingBlock, ToolCall


class PromptDetails(Struct, kw_only=True):
    """Parts of the prompt's tokens. All of them are counted in `prompt_tokens` too."""

    cached_tokens: int | UnsetType = UNSET
    cache_creation_tokens: int | UnsetType = UNSET  # put into the provider's cache
    cache_write_tokens: int | UnsetType = UNSET  # OpenAI's name of the same, in answers that were not read yet
    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET
    image_tokens: int | UnsetType = UNSET
    video_tokens: int | UnsetType = UNSET
    cache_creation_token_details: dict[str, int] | UnsetType = UNSET  # ephemeral_5m_input_tokens, ephemeral_1h_...


class CompletionDetails(Struct, kw_only=True):
    """Parts of the completion's tokens. All of them are counted in `completion_tokens` too."""

    reasoning_tokens: int | UnsetType = UNSET
    text_tokens: int | UnsetType = UNSET
    audio_tokens: int | UnsetType = UNSET
    image_tokens: int | UnsetType = UNSET
    accepted_prediction_tokens: int | UnsetType = UNSET
    rejected_prediction_tokens: int | UnsetType = UNSET


class Usage(Struct, kw_only=True):
    """Tokens of a request. `cost` and ticks are what an upstream says that they cost, in its own way."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptDetails | UnsetType = UNSET
    completion_tokens_details: CompletionDetails | UnsetType = UNSET
    cache_creation_input_tokens: int | UnsetType = UNSET  # this and the next two are names known from Anthropic
    cache_read_input_tokens: int | UnsetType = UNSET
    server_tool_use: dict[str, int] | UnsetType = UNSET  # web_search_requests and the like
    prompt_cache_hit_tokens: int | UnsetType = UNSET  # DeepSeek's name of cached_tokens, where those were not read yet
    cost: Any = UNSET
    cost_in_usd_ticks: Any = UNSET


class AnswerMessage(Struct, kw_only=True):
    """What the assistant says."""

    role: str = "assistant"
    content: str | None = None
    refusal: str | UnsetType | None = UNSET
    tool_calls: list[ToolCall] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    thinking_blocks: list[ThinkingBlock] | UnsetType = UNSET
    annotations: list[dict[str, Any]] | UnsetType = UNSET
    audio: dict[str, Any] | UnsetType = UNSET
    images: list[dict[str, Any]] | UnsetType = UNSET  # [{"type": "image_url", "image_url": {"url": data URL}}]
    provider_specific_fields: dict[str, Any] | UnsetType = UNSET  # citations and what else has no place


class Choice(Struct, kw_only=True):
    """One answer of those that were asked for. finish_reason: one of FINISH_REASONS."""

    index: int = 0
    message: AnswerMessage
    finish_reason: str | None = None
    logprobs: dict[str, Any] | UnsetType | None = UNSET


class Completion(Struct, kw_only=True):
    """A whole answer. `created`: seconds since 1970. The last two are the pages that Perplexity has it from."""

    id: str = ""
    object: str = "chat.completion"
    created: int = 0
    model: str = ""
    choices: list[Choice]
    usage: Usage | UnsetType = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    citations: Any = UNSET
    search_results: Any = UNSET


class FunctionDelta(Struct, kw_only=True):
    """A piece of a call: the name comes once, the arguments in pieces."""

    name: str | UnsetType = UNSET
    arguments: str | UnsetType = UNSET


class ToolCallDelta(Struct, kw_only=True):
    """A piece of the call with this `index`. Only its first piece has `id` and `type`."""

    index: int = 0
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    function: FunctionDelta | UnsetType = UNSET
    custom: dict[str, Any] | UnsetType = UNSET
    provider_specific_fields: dict[str, Any] | UnsetType = UNSET


class Delta(Struct, kw_only=True):
    """What a chunk adds.

    `thinking_blocks` brings pieces: the text of a block as `thinking`, which stands in `reasoning_content` too, its
    signature at its end, or all of a redacted one at once.
    """

    role: str | UnsetType = UNSET
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    thinking_blocks: list[ThinkingBlock] | UnsetType = UNSET
    annotations: list[dict[str, Any]] | UnsetType = UNSET
    audio: dict[str, Any] | UnsetType = UNSET
    images: list[dict[str, Any]] | UnsetType = UNSET
    provider_specific_fields: dict[str, Any] | UnsetType = UNSET


class ChunkChoice(Struct, kw_only=True):
    """A piece of one answer."""

    index: int = 0
    delta: Delta
    finish_reason: str | None = None
    logprobs: dict[str, Any] | UnsetType | None = UNSET


class Chunk(Struct, kw_only=True):
    """A piece of a streamed answer. The one with `usage` is the last and has no choices. The rest as in a whole one."""

    id: str = ""
    object: str = "chat.completion.chunk"
    created: int = 0
    model: str = ""
    choices: list[ChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: str | UnsetType | None = UNSET
    service_tier: str | UnsetType | None = UNSET
    citations: Any = UNSET
    search_results: Any = UNSET
