"""Google's counts of tokens become the hub's, and the reverse.

https://ai.google.dev/api/generate-content#UsageMetadata: the prompt's count includes what came from the cache; what was
thought is outside of the candidates' count, and what tools brought in is outside of the prompt's.
"""

from msgspec import UNSET

from tianji.protocol.chat.answer import CompletionDetails, PromptDetails, Usage
from tianji.protocol.gemini.wire import ModalityCount, UsageMetadata

_MODALITIES = ("text", "audio", "image", "video")


def usage_of(meta: UsageMetadata, *, searches: int = 0) -> Usage:
    """Return the usage. `searches`: how many searches Google charges for; what they brought in is then not charged."""
    prompt = meta.prompt_token_count or 0
    if not searches:
        prompt += meta.tool_use_prompt_token_count or 0
    thoughts, said = meta.thoughts_token_count or 0, meta.candidates_token_count or 0
    inclusive = thoughts and meta.total_token_count == (meta.prompt_token_count or 0) + said
    completion = said if inclusive else said + thoughts
    details, cached = _by_modality(meta.prompt_tokens_details), _by_modality(meta.cache_tokens_details)
    asked = PromptDetails()
    for kind, count in details.items():
        if kind in _MODALITIES and count > cached.get(kind, 0):
            setattr(asked, f"{kind}_tokens", count - cached.get(kind, 0))
    if meta.cached_content_token_count:
        asked.cached_tokens = meta.cached_content_token_count
    made = _by_modality(meta.candidates_tokens_details)
    answered = CompletionDetails()
    for kind in ("text", "audio", "image"):
        if kind in made:
            setattr(answered, f"{kind}_tokens", made[kind])
    if thoughts:
        answered.reasoning_tokens = thoughts
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=UNSET if asked == PromptDetails() else asked,
        completion_tokens_details=UNSET if answered == CompletionDetails() else answered,
        cache_read_input_tokens=meta.cached_content_token_count or UNSET,
        server_tool_use={"web_search_requests": searches} if searches else UNSET,
    )


def metadata_of(usage: Usage) -> UsageMetadata:
    """Return Google's counts for the hub's."""
    asked = usage.prompt_tokens_details or PromptDetails()
    answered = usage.completion_tokens_details or CompletionDetails()
    thoughts = answered.reasoning_tokens or 0
    return UsageMetadata(
        prompt_token_count=usage.prompt_tokens,
        candidates_token_count=max(usage.completion_tokens - thoughts, 0),
        total_token_count=usage.prompt_tokens + usage.completion_tokens,
        cached_content_token_count=asked.cached_tokens or None,
        thoughts_token_count=thoughts or None,
    )


def _by_modality(counts: list[ModalityCount] | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for count in counts or ():
        if count.modality and count.token_count:
            kind = count.modality.lower()
            found[kind] = found.get(kind, 0) + count.token_count
    return found
