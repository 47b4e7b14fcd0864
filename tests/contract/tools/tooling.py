"""What tests of tools behind the gateway share: how they are called, and how a model calls them."""

import json
from typing import Any

from tests.contract.harness import Gateway
from tests.fakes.vendors import Answer, plain

ACCEPT = {"accept": "application/json, text/event-stream"}


def words(name: str, mode: str, **keywords: str) -> dict[str, Any]:
    blocked = [{"keyword": word, "action": action} for word, action in keywords.items()]
    params = {"guardrail": "litellm_content_filter", "mode": mode, "default_on": True, "blocked_words": blocked}
    return {"guardrail_name": name, "litellm_params": params}


def rpc(gateway: Gateway, method: str, params: Any = None, path: str = "/mcp", **headers: str) -> Any:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}
    answer = gateway.post(path, body, **ACCEPT, **headers)
    assert answer.headers["content-type"] == "application/json", answer.text
    found = answer.json()
    assert (found["jsonrpc"], found["id"]) == ("2.0", 7)
    return found


def call(
    gateway: Gateway, name: str, path: str = "/mcp", headers: dict[str, str] | None = None, **arguments: Any
) -> Any:
    return rpc(gateway, "tools/call", {"name": name, "arguments": arguments}, path, **(headers or {}))


OURS = {"type": "mcp", "server_label": "tools", "server_url": "litellm_proxy/mcp/web", "require_approval": "never"}
TURN = {"role": "user", "content": "say it"}


def chat_answer(content: str | None, *calls: tuple[str, dict[str, Any]]) -> Answer:
    called = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for at, (name, arguments) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": content} | ({"tool_calls": called} if called else {})
    return plain(
        {
            "id": "c", "object": "chat.completion", "created": 1, "model": "gpt",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if called else "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )  # fmt: skip
