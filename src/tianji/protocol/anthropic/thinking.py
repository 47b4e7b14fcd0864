"""How much a model is to think, and how long its answer may be: the two depend on each other.

https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking and .../adaptive-thinking
"""

from typing import Any, Final

from tianji.protocol.chat.effort import BUDGETS, OFF, adaptive, forgot_thoughts
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import Target
from tianji.protocol.chat.support import refuse

LEAST: Final = 1024  # tokens; the smallest budget that Anthropic takes
USUAL_MAX: Final = 4096  # tokens of an answer where nobody knows what the model can write


def set_thinking(body: dict[str, Any], request: Request, target: Target, *, forced: bool) -> bool:
    """Set `max_tokens`, `thinking` and the effort in a body; whether the model will think. forced: it has to call."""
    asked = request.max_completion_tokens if request.max_tokens is None else request.max_tokens
    usual = target.max_output_tokens or USUAL_MAX
    body["max_tokens"] = usual if asked is None else asked
    thinking = request.thinking
    if thinking is None and request.reasoning_effort is None:
        return False
    if thinking is None:
        thinking = _from_effort(body, request.reasoning_effort, asked, target)
    elif "budgetTokens" in thinking:
        thinking = {name: value for name, value in thinking.items() if name != "budgetTokens"}
        thinking["budget_tokens"] = request.thinking["budgetTokens"] if request.thinking else LEAST
    if thinking is None:
        return False
    leaves_out = request.thinking is None or target.modify_params
    if leaves_out and thinking.get("type") == "enabled" and forgot_thoughts(request):
        return False
    if thinking.get("type") != "disabled" and forced:
        refuse(target, "tool_choice", "it cannot be forced while it thinks")
        return False
    body["thinking"] = thinking
    budget = thinking.get("budget_tokens")
    if asked is None and isinstance(budget, int) and budget >= usual:
        body["max_tokens"] = budget + USUAL_MAX
    return thinking.get("type") != "disabled"


def _from_effort(body: dict[str, Any], effort: str | None, asked: int | None, target: Target) -> dict[str, Any] | None:
    if effort is None or effort == "default":
        return None
    if effort in OFF:
        return {"type": "disabled"}
    if effort not in BUDGETS or target.facts.get("supports_reasoning") is False:
        refuse(
            target, "reasoning_effort", f"{effort!r} is not what it knows" if effort not in BUDGETS else "no thought"
        )
        return None
    if (said := adaptive(effort, target.facts)) is not None:
        body["output_config"] = said["output_config"]
        thinking: dict[str, Any] = said["thinking"]
        return thinking
    budget = max(LEAST, BUDGETS[effort])
    if asked is not None and budget >= asked:
        if asked <= LEAST:
            refuse(target, "reasoning_effort", f"thinking takes {LEAST} tokens at least, and max_tokens is {asked}")
            return None
        budget = asked - 1
    return {"type": "enabled", "budget_tokens": budget}


def sampling(request: Request, target: Target, *, thinks: bool) -> dict[str, Any]:
    """Return temperature, top_p and top_k, as far as the model takes them.

    Newer models take none of them, and one that thinks takes only its usual temperature.
    """
    found: dict[str, Any] = {}
    if request.temperature is None and request.top_p is None and request.top_k is None:
        return found
    takes = target.facts.get("supports_sampling_params") is not False
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(request, name)
        if value is None:
            continue
        if name in target.allowed or (takes and not (thinks and name != "top_p")):
            found[name] = value
        elif name != "temperature" or value != 1:
            why = "only 1 is possible while it thinks" if takes and name == "temperature" else "it takes none"
            refuse(target, name, "not while it thinks" if takes and name == "top_k" else why)
    return found
