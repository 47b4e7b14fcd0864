"""What a turn of Google's Live API has used: https://ai.google.dev/api/live#usagemetadata."""

from typing import Any

import msgspec
from msgspec import Struct

from tianji.protocol.gemini.wire import Count, ModalityCount

Json = dict[str, Any]


class LiveUsage(Struct, rename="camel", kw_only=True):
    """Tokens of one turn."""

    prompt_token_count: Count | None = None
    response_token_count: Count | None = None
    candidates_token_count: Count | None = None  # what Vertex AI calls the same
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    response_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None


def realtime_usage(said: object) -> Json | None:
    """Return it as `usage` of OpenAI's realtime API has it; None for what says no usage."""
    try:
        found = msgspec.convert(said, LiveUsage)
    except msgspec.ValidationError:
        return None
    asked = (found.prompt_token_count or 0) + (found.tool_use_prompt_token_count or 0)
    answered = (found.response_token_count or found.candidates_token_count or 0) + (found.thoughts_token_count or 0)
    if not asked and not answered:
        return None
    heard = _tokens(found.prompt_tokens_details, "AUDIO")
    spoken = _tokens(found.response_tokens_details or found.candidates_tokens_details, "AUDIO")
    return {
        "total_tokens": asked + answered,
        "input_tokens": asked,
        "output_tokens": answered,
        "input_token_details": {
            "text_tokens": max(asked - heard, 0),
            "audio_tokens": heard,
            "cached_tokens": found.cached_content_token_count or 0,
        },
        "output_token_details": {"text_tokens": max(answered - spoken, 0), "audio_tokens": spoken},
    }


def _tokens(details: list[ModalityCount] | None, modality: str) -> int:
    return sum(one.token_count or 0 for one in details or () if one.modality == modality)
