"""What a client sends to Google's API: https://ai.google.dev/api/generate-content#request-body.

Members come in camelCase or in snake_case, as in all of Google's JSON forms of protocol buffers
(https://protobuf.dev/programming-guides/json/); `camel` makes the first of the second.
"""

import re
from typing import Any

from msgspec import Struct

from tianji.protocol.gemini.wire import Content

_OPAQUE = frozenset(
    {
        "args",
        "response",
        "parameters",
        "parametersJsonSchema",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "labels",
    }
)  # what these hold is the client's own
_LATER_WORD = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")


class GenerationConfig(Struct, rename="camel", kw_only=True):
    """How an answer is to be made."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    response_modalities: list[str] | None = None
    speech_config: dict[str, Any] | None = None
    media_resolution: str | None = None
    thinking_config: dict[str, Any] | None = None


class GenerateContent(Struct, rename="camel", kw_only=True):
    """The body of generateContent and streamGenerateContent."""

    contents: list[Content] | Content | str | None = None
    system_instruction: Content | str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_config: dict[str, Any] | None = None
    generation_config: GenerationConfig | None = None
    cached_content: str | None = None
    service_tier: str | None = None


class CountTokens(Struct, rename="camel", kw_only=True):
    """The body of countTokens: https://ai.google.dev/api/tokens#method:-models.counttokens."""

    contents: list[Content] | Content | str | None = None
    generate_content_request: GenerateContent | None = None


class EmbedContent(Struct, rename="camel", kw_only=True):
    """The body of embedContent: https://ai.google.dev/api/embeddings#method:-models.embedcontent."""

    content: Content | None = None
    output_dimensionality: int | None = None


class BatchEmbedContents(Struct, rename="camel", kw_only=True):
    """The body of batchEmbedContents."""

    requests: list[EmbedContent]


def camel(value: Any) -> Any:
    """Return JSON with its members in camelCase, but for those that the client has named himself."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {_LATER_WORD.sub(lambda word: word[1].upper(), name): item for name, item in value.items()}
    return {name: item if name in _OPAQUE else camel(item) for name, item in named.items()}
