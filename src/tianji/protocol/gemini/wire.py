"""What Google answers: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse.

Vertex AI answers the same (https://cloud.google.com/vertex-ai/docs/reference/rest/v1/GenerateContentResponse). What is
absent is None; nothing that Google may leave out is required, since the form omits whatever is empty.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Blob(Struct, rename="camel", omit_defaults=True):
    """Data in the body itself, base64."""

    mime_type: str | None = None
    data: str | None = None


class FunctionCall(Struct, rename="camel", omit_defaults=True):
    """What the model calls, whole."""

    name: str = ""
    args: dict[str, Any] | None = None
    id: str | None = None


class FileData(Struct, rename="camel", omit_defaults=True):
    """Data elsewhere."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class FunctionResponse(Struct, rename="camel", omit_defaults=True):
    """What a call came to; `parts` is what it shows beside."""

    name: str = ""
    response: dict[str, Any] | None = None
    id: str | None = None
    parts: list[dict[str, Any]] | None = None


class Part(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A piece of content: one of the members, and what goes with it."""

    text: str | None = None
    thought: bool | None = None  # the text is a summary of what the model thought
    thought_signature: str | None = None
    inline_data: Blob | None = None
    function_call: FunctionCall | None = None
    file_data: FileData | None = None
    function_response: FunctionResponse | None = None  # of a client
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None


class Content(Struct, rename="camel", omit_defaults=True):
    """What one side says."""

    parts: list[Part] | None = None
    role: str | None = None


class LogprobsCandidate(Struct, rename="camel", omit_defaults=True):
    """A token and its log probability."""

    token: str | None = None
    log_probability: float | None = None
    token_id: int | None = None


class TopCandidates(Struct, rename="camel", omit_defaults=True):
    """The likeliest tokens of a step."""

    candidates: list[LogprobsCandidate] | None = None


class LogprobsResult(Struct, rename="camel", omit_defaults=True):
    """For each step what was chosen and what was likeliest."""

    top_candidates: list[TopCandidates] | None = None
    chosen_candidates: list[LogprobsCandidate] | None = None


class Candidate(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One answer of those that were asked for."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: Count | None = None
    safety_ratings: list[dict[str, Any]] | None = None
    citation_metadata: dict[str, Any] | None = None
    grounding_metadata: dict[str, Any] | None = None
    url_context_metadata: dict[str, Any] | None = None
    logprobs_result: LogprobsResult | None = None
    avg_logprobs: float | None = None


class ModalityCount(Struct, rename="camel", omit_defaults=True):
    """Tokens of one modality."""

    modality: str | None = None
    token_count: Count | None = None


class UsageMetadata(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Tokens so far: in a stream the last one counts."""

    prompt_token_count: Count | None = None
    candidates_token_count: Count | None = None
    total_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    traffic_type: str | None = None


class PromptFeedback(Struct, rename="camel", omit_defaults=True):
    """Why a prompt got no answer."""

    block_reason: str | None = None
    block_reason_message: str | None = None
    safety_ratings: list[dict[str, Any]] | None = None


class Answer(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A whole answer, or a piece of a streamed one."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None
