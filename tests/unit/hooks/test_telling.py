"""What loggers of the operator's own are told of calls."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.callbacks.test_event import told as event

from tianji.hooks import CustomBatchLogger, CustomLogger
from tianji.hooks.events import CallFailed, told
from tianji.hooks.standins import ModelResponse
from tianji.hooks.telling import Telling

ANSWER = {"choices": [{"message": {"content": "said"}}]}


def payload(**fields: Any) -> dict[str, Any]:
    return event(1, **fields).members() | {"response": ANSWER}


async def tell(target: Any, *failed: bool, patience: float = 20.0) -> int:
    return await Telling("mine.target", target, Path(__file__).parent, {}, patience).tell(
        [(payload(), one) for one in failed]
    )


def test_the_arguments_hold_what_the_payload_says() -> None:
    known = payload()
    found = told(known, failed=False)
    kwargs = found.kwargs
    assert isinstance(found.response_obj, ModelResponse)
    assert found.response_obj.choices[0].message.content == "said"
    assert found.response_obj.usage.total_tokens == known["total_tokens"]
    assert found.start_time == datetime.fromtimestamp(known["startTime"])  # noqa: DTZ006 - as LiteLLM has it
    assert kwargs["standard_logging_object"].response_cost == kwargs["response_cost"] == known["response_cost"]
    assert kwargs["standard_logging_object"]["status_fields"]["llm_api_status"] == known["status"]
    assert kwargs["litellm_params"]["metadata"]["user_api_key_hash"] == known["metadata"]["user_api_key_hash"]
    assert (kwargs["exception"], found.failed) == (None, False)


def test_the_arguments_hold_what_was_sent_and_what_is_known_of_the_deployment() -> None:
    known = payload() | {"messages": [{"role": "user"}], "model_parameters": {"temperature": 0.5}, "end_user": "ann"}
    params = told(known, failed=False, model_info={"mine": "x", "id": "other"}).kwargs["litellm_params"]
    assert params["model_info"] == params["metadata"]["model_info"] == {"mine": "x", "id": known["model_id"]}
    sent = params["proxy_server_request"]
    assert (sent["url"], sent["method"], sent["headers"]) == ("/chat/completions", "POST", {})
    assert sent["body"] == {"model": "gpt", "messages": [{"role": "user"}], "temperature": 0.5, "user": "ann"}
    known["call_type"], known["messages"] = "aembedding", "hi"
    assert told(known, failed=True).kwargs["litellm_params"]["proxy_server_request"]["body"]["input"] == "hi"


def test_a_failure_has_its_reason_and_its_status() -> None:
    known = payload() | {"error_str": "no", "error_information": {"error_code": "429"}}
    found = told(known, failed=True)
    error = found.kwargs["exception"]
    assert isinstance(error, CallFailed)
    assert (str(error), error.status_code, found.response_obj) == ("no", 429, None)


class Named(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def log_pre_api_call(self, model: str, messages: Any, kwargs: dict[str, Any]) -> None:
        self.calls.append("before")

    def log_post_api_call(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.calls.append("after")

    async def async_logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[Any, Any]:
        return kwargs | {"model": "masked"}, result

    def log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        raise AssertionError("the other one goes before it")

    async def async_log_success_event(self, kw: dict[str, Any], answer: Any, begin: Any, end: Any) -> None:
        self.calls.append(f"success of {kw['model']}")

    def log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        self.calls.append(f"failure of {kwargs['model']}")


async def test_methods_are_called_in_their_order_and_by_position() -> None:
    logger = Named()
    assert await tell(logger, False, True) == 0
    assert logger.calls == ["before", "after", "success of masked", "before", "after", "failure of masked"]


class Attempts(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[object, ...]] = []

    def logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[Any, Any]:
        return {"masked": True}, result

    async def async_post_call_success_deployment_hook(self, data: dict[str, Any], answer: Any, kind: Any) -> None:
        self.heard.append(("success", data["masked"], kind))

    async def async_post_call_failure_deployment_hook(
        self, data: dict[str, Any], error: Exception, kind: Any, depth: int | None
    ) -> None:
        self.heard.append(("failure", str(error), depth))

    async def log_success_fallback_event(self, group: str, kwargs: dict[str, Any], error: Exception) -> None:
        self.heard.append(("stood in", group, str(error)))

    async def log_failure_fallback_event(self, group: str, kwargs: dict[str, Any], error: Exception) -> None:
        self.heard.append(("failed, too", group, str(error)))


async def test_each_attempt_and_each_group_that_stands_in_is_told_of() -> None:
    logger = Attempts()
    telling = Telling("mine.target", logger, Path(__file__).parent, {"a": "one", "b": "one", "c": "two", "d": "three"})

    def attempt(call: str, deployment: str, why: str | None) -> tuple[dict[str, Any], bool]:
        said = payload() | {"litellm_call_id": call, "model_id": deployment, "error_str": why}
        return said, why is not None

    went = [attempt("x", "a", "1st"), attempt("x", "b", "2nd"), attempt("y", "c", None), attempt("x", "c", "3rd")]
    assert await telling.tell([*went, attempt("x", "d", None), attempt("x", "d", None)]) == 0
    success = ("success", True, "acompletion")
    assert logger.heard == [
        ("failure", "1st", None), ("failure", "2nd", None), success, ("failure", "3rd", 1),
        ("failed, too", "one", "2nd"), success, ("stood in", "two", "3rd"), success,
    ]  # fmt: skip


async def test_a_function_is_told_of_all_that_it_is_listed_for() -> None:
    heard: list[bool] = []

    async def function(kwargs: Any, response: Any, start: Any, end: Any) -> None:
        await asyncio.sleep(0)
        heard.append(kwargs["exception"] is not None)

    assert await tell(function, False, True) == 0
    assert heard == [False, True]


class Fails(CustomLogger):
    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self.act = act
        self.heard = 0

    async def async_log_success_event(self, *_: Any) -> None:
        self.heard += 1
        await self.act()


async def test_an_event_on_which_a_logger_fails_is_counted_and_logged_with_its_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def act() -> None:
        raise KeyError("no")

    logger = Fails(act)
    with caplog.at_level(logging.ERROR, "tianji.hooks"):
        assert await tell(logger, False, False) == 2
    assert logger.heard == 2
    assert f"callback mine.target failed at {__file__}:" in caplog.text


async def test_a_logger_that_hangs_is_given_up_and_the_next_event_goes_on() -> None:
    logger = Fails(asyncio.Event().wait)
    assert await tell(logger, False, False, patience=0.01) == 2
    assert logger.heard == 2


class Batch(CustomBatchLogger):
    def __init__(self, *, fails: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fails = fails
        self.sent: list[int] = []

    async def async_send_batch(self, *args: Any, **kwargs: Any) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("away")
        self.sent.append(len(self.log_queue))


async def test_a_batch_logger_is_sent_what_came_together_and_keeps_what_did_not_arrive() -> None:
    logger = Batch(fails=1)
    await tell(logger, False, True)
    assert logger.sent == []
    await tell(logger, False)
    await tell(logger)
    assert logger.sent == [3]
    assert logger.log_queue == []


async def test_a_batch_logger_drops_the_oldest_of_too_much() -> None:
    logger = Batch(fails=1, max_queue_size=2)
    logger.log_queue = [1, 2, 3]
    with pytest.raises(OSError, match="away"):
        await logger.flush_queue()
    assert logger.log_queue == [2, 3]


class Limited(CustomLogger):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []

    async def log_model_group_rate_limit_error(self, error: Exception, group: str | None, kw: dict[str, Any]) -> None:
        self.heard.append((group, str(error)))


async def test_a_limit_in_the_way_of_a_whole_group_is_told_of() -> None:
    logger = Limited()
    telling = Telling("mine.target", logger, Path(__file__).parent, {"a": "pair", "b": "pair", "c": "single"})

    def refused(deployment: str, kind: str, code: str = "429") -> tuple[dict[str, Any], bool]:
        about = {"error_code": code, "error_class": kind}
        return payload() | {"model_id": deployment, "error_str": deployment + kind, "error_information": about}, True

    went = [refused("a", "X"), refused("c", "X"), refused("c", "X", "500"), refused("", "NoDeployment"),
            refused("", "RateLimited")]  # fmt: skip
    assert await telling.tell(went) == 0
    assert logger.heard == [("single", "cX"), (payload()["model_group"], "NoDeployment")]


async def test_a_logger_that_owns_up_to_a_failure_has_it_counted() -> None:
    class Owns(CustomLogger):
        def log_success_event(self, *_: Any) -> None:
            self.handle_callback_failure("mine")

    assert await tell(Owns(), False, False) == 2
