"""What a deployment would be sent for a request, and which of OpenAI's parameters it takes. Nothing is sent."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from tianji._core.bodies.spans import ObjectSpans, scan
from tianji._core.edges.exchange import Exchange
from tianji._core.requests.shaping import shape_body
from tianji._core.requests.silent import SilentExchange
from tianji._core.routing.router import Deployment, Plan, Table
from tianji.errors import UnsupportedParams
from tianji.gateway.compiled.reshaping import reshaped
from tianji.gateway.translation.translating import Translation

_FUNCTION: Final = {"name": "f", "parameters": {"type": "object", "properties": {}}}
_TOOLS: Final = [{"type": "function", "function": _FUNCTION}]
PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logit_bias": {"logit_bias": {"1": 1}},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 1},
    "max_tokens": {"max_tokens": 4096},
    "max_completion_tokens": {"max_completion_tokens": 4096},
    "modalities": {"modalities": ["text"]},
    "prediction": {"prediction": {"type": "content", "content": "a"}},
    "n": {"n": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "seed": {"seed": 1},
    "stop": {"stop": ["a"]},
    "stream": {"stream": True},
    "stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "tools": {"tools": _TOOLS},
    "tool_choice": {"tools": _TOOLS, "tool_choice": "auto"},
    "function_call": {"functions": [_FUNCTION], "function_call": "auto"},
    "functions": {"functions": [_FUNCTION]},
    "parallel_tool_calls": {"tools": _TOOLS, "parallel_tool_calls": True},
    "audio": {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}},
    "web_search_options": {"web_search_options": {}},
    "service_tier": {"service_tier": "auto"},
    "safety_identifier": {"safety_identifier": "a"},
    "prompt_cache_key": {"prompt_cache_key": "a"},
    "prompt_cache_retention": {"prompt_cache_retention": "24h"},
    "store": {"store": True},
    "response_format": {"response_format": {"type": "json_object"}},
    "verbosity": {"verbosity": "low"},
    "reasoning_effort": {"reasoning_effort": "low"},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
    "user": {"user": "a"},
}
"""The parameters of chat, each with the members of a request that has it."""


class Question(Struct, frozen=True):
    """What a passage has to know of a request that has no client; see `passages.Sought`."""

    table: Table
    exchange: Exchange
    spans: ObjectSpans
    model: str
    model_json: bytes
    stream: bool = False


def question(table: Table, model: str, text: bytes, *, stream: bool = False) -> Question:
    """Return a request with this body. model: the upstream's name."""
    return Question(table, SilentExchange("", text, None), scan(text), model, msgspec.json.encode(model), stream)


async def written(plan: Plan, asked: Question) -> bytes:
    """Return head and body of what would go out, with the credentials of the deployment.

    Raises what a request would: UnsupportedParams, InvalidRequest, and what comes of credentials that cannot be had.
    """
    if plan.passage is None:
        body = shape_body(plan, asked.spans, asked.model_json, asked.stream).body
        return b"%b%d\r\n\r\n%b" % (plan.head, len(body), body)
    credentials = None if plan.passage.place.awaits is None else plan.passage.place.awaits()
    if credentials is not None:
        await credentials
    found = plan.passage.begin(plan, asked, asked.model_json, plan.head).request
    return found if isinstance(found, bytes) else b"".join(found)


def parameters_of(table: Table, deployment: Deployment) -> list[str]:
    """Return the parameters of chat that a deployment takes, whatever it would drop of the others."""
    plan = deployment.plans.get("chat")
    if plan is None:
        return []
    strict = reshaped(plan, drop_params=False, additional=(), allowed=())
    return [name for name, members in PARAMETERS.items() if _takes(table, strict, deployment.model, name, members)]


def _takes(table: Table, plan: Plan, model: str, name: str, members: Mapping[str, Any]) -> bool:
    if name in plan.shaping.drop:
        return False
    body = {"model": model, "messages": [{"role": "user", "content": "a"}], **members}
    asked = question(table, model, msgspec.json.encode(body), stream="stream" in members)
    try:
        if isinstance(plan.passage, Translation):
            plan.passage.read(plan, asked, asked.model_json, None, False, False)
        else:
            shape_body(plan, asked.spans, asked.model_json, asked.stream)
    except UnsupportedParams:
        return False
    return True
