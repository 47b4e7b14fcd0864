"""A chat request as the hub knows it: OpenAI's form, and what clients of LiteLLM send beyond it.

https://platform.openai.com/docs/api-reference/chat/create; beyond it `thinking`, `thinking_blocks`,
`reasoning_content`, `cache_control`, `top_k`. What is absent is None, and is left out when a request is encoded. Values
that only one kind of upstream reads keep the form in which they came.
"""

from typing import Any

from msgspec import Struct, field


def _function() -> str:  # a default that is written all the same
    return "function"


class Part(Struct, omit_defaults=True, kw_only=True):
    """A piece of a message. `type` says which member holds it.

    text, refusal, image_url, input_audio, file, video_url, document; in what an assistant said also thinking and
    redacted_thinking.
    """

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: dict[str, Any] | str | None = None  # {"url": https, gs or data, "detail", "format": media type}
    input_audio: dict[str, Any] | None = None  # {"data": base64, "format"}
    file: dict[str, Any] | None = None  # {"file_id"} or {"file_data": data URL, "filename", "format"}
    video_url: dict[str, Any] | str | None = None
    source: dict[str, Any] | None = None  # of a document, as Anthropic has it; with the next three
    title: str | None = None
    context: str | None = None
    citations: dict[str, Any] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None  # of redacted thinking
    cache_control: dict[str, Any] | None = None


class FunctionCall(Struct, omit_defaults=True):
    """What a model calls. `arguments` is JSON text, as the model wrote it: it may be broken."""

    name: str
    arguments: str = field(default_factory=str)


class ToolCall(Struct, omit_defaults=True, kw_only=True):
    """A call of a tool by the assistant."""

    id: str = field(default_factory=str)
    type: str = field(default_factory=_function)  # or custom
    function: FunctionCall | None = None
    custom: dict[str, Any] | None = None  # {"name", "input"}
    cache_control: dict[str, Any] | None = None
    provider_specific_fields: dict[str, Any] | None = None  # such as Gemini's thought_signature


class ThinkingBlock(Struct, omit_defaults=True, kw_only=True):
    """Reasoning that must go back unchanged: `thinking` with its signature, or `redacted_thinking` with its data."""

    type: str
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: dict[str, Any] | None = None


class Message(Struct, omit_defaults=True, kw_only=True):
    """One message. `role`: system, developer, user, assistant, tool or function."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[ThinkingBlock] | None = None
    audio: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    provider_specific_fields: dict[str, Any] | None = None


class Function(Struct, omit_defaults=True):
    """A function that a model may call. `parameters` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Struct, omit_defaults=True, kw_only=True):
    """A tool: a function, a custom one of OpenAI, or one that a provider runs itself, as the client wrote it."""

    type: str = field(default_factory=_function)
    function: Function | None = None
    custom: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
    provided: dict[str, Any] | None = None  # the whole of a tool of any other type


class Request(Struct, omit_defaults=True, kw_only=True):
    """A chat request. `extra` holds the members that have no place of their own here."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    thinking: dict[str, Any] | None = None  # Anthropic's: {"type": "enabled", "budget_tokens"}
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    web_search_options: dict[str, Any] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    store: bool | None = None
    metadata: dict[str, Any] | str | None = None
    extra: dict[str, Any] | None = None
