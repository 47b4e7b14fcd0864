"""OpenAI's chat (https://platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Mapping
from typing import Any, Final

from tianji.guardrails.content import Kind
from tianji.guardrails.slots.called import CALLED
from tianji.guardrails.slots.document import CallPlace, Calls, Tools
from tianji.guardrails.slots.sheet import NO_CALLS, Sheet, Voice, call_of, choice_of, listed, tools_of
from tianji.guardrails.slots.texts import Json, Path, encoded

SETTINGS: Final = frozenset(
    {
        "model", "messages", "tools", "functions", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p",
        "n", "best_of", "stop", "max_tokens", "max_completion_tokens", "max_output_tokens", "presence_penalty",
        "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs", "seed", "user",
        "safety_identifier", "response_format", "tool_choice", "function_call", "parallel_tool_calls",
        "reasoning_effort", "reasoning", "thinking", "verbosity", "modalities", "audio", "service_tier",
        "prompt_cache_key", "prompt_cache_retention", "store", "metadata", "web_search_options", "guardrails",
        "guardrail_config", "include_guardrail_response", "tags", "cache", "ttl", "no-log", "timeout",
        "request_timeout", "num_retries", "fallbacks", "mock_response", "litellm_session_id", "litellm_trace_id",
        "litellm_call_id", "provider", "extra_headers", "include", "background", "truncation", "conversation",
        "previous_response_id", "max_tool_calls", "text", "echo", "context_management", "mcp_servers", "container",
        "betas", "output_config", "anthropic_version", "stop_sequences", "inference_geo", "speed",
    }
)  # fmt: skip
"""Members of a request that steer it and are no text for a model; what stands beside them is read."""
_KINDS: Final = {
    "system": Kind.INSTRUCTIONS,
    "developer": Kind.INSTRUCTIONS,
    "tool": Kind.TOOL_RESULT,
    "function": Kind.TOOL_RESULT,
}
CUSTOM: Final = CALLED["custom_tool_call"].kinds
_SYSTEM: Final = Voice("system", Kind.INSTRUCTIONS)
FRAME: Final = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider"}
)
"""Members of an answer around what is said."""
_OF_CHOICES: Final = frozenset({"message", "delta", "logprobs", "index", "finish_reason", "content_filter_results"})
_OWN: Final = frozenset({"role", "tool_call_id", "tool_calls", "function_call", "name"})


def request(sheet: Sheet, body: Json) -> None:
    """Read what a model is asked."""
    for name in ("tools", "functions", "response_format"):
        sheet.described(body.get(name), (name,))
    messages = body.get("messages")
    if not isinstance(messages, list):
        sheet.said(messages, ("messages",), _SYSTEM)
    for number, message in enumerate(listed(messages)):
        path: Path = ("messages", number)
        if isinstance(message, dict):
            _message(sheet, message, path, _voice(message, number), NO_CALLS)
        else:
            sheet.said(message, path, Voice(message=number))
    beside(sheet, body)
    if "tools" in body:
        choice = choice_of(body, "tool_choice", b'"none"', "parallel_tool_calls")
        sheet.declared(Tools(("tools",), tools_of(body["tools"], dict), dict, choice=choice))
    elif "functions" in body:
        read = tools_of(body["functions"], lambda function: {"type": "function", "function": function})
        choice = choice_of(body, "function_call")
        sheet.declared(Tools(("functions",), read, lambda tool: tool.get("function"), choice=choice))


def beside(sheet: Sheet, body: Json, known: frozenset[str] = frozenset()) -> None:
    """Read the texts of members that are neither settings nor among the `known`: a vendor's own, or a prediction."""
    for name, value in body.items():
        if name not in SETTINGS and name not in known:
            sheet.said(value, (name,), _SYSTEM)


def response(sheet: Sheet, body: Json) -> None:
    """Read what a model has answered."""
    if not isinstance(body.get("choices"), list):
        sheet.said(body.get("choices"), ("choices",), Voice("assistant"))
    for number, choice in enumerate(listed(body.get("choices"))):
        path: Path = ("choices", number)
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            sheet.said(choice, path, Voice("assistant", message=number))
            continue
        echo: Path = (*path, "logprobs") if choice.get("logprobs") else ()
        ends = choice.get("finish_reason") in ("tool_calls", "function_call")
        calls = Calls((*path, "message", "tool_calls"), (*path, "finish_reason") if ends else (), b'"stop"')
        voice = Voice("assistant", message=number, echo=echo)
        _message(sheet, message, (*path, "message"), voice, calls)
        sheet.said({name: value for name, value in choice.items() if name not in _OF_CHOICES}, path, voice)
    sheet.said({name: value for name, value in body.items() if name not in FRAME}, (), Voice("assistant"))


def advise(body: Json, instructions: str) -> tuple[str, bytes] | None:
    """Return the messages with another one, of the system's, before them."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return None
    return "messages", encoded([{"role": "system", "content": instructions}, *messages])


def _voice(message: Json, number: int) -> Voice:
    role = message.get("role")
    if not isinstance(role, str):
        return Voice(message=number)
    return Voice(role, _KINDS.get(role, Kind.SAID), number)


def _message(sheet: Sheet, message: Json, path: Path, voice: Voice, calls: Calls) -> None:
    for name, value in message.items():
        if name not in _OWN:
            if isinstance(value, str | list | dict):
                sheet.said({name: value}, path, voice)
        elif name == "name" and isinstance(value, str) and voice.kind is not Kind.TOOL_RESULT:
            sheet.text(value, (*path, name), voice)
        elif name == "tool_calls":
            for number, call in enumerate(listed(value)):
                _call(sheet, call, (*path, name, number), voice, calls)
        elif name == "function_call" and isinstance(value, dict):
            _function(sheet, value, (*path, name), (*path, name), voice, calls)


def _call(sheet: Sheet, call: object, path: Path, voice: Voice, calls: Calls) -> None:
    function = call.get("function") if isinstance(call, dict) else None
    custom = call.get("custom") if isinstance(call, dict) else None
    if isinstance(function, dict) and isinstance(call, dict):
        _function(sheet, {"id": call.get("id"), **function}, path, (*path, "function"), voice, calls)
    elif isinstance(custom, dict) and isinstance(custom.get("input"), str) and isinstance(call, dict):
        made = call_of(custom.get("name"), custom["input"], call.get("id"), voice.message, CUSTOM)
        at: Path = (*path, "custom")
        sheet.call(made, CallPlace(path, (*at, "name"), (*at, "input"), string=True, calls=calls))
    else:
        sheet.said(call, path, voice)


def _function(sheet: Sheet, function: Mapping[str, Any], path: Path, holder: Path, voice: Voice, calls: Calls) -> None:
    arguments = function.get("arguments")
    call = call_of(function.get("name"), arguments, function.get("id"), voice.message)
    place = CallPlace(path, (*holder, "name"), (*holder, "arguments"), not isinstance(arguments, dict | list), calls)
    sheet.call(call, place, arguments)
