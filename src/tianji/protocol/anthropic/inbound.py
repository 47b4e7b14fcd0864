"""What a client sends to Anthropic's Messages API.

https://docs.anthropic.com/en/api/messages. A block has the members of all kinds of blocks, of which `type` says which
count; what belongs to one vendor's tools keeps the form in which it came.
"""

from typing import Any, Literal

from msgspec import Struct


class Block(Struct, kw_only=True):
    """A piece of content."""

    type: str
    text: str | None = None
    source: dict[str, Any] | str | None = None  # of an image or document; of a search result its address
    title: str | None = None
    context: str | None = None
    citations: dict[str, Any] | list[Any] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None  # of redacted thinking
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: "str | list[Block] | dict[str, Any] | None" = None
    is_error: bool | None = None
    file_id: str | None = None
    cache_control: dict[str, Any] | None = None


class Turn(Struct):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ToolDefinition(Struct, kw_only=True):
    """A tool of the client, which has no `type` or `custom`. Those that a server runs are read as they are."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None
    cache_control: dict[str, Any] | None = None


class ToolChoice(Struct, kw_only=True):
    """Whether tools are to be called; `name` belongs to `tool`."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Metadata(Struct):
    """Who asks, as the client names him."""

    user_id: str | None = None


class OutputConfig(Struct, kw_only=True):
    """How much effort an answer is worth, and the form it must have."""

    effort: str | None = None
    format: dict[str, Any] | None = None


class CreateMessage(Struct, kw_only=True):
    """The body of a request."""

    model: str
    messages: list[Turn]
    max_tokens: int | None = None
    system: str | list[Block] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Metadata | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: ToolChoice | None = None
    thinking: dict[str, Any] | None = None
    output_config: OutputConfig | None = None
    output_format: dict[str, Any] | None = None  # where structured output stood before output_config
    service_tier: str | None = None
