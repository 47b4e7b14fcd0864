"""What an object of the operator's is to the gateway: which methods of a logger it has of its own."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tianji.hooks.code import Unusable, find
from tianji.hooks.logger import CustomBatchLogger, CustomLogger, CustomPromptManagement, Listener, ToolRunner

REQUEST_HOOKS: Final = (
    "async_pre_call_hook",
    "async_pre_routing_hook",
    "async_filter_deployments",
    "async_pre_call_check",
    "pre_call_check",
    "async_pre_call_deployment_hook",
    "async_pre_request_hook",
    "async_moderation_hook",
    "async_post_call_success_hook",
    "async_post_call_streaming_deployment_hook",
    "async_post_call_streaming_hook",
    "async_post_call_streaming_iterator_hook",
    "async_post_call_failure_hook",
    "async_post_call_response_headers_hook",
    "log_stream_event",
    "async_log_stream_event",
)
"""Methods that have a say in requests, or hear of them while they are under way."""
LISTING_HOOKS: Final = ("async_filter_listed_models",)
"""Methods that have a say in which models callers are shown."""
PROMPT_HOOKS: Final = ("async_get_chat_completion_prompt", "get_chat_completion_prompt")
"""Methods that put prompts into requests which name one."""
RESULT_HOOKS: Final = ("async_post_mcp_tool_call_hook",)
"""Methods that look at what tools of MCP servers have said."""
LOG_HOOKS: Final = (
    "log_pre_api_call",
    "async_log_pre_api_call",
    "log_post_api_call",
    "logging_hook",
    "async_logging_hook",
    "log_success_event",
    "async_log_success_event",
    "log_failure_event",
    "async_log_failure_event",
    "async_post_call_success_deployment_hook",
    "async_post_call_failure_deployment_hook",
    "log_success_fallback_event",
    "log_failure_fallback_event",
    "log_model_group_rate_limit_error",
    "async_dataset_hook",
    "async_send_batch",
)
"""Methods that hear of requests that have ended."""
AUDIT_HOOKS: Final = ("async_log_audit_log_event",)
"""Methods that hear of what management changed."""
LINE_HOOKS: Final = ("async_log_batch_line_items",)
"""Methods that hear of the lines of batches that are over."""
LOOP_HOOKS: Final = (
    "async_should_run_agentic_loop",
    "async_build_agentic_loop_plan",
    "async_run_agentic_loop",
    "async_should_run_chat_completion_agentic_loop",
    "async_build_chat_completion_agentic_loop_plan",
    "async_run_chat_completion_agentic_loop",
)
"""Methods that run the tools which a model calls."""
ALL_HOOKS: Final = (
    *LOOP_HOOKS, *REQUEST_HOOKS, *LISTING_HOOKS, *PROMPT_HOOKS, *RESULT_HOOKS, *LOG_HOOKS, *AUDIT_HOOKS, *LINE_HOOKS,
)  # fmt: skip
_BASES: Final = (Listener, ToolRunner, CustomLogger, CustomPromptManagement)
_IDLE: Final = frozenset(
    filter(callable, (*(one for base in _BASES for one in vars(base).values()), CustomBatchLogger.async_send_batch))
)


def methods(target: Any, names: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """Return those methods of an object that do something: not those that it lacks, or has from our base class."""
    found = {name: getattr(type(target), name, None) for name in names}
    return {name: getattr(target, name) for name, own in found.items() if own is not None and own not in _IDLE}


def is_bare(target: Any) -> bool:
    """Whether a logger is not to be told what was said."""
    return (
        getattr(target, "turn_off_message_logging", False) is True or getattr(target, "message_logging", True) is False
    )


def is_function(target: Any) -> bool:
    """Whether it is called itself, since it has no methods to call."""
    return callable(target) and not methods(target, ALL_HOOKS)


def callback(folder: Path, dotted: str) -> Any:
    """Return what a list of callbacks names: an object with methods of a logger, or a function. Raises Unusable."""
    found = find(folder, dotted)
    if isinstance(found, type):
        raise Unusable("it is a class", f"make an object of it in the file, `name = {found.__name__}()`, and name that")
    if not callable(found) and not methods(found, ALL_HOOKS):
        raise Unusable(
            "it has none of the methods of a logger", "derive its class from CustomLogger and override one of them"
        )
    return found


def rule(folder: Path, dotted: str) -> Callable[..., Any]:
    """Return what a list of rules names: a function of a text. Raises Unusable."""
    found = find(folder, dotted)
    if isinstance(found, type) or not callable(found):
        raise Unusable("it is no function", "name a function that takes a text and says whether it may pass")
    ruling: Callable[..., Any] = found
    return ruling


def judge(folder: Path, dotted: str) -> Callable[..., Any]:
    """Return what says who may call, or whether a token is good: a function. Raises Unusable."""
    found = find(folder, dotted)
    if isinstance(found, type) or not callable(found):
        raise Unusable("it is no function", "name a function, such as `async def user_api_key_auth(request, api_key)`")
    judging: Callable[..., Any] = found
    return judging
