"""What Bedrock answers: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html."""

from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=1 << 53)]
Json = dict[str, Any]


class ToolUse(Struct, rename="camel"):
    """A call, or its beginning."""

    name: str = ""
    tool_use_id: str | None = None
    input: Any = None


class ReasoningText(Struct):
    """What was thought."""

    text: str | None = None
    signature: str | None = None


class Reasoning(Struct, rename="camel"):
    """A thought, or one that is kept back: base64."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class CitedText(Struct):
    """A passage."""

    text: str | None = None


class CitationsContent(Struct):
    """Passages, and where they come from."""

    content: list[CitedText] | None = None
    citations: list[Json] | None = None


class Block(Struct, rename="camel"):
    """A piece of the answer: one of the members."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: Reasoning | None = None
    citations_content: CitationsContent | None = None


class Message(Struct):
    """What the model says."""

    content: list[Block] | None = None


class Output(Struct):
    """Holds the message."""

    message: Message | None = None


class CacheDetail(Struct, rename="camel"):
    """What was put into the cache for how long."""

    ttl: str | None = None
    input_tokens: Count | None = None


class TokenUsage(Struct, rename="camel"):
    """Tokens. Those of the cache are not among the input's."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_write_input_tokens: Count | None = None
    cache_details: list[CacheDetail] | None = None


class Metadata(Struct, rename="camel", kw_only=True):
    """What is said of an answer beside it."""

    usage: TokenUsage | None = None
    trace: Json | None = None
    service_tier: dict[str, str] | None = None


class Converse(Metadata, rename="camel", kw_only=True):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str | None = None
    additional_model_response_fields: Json | None = None


class StartUnion(Struct, rename="camel"):
    """What begins, where that says anything."""

    tool_use: ToolUse | None = None


class BlockStart(Struct, rename="camel"):
    """A block begins."""

    content_block_index: int = 0
    start: StartUnion | None = None


class InputPiece(Struct):
    """A piece of a call's input, which is JSON text."""

    input: str = ""


class ReasoningPiece(Struct, rename="camel", kw_only=True):
    """A piece of a thought."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class Piece(Struct, rename="camel", kw_only=True):
    """What is added to a block: one of the members."""

    text: str | None = None
    tool_use: InputPiece | None = None
    reasoning_content: ReasoningPiece | None = None
    citation: Json | None = None


class BlockDelta(Struct, rename="camel"):
    """A piece of a block."""

    delta: Piece
    content_block_index: int = 0


class MessageStop(Struct, rename="camel"):
    """The end."""

    stop_reason: str | None = None
    additional_model_response_fields: Json | None = None
