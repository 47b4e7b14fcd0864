"""What a client sends to the Responses API (https://platform.openai.com/docs/api-reference/responses/create).

Items and their contents have the members of all kinds, of which `type` says which count.
"""

from typing import Any

from msgspec import Struct


class Content(Struct, kw_only=True):
    """A piece of a message or of a tool's output."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | dict[str, Any] | None = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: dict[str, Any] | None = None


class Item(Struct, kw_only=True):
    """One item of the input. A message may lack its `type`."""

    type: str = "message"
    id: str | None = None
    role: str | None = None
    content: str | list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: str | list[Content] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None


class Reasoning(Struct, kw_only=True):
    """How hard to think, and whether to tell of it."""

    effort: str | None = None
    summary: str | None = None


class Text(Struct, kw_only=True):
    """The form of what is written."""

    format: dict[str, Any] | None = None
    verbosity: str | None = None


class CreateResponse(Struct, kw_only=True):
    """The body of a request."""

    model: str
    input: str | list[dict[str, Any]] = ""
    instructions: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    include: list[str] | None = None
    truncation: str | None = None
    metadata: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    background: bool | None = None
    conversation: str | dict[str, Any] | None = None
    prompt: dict[str, Any] | None = None
    context_management: list[dict[str, Any]] | None = None
