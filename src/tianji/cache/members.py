"""The members of a request that its answer depends on.

They are those of LiteLLM's keys, apart from `stream` and `stream_options`, since whole answers and streams become one
another, and from the model, whose group counts. Other members count where the operator says so
(`enable_caching_on_provider_specific_optional_params`); what is said to the gateway and not to the model never does.
"""

from typing import Final

from tianji._core.caching.recipe import Recipe
from tianji.providers.steps.parameters import CONTROL_FIELDS

_COUNTED: Final = """
    access_programs audio background background_options best_of cache_control chunking_strategy compaction container
    context_management conversation dimensions documents echo encoding_format file frequency_penalty function_call
    functions image include inference_geo input instruction instructions keywords known_speaker_names
    known_speaker_references language languages logit_bias logprobs max_chunks_per_doc max_completion_tokens
    max_output_tokens max_tokens max_tokens_per_doc max_tokens_per_query max_tool_calls mcp_servers messages modalities
    moderation n output_config output_format parallel_tool_calls prediction presence_penalty previous_response_id prompt
    prompt_cache_key prompt_cache_options prompt_cache_retention query rank_fields reasoning reasoning_effort
    reasoning_summary reasoningSummary response_format return_documents safeguards safety_identifier seed service_tier
    speed stop stop_sequences store suffix system temperature text thinking timestamp_granularities tool_choice tools
    top_k top_logprobs top_n top_p truncate_prompt_tokens truncation truncation_side user verbosity web_search_options
    continuation_token
"""
_NEVER: Final = frozenset({"model", "stream", "stream_options"}) | CONTROL_FIELDS


def recipe(*, every_member: bool, apart: frozenset[bytes] = frozenset()) -> Recipe:
    """Return what counts; with `every_member` also what only one provider knows. `apart`: what does not count."""
    counted = frozenset(name.encode() for name in _COUNTED.split()) - apart
    return Recipe(counted, frozenset(name.encode() for name in _NEVER) | apart if every_member else None)
