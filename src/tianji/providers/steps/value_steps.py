"""Changes to single values: clamps, reasoning effort, service tiers, extras of one engine."""

from collections.abc import Mapping

from msgspec import Struct

from tianji.providers.steps.step import Judge, Step
from tianji.providers.upstream import Body

_EFFORT = frozenset({"reasoning_effort"})
_BUDGETS = ((4096, "high"), (2048, "medium"), (1024, "low"))  # tokens of thinking, from this many on


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of a number; a value beyond is clamped. `min_with_n` is the lower bound when `n` is over 1."""

    min: float | None = None
    max: float | None = None
    min_with_n: float | None = None


def clamp(limits: Mapping[str, Limit]) -> Step:
    """Clamp numbers into their limits."""

    def run(body: Body) -> None:
        n = body.get("n")
        many = isinstance(n, int) and n > 1
        for name, limit in limits.items():
            value = body.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            low = limit.min_with_n if many and limit.min_with_n is not None else limit.min
            if low is not None and value < low:
                body[name] = low
            elif limit.max is not None and value > limit.max:
                body[name] = limit.max

    several = frozenset({"n"}) if any(limit.min_with_n is not None for limit in limits.values()) else frozenset()
    return Step(run, frozenset(limits) | several)


def single_choice(judge: Judge) -> Step:
    """For upstreams without `n`: 1 says nothing and is removed; more is refused."""

    def run(body: Body) -> None:
        if body.get("n") in (None, 1):
            body.pop("n", None)
        else:
            judge.reject(body, "n", "it gives one choice only")

    return Step(run, frozenset({"n"}))


def base64_or_nothing(_: Judge) -> Step:
    """Remove an `encoding_format` of `float`: vectors come so when nothing is said, and no other word is known."""

    def run(body: Body) -> None:
        if body.get("encoding_format") == "float":
            del body["encoding_format"]

    return Step(run, frozenset({"encoding_format"}))


def no_temperature(_: Judge) -> Step:
    """Remove the temperature, which models of this kind fix themselves."""

    def run(body: Body) -> None:
        body.pop("temperature", None)

    return Step(run, frozenset({"temperature"}))


def merge_extra_body(kept_out: frozenset[str]) -> Step:
    """Put the members of the client's `extra_body` beside the others; `model` and the names `kept_out` are left out."""

    def run(body: Body) -> None:
        extra = body.pop("extra_body", None)
        if isinstance(extra, dict):
            body.update({k: v for k, v in extra.items() if k != "model" and k not in kept_out})

    return Step(run, frozenset({"extra_body"}))


def short_stop(_: Judge) -> Step:
    """Cut a list of stop sequences to the four that OpenAI's hosts take."""

    def run(body: Body) -> None:
        stop = body.get("stop")
        if isinstance(stop, list):
            body["stop"] = stop[:4]

    return Step(run, frozenset({"stop"}))


def groq_service_tier(_: Judge) -> Step:
    """Take auto, default and flex; any other tier becomes auto."""

    def run(body: Body) -> None:
        if body.get("service_tier") not in (None, "auto", "default", "flex"):
            body["service_tier"] = "auto"

    return Step(run, frozenset({"service_tier"}))


def thinking_as_effort(_: Judge) -> Step:
    """Turn a budget of thinking tokens into `reasoning_effort`."""

    def run(body: Body) -> None:
        thinking = body.get("thinking")
        if not isinstance(thinking, dict):
            return
        del body["thinking"]
        budget = thinking.get("budget_tokens")
        if thinking.get("type") == "enabled" and isinstance(budget, int):
            effort = next((word for least, word in _BUDGETS if budget >= least), "minimal")
            body.setdefault("reasoning_effort", effort)

    return Step(run, frozenset({"thinking"}))


def effort_as_word(_: Judge) -> Step:
    """Take `reasoning_effort` in the form of the Responses API, `{"effort": word}`, for the word."""

    def run(body: Body) -> None:
        effort = body.get("reasoning_effort")
        if isinstance(effort, dict) and isinstance(effort.get("effort"), str):
            body["reasoning_effort"] = effort["effort"]

    return Step(run, _EFFORT)


def effort_as_thinking(_: Judge) -> Step:
    """DeepSeek: effort `none` disables thinking, any other enables it; a `thinking` of the client wins."""

    def run(body: Body) -> None:
        effort = body.pop("reasoning_effort", None)
        if not isinstance(effort, str):
            return
        if effort != "none":
            body["reasoning_effort"] = effort
        body.setdefault("thinking", {"type": "disabled" if effort == "none" else "enabled"})

    return Step(run, _EFFORT)


def together_effort(judge: Judge) -> Step:
    """Together: gpt-oss knows low to high only; effort `none` is a switch of its own."""

    def run(body: Body) -> None:
        effort = body.get("reasoning_effort")
        if effort == "none":
            del body["reasoning_effort"]
            body.setdefault("reasoning", {"enabled": False})
        elif "gpt-oss" in judge.model and isinstance(effort, str):
            body["reasoning_effort"] = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)

    return Step(run, _EFFORT)


def openrouter_effort(_: Judge) -> Step:
    """OpenRouter's highest effort is called xhigh."""

    def run(body: Body) -> None:
        if body.get("reasoning_effort") == "max":
            body["reasoning_effort"] = "xhigh"

    return Step(run, _EFFORT)


def thinking_beats_effort(_: Judge) -> Step:
    """Fireworks takes one of `thinking` and `reasoning_effort`; the first is the more precise."""

    def run(body: Body) -> None:
        if body.get("thinking") is not None:
            body.pop("reasoning_effort", None)

    return Step(run, _EFFORT)


def vllm_extras(_: Judge) -> Step:
    """Turn vLLM's own names for guided decoding and truncation into Fireworks'."""

    def run(body: Body) -> None:
        schema, grammar = body.pop("guided_json", None), body.pop("guided_grammar", None)
        if schema is not None:
            wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            body.setdefault("response_format", wanted)
        elif grammar is not None:
            body.setdefault("response_format", {"type": "grammar", "grammar": grammar})
        if "truncate_prompt_tokens" in body:
            body["prompt_truncate_len"] = body.pop("truncate_prompt_tokens")

    return Step(run, frozenset({"guided_json", "guided_grammar", "truncate_prompt_tokens"}))
