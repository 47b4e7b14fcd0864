"""Every hook of LiteLLM's loggers, by its name: served here, or why it is not."""

import inspect
from typing import Any

import pytest

from tianji.hooks import CustomBatchLogger, CustomLogger
from tianji.hooks.logger import Listener
from tianji.hooks.roles import ALL_HOOKS, REQUEST_HOOKS, methods

ABSENT = {
    "async_post_agentic_loop_response_hook": "async_post_call_success_hook sees the answer after the loop",
    "get_proxy_server_request_from_cold_storage_with_object_key": "bodies are kept in the database of the ledger",
}
KNOWN = (
    "async_pre_call_hook", "async_moderation_hook", "async_post_call_success_hook", "async_post_call_streaming_hook",
    "async_post_call_streaming_iterator_hook", "async_post_call_failure_hook", "async_post_call_response_headers_hook",
    "async_pre_routing_hook", "async_filter_deployments", "async_pre_call_check", "pre_call_check",
    "async_pre_call_deployment_hook", "async_post_call_success_deployment_hook",
    "async_post_call_failure_deployment_hook", "async_post_call_streaming_deployment_hook", "async_pre_request_hook",
    "async_filter_listed_models", "async_log_pre_api_call", "log_pre_api_call", "log_post_api_call", "logging_hook",
    "async_logging_hook", "async_log_stream_event", "log_stream_event", "async_log_success_event",
    "log_success_event", "async_log_failure_event", "log_failure_event", "log_success_fallback_event",
    "log_failure_fallback_event", "log_model_group_rate_limit_error", "async_log_audit_log_event",
    "async_log_batch_line_items", "async_dataset_hook", "get_chat_completion_prompt",
    "async_get_chat_completion_prompt", "async_post_mcp_tool_call_hook", "async_should_run_agentic_loop",
    "async_build_agentic_loop_plan", "async_run_agentic_loop", "async_should_run_chat_completion_agentic_loop",
    "async_run_chat_completion_agentic_loop", "async_build_chat_completion_agentic_loop_plan",
    "async_post_agentic_loop_response_hook",
    "get_proxy_server_request_from_cold_storage_with_object_key", "handle_callback_failure", "async_send_batch",
)  # fmt: skip
CALLED_BY_CODE = {"handle_callback_failure"}  # of the operator's, which does not override it


@pytest.mark.parametrize("name", KNOWN)
def test_a_hook_is_served_or_has_a_reason(name: str) -> None:
    served = name in ALL_HOOKS or name in CALLED_BY_CODE
    assert served != (name in ABSENT)
    if served:
        base = next(kind for kind in (Listener, CustomLogger, CustomBatchLogger) if hasattr(kind, name))
        assert inspect.getdoc(getattr(base, name))


def test_the_table_has_all_that_are_served() -> None:
    assert set(ALL_HOOKS) <= set(KNOWN)
    assert set(ABSENT) <= set(KNOWN)


@pytest.mark.parametrize("name", ALL_HOOKS)
def test_a_hook_that_is_not_overridden_is_not_there(name: str) -> None:
    assert methods(CustomLogger(), ALL_HOOKS) == methods(CustomBatchLogger(), REQUEST_HOOKS) == {}
    kind: Any = type("Mine", (CustomLogger,), {name: lambda _self, *_given: None})
    assert list(methods(kind(), ALL_HOOKS)) == [name]


async def test_what_the_usual_methods_do_changes_nothing() -> None:
    usual: Any = CustomLogger()
    assert await usual.async_filter_deployments("m", [1], None) == [1]
    assert await usual.async_filter_listed_models(None, ["a"]) == ["a"]
    assert await usual.async_get_chat_completion_prompt("m", [], {}, "id", None) == ("m", [], {})
    assert usual.get_chat_completion_prompt("m", [], {}, "id", None) == ("m", [], {})
    assert await usual.async_dataset_hook({"a": 1}, None) == {"a": 1}
    given = (None, "m", [], None, False, "openai", {})
    assert await usual.async_should_run_agentic_loop(*given) == (False, {})
    assert await usual.async_should_run_chat_completion_agentic_loop(*given) == (False, {})
