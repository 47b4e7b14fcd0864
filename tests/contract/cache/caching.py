"""What the tests of the cache share: models behind one, and how they are asked."""

from typing import Any

import httpx
from tests.contract.harness import MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, openai_model

HIT = "x-tianji-cache-hit"
KEY = "x-tianji-cache-key"
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}


def config(mock: Mock, **params: object) -> dict[str, Any]:
    base = mock.url
    ranks = {"model": "cohere/rerank-v3.5", "api_base": base, "api_key": UPSTREAM_KEY}
    claude = {"model": "anthropic/claude-up", "api_base": base, "api_key": UPSTREAM_KEY}
    return {
        "model_list": [
            openai_model("gpt-test", "gpt-up", base, **PRICES),
            openai_model("twin", "gpt-up", base),
            openai_model("native", "native-up", base, use_chat_completions_api=False),
            openai_model("embed", "embed-up", base),
            openai_model("one-at-a-time", "slow-up", base, max_parallel_requests=1),
            openai_model("pair", "pair-up", base),
            openai_model("pair", "pair-up", base),
            openai_model("first", "first-up", base),
            openai_model("second", "second-up", base),
            openai_model("listener", "listener-up", base),
            {"model_name": "claude", "litellm_params": claude},
            {"model_name": "ranks", "litellm_params": ranks},
        ],
        "router_settings": {
            "num_retries": 0,
            "stream_recovery": True,
            "disable_cooldowns": True,
            "model_group_alias": {"nickname": "gpt-test"},
            "fallbacks": [{"first": ["second"]}],
        },
        "litellm_settings": {"cache": True, "cache_params": {"type": "local", **params}},
    }


def ask(gateway: Gateway, with_key: str = MASTER_KEY, **members: object) -> httpx.Response:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "one two three"}], **members}
    return gateway.chat(body, authorization=f"Bearer {with_key}")


def hit(answer: httpx.Response) -> bool:
    assert answer.status_code == 200, answer.text
    return answer.headers.get(HIT) == "true"


def key(gateway: Gateway, **fields: object) -> str:
    answer = gateway.post("/key/generate", fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])
