"""Datadog's LLM Observability: a span a request (https://docs.datadoghq.com/llm_observability/instrumentation/api/).

What was said is text there, calls of tools stand beside it, and facts are texts, numbers or truths.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tianji.callbacks.accounts.datadog import ACCEPTED, account
from tianji.callbacks.event import LogEvent
from tianji.callbacks.forms import encode, present, unique
from tianji.callbacks.otlp.conversation import Call, Message, answered, asked
from tianji.callbacks.said import value
from tianji.callbacks.sink import Delivery, Given, Sink

_KINDS: Final = {"aembedding": "embedding", "arerank": "retrieval", "_arealtime": "task"}
_ASKED: Final = ("temperature", "max_tokens")
_PATH: Final = "/api/intake/llm-obs/v1/trace/spans"


def build(given: Given) -> Sink:
    """Make it of DD_API_KEY and DD_SITE, or of an agent's LITELLM_DD_AGENT_HOST; DD_LLMOBS_ML_APP is its name."""
    place = account(given, "api", ("LITELLM_DD_LLM_OBS_PORT", "8126"))
    app = given.text("ml_app", "DD_LLMOBS_ML_APP", default=place.names["service"])

    def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        spans = [_span(event, place.tags_of(event)) for event in events]
        attributes = {"ml_app": app, "tags": list(place.tags), "spans": spans}
        body = encode({"data": {"type": "span", "attributes": attributes}})
        yield Delivery(place.base + _PATH, body, place.headers, accepted=ACCEPTED)

    return Sink(given.name, write, batch=100)


def _span(event: LogEvent, tags: list[str]) -> dict[str, Any]:
    own, usage = event.said, event.usage
    cached, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    known = event.error_information or {}
    error = {"message": event.error_str, "type": known.get("error_class")} if event.failed else None
    facts = {**event.metadata, **{name: event.model_parameters.get(name) for name in _ASKED}}
    return present({
        "parent_id": str(own.get("parent_id") or "undefined"),
        "trace_id": event.trace_id,
        "span_id": str(own.get("span_id") or unique(event)),
        "name": str(own.get("name") or "litellm_llm_call"),
        "meta": present({
            "kind": _KINDS.get(event.call_type, "llm"),
            "input": {"messages": _messages(asked(event.messages), event.messages)},
            "output": {"messages": [] if event.failed else _messages(answered(event.response), None)},
            "metadata": _plain({**facts, "model_name": event.model, "model_provider": event.custom_llm_provider}),
            "error": error,
            "tool_definitions": _tools(event.model_parameters.get("tools")),
        }),
        "start_ns": round(event.started * 1e9),
        "duration": round((event.ended - event.started) * 1e9),
        "metrics": {
            "input_tokens": event.prompt_tokens,
            "output_tokens": event.completion_tokens,
            "total_tokens": event.total_tokens,
            "total_cost": event.response_cost,
            "time_to_first_token": event.response_time if event.stream else 0.0,
            "cache_read_input_tokens": cached,
            "cache_write_input_tokens": written,
            "non_cached_input_tokens": max(0, event.prompt_tokens - cached - written),
            "reasoning_output_tokens": usage["reasoning_tokens"],
        },
        "status": "error" if event.failed else "ok",
        "session_id": event.session_id,
        "tags": tags,
    })  # fmt: skip


def _messages(known: Sequence[Message], whole: Any) -> list[dict[str, Any]]:
    """Return messages as Datadog has them. `whole`: what was said, which is told as it is where nothing is known."""
    if known:
        return [_message(one) for one in known]
    return [] if whole is None else [{"role": "user", "content": whole if isinstance(whole, str) else _text(whole)}]


def _message(said: Message) -> dict[str, Any]:
    results = None if said.answers is None else [{"tool_id": said.answers, "result": said.text}]
    calls = [_call(one) for one in said.calls] or None
    return present({"role": said.role, "content": said.text, "tool_calls": calls, "tool_results": results})


def _call(call: Call) -> dict[str, Any]:
    arguments = value(call.arguments.encode())
    known = arguments if isinstance(arguments, dict) else {"arguments": call.arguments}
    return {"name": call.name, "tool_id": call.id, "arguments": known, "type": "function"}


def _tools(listed: Any) -> list[dict[str, Any]] | None:
    """Return the tools of a request in OpenAI's or Anthropic's form."""
    tools = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [_tool(one, inner if isinstance(inner := one.get("function"), dict) else one) for one in tools] or None


def _tool(tool: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return present({
        "name": str(known.get("name") or tool.get("type")),
        "description": known.get("description"),
        "schema": known.get("parameters", known.get("input_schema")),
    })  # fmt: skip


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts of which each is a text, a number or a truth: of others their JSON."""
    return {name: one if isinstance(one, str | int | float) else _text(one) for name, one in present(facts).items()}


def _text(said: Any) -> str:
    return encode(said).decode()
