"""How hard a model is to think, in the two notions of the field: an effort in words, and a budget of tokens.

`reasoning_effort` is OpenAI's (https://platform.openai.com/docs/guides/reasoning), a budget is Anthropic's and Google's
(https://ai.google.dev/gemini-api/docs/thinking). The figures are those that clients of LiteLLM know.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tianji.protocol.chat.request import Request

BUDGETS: Mapping[str, int] = {
    "minimal": 128,
    "low": 1024,
    "medium": 2048,
    "high": 4096,
    "xhigh": 8192,
    "max": 16384,
}
_ADAPTIVE = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
OFF = frozenset({"none", "disable"})


class Thinking(Struct, frozen=True):
    """What a request asks for. `budget`: tokens, None where the client left it to the model; `effort` in words."""

    on: bool
    budget: int | None = None
    effort: str | None = None


def effort_of(budget: int) -> str:
    """Return the effort that a budget stands for."""
    if budget >= BUDGETS["high"]:
        return "high"
    if budget >= BUDGETS["medium"]:
        return "medium"
    return "low" if budget >= BUDGETS["low"] else "minimal"


def thinking_of(request: Request) -> Thinking | None:
    """Return what the request says of thinking, None for nothing; `thinking` is more exact and wins."""
    if request.thinking is not None:
        return _of_block(request.thinking)
    effort = request.reasoning_effort
    if effort is None or effort == "default":
        return None
    if effort in OFF:
        return Thinking(on=False)
    return Thinking(on=True, budget=BUDGETS.get(effort), effort=effort)


def adaptive(effort: str, facts: Mapping[str, object]) -> dict[str, Any] | None:
    """Return how Claude is told an effort, None for a model that is told a budget of tokens instead."""
    if facts.get("supports_adaptive_thinking") is not True:
        return None
    named = effort if facts.get(f"supports_{effort}_reasoning_effort") is True else _ADAPTIVE[effort]
    return {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": named}}


def forgot_thoughts(request: Request) -> bool:
    """Tell whether a model is to go on from calls of tools whose reasoning the client did not hand back.

    Claude then refuses to think (https://docs.claude.com/en/docs/build-with-claude/extended-thinking), and clients of
    OpenAI's, who ask for an effort, have no place for what it thought.
    """
    for message in reversed(request.messages):
        if message.role in ("tool", "function"):
            continue
        content = message.content if isinstance(message.content, list) else ()
        thoughts = message.thinking_blocks or any(part.type.endswith("thinking") for part in content)
        return message.role == "assistant" and bool(message.tool_calls) and not thoughts
    return False


def _of_block(block: Mapping[str, Any]) -> Thinking:
    if block.get("type") == "disabled":
        return Thinking(on=False)
    budget = block.get("budget_tokens")
    if not isinstance(budget, int):
        return Thinking(on=True)
    return Thinking(on=budget != 0, budget=budget, effort=effort_of(budget))
