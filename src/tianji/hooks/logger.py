"""The classes that loggers and hooks of the operator's own derive from, with the methods that LiteLLM's have.

A method that is not overridden costs nothing: nobody calls it. Arguments are given by their names, those that a method
names, so a method may leave out what it does not want. It imports nothing but the standard library.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

BATCH: Final = 512  # events
INTERVAL: Final = 5.0  # seconds
MOST: Final = 50_000  # events that wait to be sent again


class Listener:
    """Hears of requests when they are over, in the process that tells: what it raises is logged, and nobody waits.

    message_logging: False, and it is not told what was said; so for turn_off_message_logging: True
    """

    _callback_failures = 0  # so many were owned up to

    def __init__(self, message_logging: bool = True, turn_off_message_logging: bool = False, **kwargs: Any) -> None:
        self.message_logging = message_logging
        self.turn_off_message_logging = turn_off_message_logging
        self.optional_params = kwargs

    def handle_callback_failure(self, callback_name: str) -> None:
        """Have it counted that the logger could not do its work, which is an event that did not arrive."""
        del callback_name  # the gateway knows which one it is
        self._callback_failures += 1

    def log_pre_api_call(self, model: str, messages: Any, kwargs: dict[str, Any]) -> None:
        """Hear of a call to a deployment, when it has ended."""

    async def async_log_pre_api_call(self, model: str, messages: Any, kwargs: dict[str, Any]) -> None:
        """Hear of the same; it goes before the method without `async_`, as below."""

    def log_post_api_call(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Hear of its answer."""

    def logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[Any, Any]:
        """Return (kwargs, answer) as the events after it shall have them: the place to mask something."""
        return kwargs, result

    async def async_logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[Any, Any]:
        """Return the same."""
        return kwargs, result

    def log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Hear of a call that was answered; `kwargs["standard_logging_object"]` holds the tokens and the cost."""

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Hear of the same."""

    def log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Hear of a call that failed; `kwargs["exception"]` says why."""

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Hear of the same."""

    async def async_post_call_success_deployment_hook(
        self, request_data: dict[str, Any], response: Any, call_type: str | None
    ) -> None:
        """Hear of each attempt that was answered."""

    async def async_post_call_failure_deployment_hook(
        self, request_data: dict[str, Any], exception: Exception, call_type: str | None, fallback_depth: int | None
    ) -> None:
        """Hear of each attempt that failed. fallback_depth: groups that failed before its own; None for the first."""

    async def log_success_fallback_event(
        self, original_model_group: str, kwargs: dict[str, Any], original_exception: Exception
    ) -> None:
        """Hear that another group has answered in the place of one that failed."""

    async def log_failure_fallback_event(
        self, original_model_group: str, kwargs: dict[str, Any], original_exception: Exception
    ) -> None:
        """Hear that the group that stood in for another one has failed, too."""

    async def log_model_group_rate_limit_error(
        self, exception: Exception, original_model_group: str | None, kwargs: dict[str, Any]
    ) -> None:
        """Hear that no deployment of a group was left under its limits, or the only one of it has refused for them."""

    async def async_log_audit_log_event(self, audit_log: dict[str, Any]) -> None:
        """Hear of a row that management changed: an entry of the audit log, once the change is stored.

        For a logger that `audit_log_callbacks` names; a worker tells it. What it raises is logged.
        """

    async def async_log_batch_line_items(self, payload: dict[str, Any]) -> None:
        """Hear of lines of a batch that is over, in parts: `payload["lines"]` of `payload["part"]`, from 0 on.

        For a logger that `batch_line_item_callbacks` names; a worker tells it. What it raises is logged.
        """

    async def async_dataset_hook(
        self, logged_item: Any, standard_logging_payload: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Return a record of a dataset (Argilla's) as it shall be written; None for one that shall not."""
        del standard_logging_payload
        found: dict[str, Any] = logged_item
        return found


class ToolRunner:
    """Runs tools that a model calls, and says how it is asked again."""

    async def async_should_run_agentic_loop(
        self,
        response: Any,
        model: str,
        messages: list[Any],
        tools: list[Any] | None,
        stream: bool,
        custom_llm_provider: str,
        kwargs: dict[str, Any],
    ) -> tuple[bool, dict[str, Any]]:
        """Say whether an answer calls tools that this logger runs, and which: (True, what the methods below are given).

        It looks at the answers to requests with tools; what any of these methods raises is logged.
        """
        del response, model, messages, tools, stream, custom_llm_provider, kwargs
        return False, {}

    async def async_build_agentic_loop_plan(
        self, tools: dict[str, Any], model: str, messages: list[Any], response: Any, **more: Any
    ) -> Any:
        """Run the tools, and return an AgenticLoopPlan: how the model is asked again, or an answer in its place."""

    async def async_run_agentic_loop(
        self, tools: dict[str, Any], model: str, messages: list[Any], response: Any, **more: Any
    ) -> Any:
        """Run the tools, and return the answer; not asked where there is a plan."""

    async def async_should_run_chat_completion_agentic_loop(
        self,
        response: Any,
        model: str,
        messages: list[Any],
        tools: list[Any] | None,
        stream: bool,
        custom_llm_provider: str,
        kwargs: dict[str, Any],
    ) -> tuple[bool, dict[str, Any]]:
        """Say the same of answers to chats alone; it goes before the other one there, as those below do."""
        del response, model, messages, tools, stream, custom_llm_provider, kwargs
        return False, {}

    async def async_build_chat_completion_agentic_loop_plan(
        self, tools: dict[str, Any], model: str, messages: list[Any], response: Any, **more: Any
    ) -> Any:
        """Return the plan of a chat."""

    async def async_run_chat_completion_agentic_loop(
        self, tools: dict[str, Any], model: str, messages: list[Any], response: Any, **more: Any
    ) -> Any:
        """Return the answer to a chat."""


class CustomLogger(Listener, ToolRunner):
    """Has a say in requests, too: in the worker that serves one, which waits for it."""

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> Any:
        """Change `data`, the body, or return another one; return a text to refuse, which is the answer; or raise."""

    async def async_pre_routing_hook(
        self,
        model: str,
        request_kwargs: dict[str, Any],
        messages: Any = None,
        input: Any = None,  # noqa: A002 - as LiteLLM calls it
        specific_deployment: bool | None = False,
    ) -> Any:
        """Return what has a `model` to ask instead, and `messages` to send; None to leave both. Raise to refuse."""

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[dict[str, Any]],
        messages: Any,
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,
    ) -> list[dict[str, Any]]:
        """Return those deployments of a group that may serve. Asked for each group that the request may come to."""
        return healthy_deployments

    async def async_pre_call_check(self, deployment: dict[str, Any], parent_otel_span: Any) -> Any:
        """Look at the deployment that was chosen. Raise what has a status of 429 to have another one chosen."""

    def pre_call_check(self, deployment: dict[str, Any]) -> Any:
        """Look at it likewise."""

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: str | None) -> Any:
        """Return the request as one attempt sends it, or None. It begins when that is there."""

    async def async_pre_request_hook(self, model: str, messages: Any, kwargs: dict[str, Any]) -> Any:
        """Return the same, after the method above."""

    async def async_post_call_streaming_deployment_hook(
        self, request_data: dict[str, Any], response_chunk: Any, call_type: str | None
    ) -> Any:
        """Return another piece in the place of one that a deployment streams, or None. What it raises is logged."""

    def log_stream_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Hear of a piece of a stream, in a thread apart. What it raises is logged."""

    async def async_log_stream_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Hear of the same; it goes before the method without `async_`."""

    async def async_get_chat_completion_prompt(
        self,
        model: str,
        messages: list[Any],
        non_default_params: dict[str, Any],
        prompt_id: str | None,
        prompt_variables: dict[str, Any] | None,
        **more: Any,
    ) -> tuple[str, list[Any], dict[str, Any]]:
        """Return (model, messages, parameters) of a chat with the prompt that it names, which no source has.

        Raise to refuse.
        """
        del prompt_id, prompt_variables, more
        return model, messages, non_default_params

    def get_chat_completion_prompt(
        self,
        model: str,
        messages: list[Any],
        non_default_params: dict[str, Any],
        prompt_id: str | None,
        prompt_variables: dict[str, Any] | None,
        **more: Any,
    ) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the same; the other one goes before it."""
        del prompt_id, prompt_variables, more
        return model, messages, non_default_params

    async def async_filter_listed_models(self, user_api_key_dict: Any, model_names: Sequence[str]) -> Sequence[str]:
        """Return those models that a caller is shown. It hides names, and no model is out of reach by that."""
        return model_names

    async def async_moderation_hook(self, data: dict[str, Any], user_api_key_dict: Any, call_type: str) -> Any:
        """Look at the request while a deployment answers; the answer waits for it. Raise to refuse."""

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Change an answer that is no stream, or return another one; or raise."""

    async def async_post_mcp_tool_call_hook(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> Any:
        """Change what a tool of an MCP server has said, `response_obj.mcp_tool_call_response`; or raise.

        What `response_obj.hidden_params.response_cost` is set to, US dollars, is what the call costs. Return the
        object, another one, or None.
        """

    async def async_post_call_streaming_hook(self, user_api_key_dict: Any, response: str) -> Any:
        """Look at a stream's text so far, with each of its pieces. Raise to end it."""

    def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: AsyncIterator[Any], request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Return the pieces of a stream as they shall go out."""
        return response

    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception, user_api_key_dict: Any, traceback_str: str
    ) -> Any:
        """Hear of an error that the client gets; return or raise an HTTPException for another one."""

    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> dict[str, str] | None:
        """Return further headers of an answer, before it begins."""
        return None


class CustomPromptManagement(CustomLogger):
    """Puts prompts of its own into chats, by one of the two methods for it."""


class CustomBatchLogger(CustomLogger):
    """Collects what its events put into `log_queue`; `async_send_batch` sends that, after each batch of events."""

    def __init__(
        self,
        flush_lock: asyncio.Lock | None = None,
        batch_size: int | None = None,
        flush_interval: float | None = None,
        max_queue_size: int = MOST,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.log_queue: list[Any] = []
        self.flush_lock = flush_lock or asyncio.Lock()
        self.batch_size = batch_size or BATCH
        self.flush_interval = flush_interval or INTERVAL
        self.max_queue_size = max_queue_size

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Have the event sent."""
        self.log_queue.append(kwargs["standard_logging_object"])

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Have the event sent."""
        self.log_queue.append(kwargs["standard_logging_object"])

    async def async_send_batch(self, *args: Any, **kwargs: Any) -> None:
        """Send what is in `log_queue`."""

    async def flush_queue(self) -> None:
        """Send what there is. What could not be sent stays, the oldest goes when that is too much. Raises why not."""
        async with self.flush_lock:
            if not self.log_queue:
                return
            del self.log_queue[: -self.max_queue_size]
            await self.async_send_batch()
            self.log_queue.clear()

    async def periodic_flush(self) -> None:
        """Do nothing: it is seen to that all is sent."""
