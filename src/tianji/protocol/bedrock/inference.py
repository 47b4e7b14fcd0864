"""Sampling and thinking as Bedrock takes them: what all models know, and what each vendor calls his own way.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html and
https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
"""

from typing import Any

from tianji.protocol.bedrock.models import family_of
from tianji.protocol.chat.effort import Thinking, adaptive, forgot_thoughts, thinking_of
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse, without_none

Json = dict[str, Any]
_LEAST = 1024  # tokens that Claude thinks with
_ROOM = 4096  # tokens for the answer beside the thoughts, where the client names no limit
_NOVA_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium"}


def inference_of(request: Request, target: Target, choice: Json) -> tuple[Json, Json]:
    """Return the inferenceConfig and the additionalModelRequestFields. `choice`: the toolChoice, empty for none.

    Raises UnsupportedParams for what the model does not take.
    """
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    config = without_none(
        {
            "maxTokens": limit,
            "temperature": request.temperature,
            "topP": request.top_p,
            "stopSequences": [request.stop] if isinstance(request.stop, str) else request.stop or None,
        }
    )
    more: Json = {}
    kind = family_of(target)
    if request.top_k is not None:
        if kind in ("nova", "nova-2"):
            more["inferenceConfig"] = {"topK": request.top_k}
        else:
            more["top_k"] = request.top_k
    if request.parallel_tool_calls is False and request.tools:
        _one_call_at_a_time(request, target, choice, more)
    thinking = thinking_of(request)
    if thinking is not None:
        if kind == "claude":
            _think_as_claude(thinking, request, target, config, more, forced=bool({"any", "tool"} & choice.keys()))
        else:
            _think(thinking, request, target, more)
    return config, more


def _one_call_at_a_time(request: Request, target: Target, choice: Json, more: Json) -> None:
    if family_of(target) == "claude":
        ((kind, named),) = choice.items() or (("auto", {}),)
        more["tool_choice"] = {"type": kind, **named, "disable_parallel_tool_use": True}
    elif len(request.tools or []) > 1:
        refuse(target, "parallel_tool_calls", "calls in parallel cannot be switched off")


def thinks_as_claude(request: Request, target: Target) -> bool:
    """Tell whether a model will think in Claude's way, which no forced call goes with."""
    thinking = thinking_of(request)
    if thinking is None or not thinking.on or family_of(target) != "claude":
        return False
    if target.facts.get("supports_adaptive_thinking") is True:
        return True
    return not ((request.thinking is None or target.modify_params) and forgot_thoughts(request))


def _think_as_claude(
    thinking: Thinking, request: Request, target: Target, config: Json, more: Json, *, forced: bool
) -> None:
    if request.thinking is not None and request.thinking.get("type") not in ("enabled", "disabled"):
        more["thinking"] = request.thinking  # forms of later models
        return
    if not thinking.on:
        if request.thinking is not None:
            more["thinking"] = {"type": "disabled"}
        return
    if not thinks_as_claude(request, target):
        return
    if forced:
        refuse(
            target, "tool_choice" if request.tool_choice else "response_format", "it cannot be forced while it thinks"
        )
        return
    budget = max(thinking.budget or _LEAST, _LEAST)
    effort = request.reasoning_effort if request.thinking is None and thinking.budget is not None else None
    said = None if effort is None else adaptive(effort, target.facts)
    more |= said or {"thinking": {"type": "enabled", "budget_tokens": budget}}
    if config.get("temperature") not in (None, 1):
        refuse(target, "temperature", "it must be 1 while the model thinks")
        del config["temperature"]
    if "maxTokens" not in config:
        room = budget + _ROOM
        config["maxTokens"] = min(room, target.max_output_tokens) if target.max_output_tokens else room


def _think(thinking: Thinking, request: Request, target: Target, more: Json) -> None:
    kind = family_of(target)
    if kind == "nova-2":
        if thinking.on:
            effort = _NOVA_EFFORTS.get(thinking.effort or "medium", "high")
            more["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": effort}
        else:
            more["reasoningConfig"] = {"type": "disabled"}
    elif kind == "gpt-oss" and thinking.on:
        more["reasoning_effort"] = _NOVA_EFFORTS.get(thinking.effort or "medium", "high")
    elif thinking.on:
        refuse(target, "thinking" if request.thinking else "reasoning_effort", "it does not think on demand")
