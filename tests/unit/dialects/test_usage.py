"""How an answer ended and what it used, said by each upstream in its way, is the same to every client."""

from typing import Any

import pytest
from tests.unit.dialects.pairs import DIALECTS, UPSTREAMS, Json, told

ENDS: dict[str, dict[str, Any]] = {  # how each upstream says why it ended
    "stop": {
        "openai": "stop",
        "anthropic": "end_turn",
        "gemini": "STOP",
        "bedrock": "end_turn",
        "cohere": "COMPLETE",
        "responses": ("completed", None),
    },
    "length": {
        "openai": "length",
        "anthropic": "max_tokens",
        "gemini": "MAX_TOKENS",
        "bedrock": "max_tokens",
        "cohere": "MAX_TOKENS",
        "responses": ("incomplete", {"reason": "max_output_tokens"}),
    },
    "filter": {
        "openai": "content_filter",
        "anthropic": "refusal",
        "gemini": "SAFETY",
        "bedrock": "guardrail_intervened",
        "cohere": "ERROR_TOXIC",
        "responses": ("incomplete", {"reason": "content_filter"}),
    },
}
CACHED, READ, MADE, ALL = 40, 60, 50, 150  # tokens out of the cache, others of the prompt, of the answer, all of them


def answer(upstream: str, end: Any) -> Json:
    text = {"type": "text", "text": "so"}
    if upstream == "openai":
        usage: Json = {"prompt_tokens": CACHED + READ, "completion_tokens": MADE, "total_tokens": ALL}
        choice = {"finish_reason": end, "message": {"role": "assistant", "content": "so"}}
        usage["prompt_tokens_details"] = {"cached_tokens": CACHED}
        return {"id": "x", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    if upstream == "anthropic":
        usage = {"input_tokens": READ, "cache_read_input_tokens": CACHED, "output_tokens": MADE}
        return {"id": "x", "content": [text], "stop_reason": end, "usage": usage}
    if upstream == "gemini":
        usage = {"promptTokenCount": CACHED + READ, "cachedContentTokenCount": CACHED, "candidatesTokenCount": MADE}
        candidate = {"finishReason": end, "content": {"parts": [{"text": "so"}]}}
        return {"candidates": [candidate], "usageMetadata": usage | {"totalTokenCount": ALL}}
    if upstream == "bedrock":
        usage = {"inputTokens": READ, "cacheReadInputTokens": CACHED, "outputTokens": MADE, "totalTokens": ALL}
        return {"output": {"message": {"content": [{"text": "so"}]}}, "stopReason": end, "usage": usage}
    if upstream == "cohere":
        usage = {"tokens": {"input_tokens": CACHED + READ, "output_tokens": MADE}, "cached_tokens": CACHED}
        return {"id": "x", "finish_reason": end, "message": {"content": [text]}, "usage": usage}
    usage = {"input_tokens": CACHED + READ, "output_tokens": MADE, "total_tokens": ALL}
    usage["input_tokens_details"] = {"cached_tokens": CACHED}
    message = {"type": "message", "content": [text | {"type": "output_text"}]}
    status = {"status": end[0], "incomplete_details": end[1]}
    return {"id": "x", "created_at": 1, "output": [message], "usage": usage, **status}


def ended(client: str, said: Json) -> Any:
    if client == "chat":
        return said["choices"][0]["finish_reason"]
    if client == "messages":
        return said["stop_reason"]
    return said["candidates"][0]["finishReason"] if client == "gemini" else (said["status"], said["incomplete_details"])


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("end", ENDS)
def test_why_it_ended(end: str, client: str, upstream: str) -> None:
    own = {"chat": "openai", "messages": "anthropic"}.get(client, client)
    assert ended(client, told(client, upstream, answer(upstream, ENDS[end][upstream]))) == ENDS[end][own]


@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", DIALECTS)
def test_what_it_used(client: str, upstream: str) -> None:
    said = told(client, upstream, answer(upstream, ENDS["stop"][upstream]))
    usage = said["usageMetadata"] if client == "gemini" else said["usage"]
    wanted: dict[str, Any] = {
        "chat": {"prompt_tokens": CACHED + READ, "completion_tokens": MADE, "total_tokens": ALL},
        "messages": {"input_tokens": READ, "cache_read_input_tokens": CACHED, "output_tokens": MADE},
        "gemini": {"promptTokenCount": CACHED + READ, "cachedContentTokenCount": CACHED, "candidatesTokenCount": MADE},
        "responses": {"input_tokens": CACHED + READ, "output_tokens": MADE, "total_tokens": ALL},
    }
    assert wanted[client].items() <= usage.items()
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {"cached_tokens": CACHED}
    assert details["cached_tokens"] == CACHED
