"""The keys that an entry of every type may have, whatever each vendor calls them, and what they say."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

from tianji.errors import ConfigurationError
from tianji.guardrails.entries import REALTIME
from tianji.guardrails.guardrail import Action, Modes, Route, Talks
from tianji.guardrails.slots.scope import Scope
from tianji.guardrails.vendor import Hook, Type

Streams = Literal["streaming", "non_streaming", "both"]

_SKIPS: Final = "skip_unscannable_attachments"
_NEVER: Final = frozenset({"false", "0", "no", "off", "none", ""})


def is_true(value: object) -> bool:
    """Whether a value means yes, also as a word."""
    return value.strip().lower() not in _NEVER if isinstance(value, str) else bool(value)


_ACTIONS: Final[Mapping[str, Action]] = {
    "block": Action.BLOCK,
    "monitor": Action.MONITOR,
    "log": Action.MONITOR,
    "alert": Action.MONITOR,
    "passthrough": Action.ANSWER,
}
# each with whether requests pass while the vendor is away
_FAILURES: Final[Mapping[str, Callable[[object], bool]]] = {
    "failure_policy": lambda value: value == "fail_open",
    "unreachable_fallback": lambda value: value == "fail_open",
    "fail_open": is_true,
    "fallback_on_error": lambda value: value == "allow",
    "fail_on_error": lambda value: not is_true(value),
    "block_failures": lambda value: not is_true(value),
    "block_on_error": lambda value: not is_true(value),
}
_CHOICES: Final = ("on_flagged", "on_flagged_action")
_SWITCHES: Final[Mapping[str, tuple[bool, Action]]] = {  # the value that decides, and for what
    "monitor_mode": (True, Action.MONITOR),
    "block_on_violation": (False, Action.MONITOR),
    "block_on_detection": (False, Action.MONITOR),
    "disable_exception_on_block": (True, Action.ANSWER),
}
KEYS: Final = frozenset(
    {
        "default_on",
        "timeout",
        "guardrail_timeout",
        "mask_request_content",
        "mask_response_content",
        "violation_message_template",
        "experimental_use_latest_role_message_only",
        "only_scan_new_messages",
        "skip_system_message_in_guardrail",
        "skip_tool_message_in_guardrail",
        "scan_only_tool_results",
        "scan_scope",
        "run_in_parallel",
        "scan_raw_request",
        "stream_scope",
        "logging_only",
        "logging_only_scope",
        "logging_only_continue_on_input_failure",
        "on_sensitive_data",
        "sensitive_data_route_to_model",
        "sticky_session_routing",
        "streaming_sampling_rate",
        "streaming_end_of_stream_only",
        "streaming_buffer_until_moderated",
        "streaming_buffer_release_on_scan",
        "streaming_transform_mode",
        "skip_unscannable_attachments",
        "unscannable_content",
        "end_session_after_n_fails",
        "realtime_violation_message",
        "on_violation",
        *_FAILURES,
        *_CHOICES,
        *_SWITCHES,
    }
)


def fails_open(params: Mapping[str, Any], usual: bool) -> bool:
    """Return whether requests pass while it is away. Raises ConfigurationError for a word that means neither."""
    for key, opens in _FAILURES.items():
        value = params.get(key)
        if value is not None:
            return opens(value.lower() if isinstance(value, str) else value)
    return usual


def action(params: Mapping[str, Any], usual: Action) -> Action:
    """Return what follows where it refuses; a word that only its type knows is the type's to heed."""
    for key in _CHOICES:
        value = params.get(key)
        if isinstance(value, str):
            return _ACTIONS.get(value.lower(), usual)
    for key, (decisive, found) in _SWITCHES.items():
        if key in params and params[key] is not None and is_true(params[key]) is decisive:
            return found
    return usual


def modes(mode: object, own: frozenset[Hook], kind: Type[Any]) -> Modes:
    """Return when it runs. `own`: where its entry does not say. Raises ConfigurationError for a mode it cannot have."""
    if mode in (None, []):
        return Modes(own)
    if isinstance(mode, Mapping):
        tags = mode.get("tags")
        if not isinstance(tags, Mapping) and "default" not in mode:
            raise ConfigurationError("has neither `tags` nor `default`")
        by_tag = {str(tag): _hooks(hooks, kind) for tag, hooks in (tags or {}).items()}
        return Modes(_hooks(mode["default"], kind) if mode.get("default") is not None else frozenset(), by_tag)
    return Modes(_hooks(mode, kind))


def _hooks(written: object, kind: Type[Any]) -> frozenset[Hook]:
    names = [written] if isinstance(written, str) else written
    if not isinstance(names, list | tuple) or not names:
        raise ConfigurationError("is not a mode of a guardrail")
    found: set[Hook] = set()
    for name in names:
        word = name.lower() if isinstance(name, str) else name
        if word == REALTIME:
            continue
        if word not in frozenset(Hook):
            raise ConfigurationError("is not a mode of a guardrail")
        found.add(Hook(word))
    unsupported = found - kind.hooks - {Hook.LOGGING_ONLY}
    if unsupported:
        raise ConfigurationError(f"{min(unsupported)} is no mode of {kind.names[0]}")
    return frozenset(found)


def scope(params: Mapping[str, Any], defaults: Mapping[str, bool], kind: Type[Any]) -> Scope:
    """Return what it looks at. `defaults`: the skip_* keys of the settings for all."""

    def flag(key: str) -> bool:
        value = params.get(key)
        return defaults.get(key, False) if value is None else is_true(value)

    return Scope(
        skip_system=flag("skip_system_message_in_guardrail"),
        skip_tools=flag("skip_tool_message_in_guardrail"),
        last_role=flag("experimental_use_latest_role_message_only")
        or (kind.last_turn and params.get("scan_scope") != "all"),
        only_tool_results=flag("scan_only_tool_results"),
        descriptions=kind.look is None,  # a vendor is told of tools in its own way, if it wants to hear of them
    )


def only_new(params: Mapping[str, Any]) -> bool:
    """Whether it looks no more at what it has let pass; one that masks has to, since clients send all again."""
    return is_true(params.get("only_scan_new_messages", False)) and not is_true(
        params.get("mask_request_content", False)
    )


def strict(params: Mapping[str, Any], kind: Type[Any]) -> bool:
    """Return whether attachments that it cannot look at are refused. Raises ConfigurationError for another word.

    Where nothing is written they pass, as with LiteLLM; not so for types that have a key of their own for it.
    """
    written = params.get("unscannable_content")
    if written is None:
        return _SKIPS in kind.params.__struct_fields__ and not is_true(params.get(_SKIPS, False))
    if written not in ("allow", "block"):
        raise ConfigurationError("must be allow or block")
    return bool(written == "block")


def streams(params: Mapping[str, Any]) -> dict[Hook, Streams]:
    """Return for which requests it runs, by hook. Raises ConfigurationError for another word."""
    written = params.get("stream_scope")
    if written is None:
        return {}
    by_hook = written if isinstance(written, Mapping) else dict.fromkeys(Hook, written)
    for hook, word in by_hook.items():
        if hook not in frozenset(Hook) or word not in ("streaming", "non_streaming", "both"):
            raise ConfigurationError("must be streaming, non_streaming or both, or one of them by mode")
    return {Hook(hook): cast("Streams", word) for hook, word in by_hook.items()}


def logs(params: Mapping[str, Any]) -> frozenset[str]:
    """Return which directions the logging hook looks at. Raises ConfigurationError for another word."""
    written = params.get("logging_only_scope")
    if written is None:
        return frozenset({"input", "output"})
    if written not in ("input", "output"):
        raise ConfigurationError("must be input or output")
    return frozenset({written})


def route(params: Mapping[str, Any]) -> Route | None:
    """Return where a request goes instead of being refused. Raises ConfigurationError for one that leads nowhere."""
    wanted = params.get("on_sensitive_data")
    if wanted is None or str(wanted).lower() == "block":
        return None
    if str(wanted).lower() != "route":
        raise ConfigurationError("must be block or route")
    model = params.get("sensitive_data_route_to_model")
    if not isinstance(model, str) or not model:
        raise ConfigurationError("route needs sensitive_data_route_to_model")
    return Route(model, is_true(params.get("sticky_session_routing", True)))


def talks(params: Mapping[str, Any]) -> Talks:
    """Return what follows from refusals in conversations. Raises ConfigurationError for what is no number above 0."""
    message = params.get("realtime_violation_message")
    refusals = params.get("end_session_after_n_fails")
    if refusals is None:
        refusals = 1 if params.get("on_violation") == "end_session" else 0
    elif not isinstance(refusals, int) or isinstance(refusals, bool) or refusals < 1:
        raise ConfigurationError("must be a number of refusals above 0")
    return Talks(refusals, message if isinstance(message, str) else "")


def seconds(params: Mapping[str, Any], usual: float) -> float:
    """Return how long a check may take. Raises ConfigurationError for what is no number above 0."""
    value = params.get("timeout", params.get("guardrail_timeout"))
    if value is None:
        return usual
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = 0.0
    if not 0 < found <= 3600:
        raise ConfigurationError("must be a number of seconds above 0")
    return found
