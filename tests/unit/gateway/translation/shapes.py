"""Whole answers of each upstream, with places for texts, counts and names, to judge what is remembered of them."""

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]


class Slot:
    """Where a text goes."""


SLOT = Slot()


class Count:
    """Where a number goes."""


COUNT = Count()
ID = "an id"
CITED = {"type": "url_citation", "url_citation": {"url": "u", "start_index": COUNT}}
said_block = st.sampled_from(
    [
        {"type": "text", "text": SLOT},
        {"type": "text", "text": SLOT, "citations": [{"type": "web", "url": "https://a.b", "title": "t"}]},
        {"type": "thinking", "thinking": SLOT, "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eA=="},
        {"type": "tool_use", "id": ID, "name": "look", "input": {"text": SLOT, "n": COUNT}},
        {"type": "server_tool_use", "id": ID, "name": "web_search", "input": {}},
    ]
)
message = st.builds(
    lambda content, usage, reason: {"id": ID, "content": content, "stop_reason": reason, "usage": usage},
    st.lists(said_block, max_size=3),
    st.fixed_dictionaries(
        {"input_tokens": st.just(COUNT), "output_tokens": st.just(COUNT)},
        optional={
            "cache_read_input_tokens": st.just(COUNT),
            "cache_creation_input_tokens": st.just(COUNT),
            "cache_creation": st.just({"ephemeral_5m_input_tokens": COUNT, "ephemeral_1h_input_tokens": COUNT}),
            "server_tool_use": st.just({"web_search_requests": COUNT}),
            "output_tokens_details": st.just({"thinking_tokens": COUNT}),
            "service_tier": st.just("standard"),
        },
    ),
    st.sampled_from(["end_turn", "max_tokens", "refusal", "tool_use", None]),
)  # fmt: skip
choice = st.builds(
    lambda index, said, reason: {"index": index, "message": {"role": "assistant", **said}, "finish_reason": reason},
    st.sampled_from([0, COUNT]),
    st.fixed_dictionaries(
        {"content": st.just(SLOT) | st.none()},
        optional={
            "reasoning_content": st.just(SLOT),
            "reasoning": st.just(SLOT),
            "refusal": st.just(SLOT) | st.none(),
            "annotations": st.just([]) | st.just([CITED]),
            "tool_calls": st.just([{"id": ID, "type": "function", "function": {"name": "f", "arguments": '{"a": 5}'}}]),
        },
    ),
    st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
)  # fmt: skip
completion = st.builds(
    lambda choices, rest: {"id": ID, "object": "chat.completion", "model": "m", "choices": choices, **rest},
    st.lists(choice, min_size=1, max_size=2),
    st.fixed_dictionaries(
        {"created": st.just(COUNT)},
        optional={
            "usage": st.fixed_dictionaries(
                {"prompt_tokens": st.just(COUNT), "completion_tokens": st.just(COUNT), "total_tokens": st.just(COUNT)},
                optional={
                    "prompt_tokens_details": st.sampled_from(
                        [{"cached_tokens": COUNT}, {"cached_tokens": 0, "audio_tokens": COUNT}]
                    ),
                    "completion_tokens_details": st.just({"reasoning_tokens": COUNT}),
                },
            ),
            "service_tier": st.just("default"),
            "system_fingerprint": st.just("fp_1"),
        },
    ),
)
google_said = st.sampled_from(
    [
        {"text": SLOT},
        {"text": SLOT, "thought": True},
        {"text": SLOT, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {"text": SLOT}, "id": ID}},
        {"functionCall": {"name": "f", "args": {"n": COUNT}}},
    ]
)
google_candidate = st.builds(
    lambda parts, reason, more: {"content": {"parts": parts}, "finishReason": reason, **more},
    st.lists(google_said, max_size=3),
    st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY"]),
    st.fixed_dictionaries(
        {},
        optional={
            "index": st.just(0),
            "avgLogprobs": st.just(-0.5),
            "citationMetadata": st.just({"citationSources": [{"startIndex": COUNT, "uri": "u"}]}),
            "groundingMetadata": st.just({"groundingChunks": [{"web": {"uri": "https://a.b", "title": "t"}}],
                "groundingSupports": [{"segment": {"endIndex": COUNT, "text": SLOT}, "groundingChunkIndices": [0]}]}),
        },
    ),
)  # fmt: skip
modalities = st.just([{"modality": "TEXT", "tokenCount": COUNT}])
google_answer = st.builds(
    lambda candidates, rest: {"candidates": candidates, **rest},
    st.lists(google_candidate, min_size=1, max_size=2),
    st.fixed_dictionaries(
        {},
        optional={
            "responseId": st.just(ID),
            "modelVersion": st.just("gemini-2.5-flash"),
            "usageMetadata": st.fixed_dictionaries(
                {"promptTokenCount": st.just(COUNT), "totalTokenCount": st.just(COUNT)},
                optional={
                    "candidatesTokenCount": st.just(COUNT),
                    "thoughtsTokenCount": st.just(COUNT),
                    "cachedContentTokenCount": st.just(COUNT),
                    "toolUsePromptTokenCount": st.just(COUNT),
                    "promptTokensDetails": modalities,
                    "cacheTokensDetails": modalities,
                    "candidatesTokensDetails": modalities,
                },
            ),
        },
    ),
)
converse_block = st.sampled_from(
    [
        {"text": SLOT},
        {"reasoningContent": {"reasoningText": {"text": SLOT, "signature": "c2ln"}}},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "f", "input": {"text": SLOT, "n": COUNT}}},
    ]
)
converse = st.builds(
    lambda content, reason, usage: {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "metrics": {"latencyMs": COUNT},
        **usage,
    },
    st.lists(converse_block, max_size=3),
    st.sampled_from(["end_turn", "max_tokens", "tool_use", "guardrail_intervened"]),
    st.fixed_dictionaries(
        {},
        optional={
            "usage": st.fixed_dictionaries(
                {"inputTokens": st.just(COUNT), "outputTokens": st.just(COUNT), "totalTokens": st.just(COUNT)},
                optional={"cacheReadInputTokens": st.just(COUNT), "cacheWriteInputTokens": st.just(COUNT)},
            )
        },
    ),
)
command_part = st.sampled_from([{"type": "text", "text": SLOT}, {"type": "thinking", "thinking": SLOT}])
command = st.builds(
    lambda named, content, more, reason, usage: {
        **named,
        "message": {"role": "assistant", "content": content, **more},
        "finish_reason": reason,
        **usage,
    },
    st.fixed_dictionaries({}, optional={"id": st.just(ID)}),
    st.lists(command_part, max_size=2),
    st.fixed_dictionaries(
        {},
        optional={
            "tool_plan": st.just(SLOT),
            "tool_calls": st.just([{"id": ID, "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
            "citations": st.just([{"start": COUNT, "end": COUNT, "text": SLOT, "sources": []}]),
        },
    ),
    st.sampled_from(["COMPLETE", "MAX_TOKENS", "TOOL_CALL", "ERROR_TOXIC"]),
    st.fixed_dictionaries({}, optional={"usage": st.just({"tokens": {"input_tokens": COUNT, "output_tokens": COUNT}})}),
)
item = st.sampled_from(
    [
        {"type": "message", "id": ID, "content": [{"type": "output_text", "text": SLOT, "annotations": []}]},
        {"type": "message", "id": ID, "content": [{"type": "output_text", "text": SLOT, "annotations": [CITED]}]},
        {"type": "message", "id": ID, "content": [{"type": "refusal", "refusal": SLOT}]},
        {"type": "reasoning", "id": ID, "summary": [{"type": "summary_text", "text": SLOT}], "encrypted_content": "s"},
        {"type": "function_call", "id": ID, "call_id": "call_1", "name": "f", "arguments": "{}"},
    ]
)
response = st.builds(
    lambda output, rest: {"id": ID, "object": "response", "created_at": COUNT, "output": output, **rest},
    st.lists(item, max_size=3),
    st.fixed_dictionaries(
        {"status": st.just("completed"), "instructions": st.none(), "text": st.just({"format": {"type": "text"}})},
        optional={
            "usage": st.fixed_dictionaries(
                {"input_tokens": st.just(COUNT), "output_tokens": st.just(COUNT), "total_tokens": st.just(COUNT)},
                optional={
                    "input_tokens_details": st.sampled_from([{"cached_tokens": COUNT}, {"cached_tokens": 0}]),
                    "output_tokens_details": st.just({"reasoning_tokens": COUNT}),
                },
            ),
        },
    ),
)
ANSWERS = {
    "claude": message,
    "invoke": message,
    "gpt": completion,
    "own": completion,
    "gemini": google_answer,
    "converse": converse,
    "cohere": command,
    "pro": response,
}
SMALL: dict[str, Json] = {
    "gemini": {"candidates": [{"content": {"parts": [{"text": SLOT}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": COUNT, "candidatesTokenCount": COUNT, "totalTokenCount": COUNT},
        "responseId": ID},
    "converse": {"output": {"message": {"role": "assistant", "content": [{"text": SLOT}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": COUNT, "outputTokens": COUNT, "totalTokens": COUNT}},
    "cohere": {"id": ID, "message": {"content": [{"type": "text", "text": SLOT}]}, "finish_reason": "COMPLETE",
        "usage": {"tokens": {"input_tokens": COUNT, "output_tokens": COUNT}}},
    "pro": {"id": ID, "created_at": COUNT, "status": "completed", "output": [
        {"type": "message", "id": ID, "content": [{"type": "output_text", "text": SLOT, "annotations": []}]}],
        "usage": {"input_tokens": COUNT, "output_tokens": COUNT, "total_tokens": COUNT}},
}  # fmt: skip
