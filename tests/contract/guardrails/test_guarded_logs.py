"""What logs hear of requests that are watched: masked texts, and what guardrails that look at logs alone leave."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.fakes.ears import Ears
from tests.fakes.judge import MASK, Judge


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge: Judge, ears: Ears, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: str, path: str = "", **params: object) -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge.url + path, **params}
        return {"guardrail_name": name, "litellm_params": about}

    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "guardrails": [
            guardrail("logs", "logging_only"),
            guardrail("answers", "logging_only", "/shouts", logging_only_scope="output"),
            guardrail("refuses", "post_call", "/refuses"),
            guardrail("slow", "post_call", "/slow", timeout=60),
        ],
        "litellm_settings": {"callbacks": ["generic_api"]},
    }
    env = {**BOOKS, "GENERIC_LOGGER_ENDPOINT": ears.url, "DEFAULT_FLUSH_INTERVAL_SECONDS": "0.1"}
    with Gateway(config, tmp_path_factory.mktemp("logs"), edge=edge, env=env) as running:
        yield running


def event(gateway: Gateway, ears: Ears, text: str, **members: Any) -> dict[str, Any]:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": text}], **members}
    call = gateway.chat(body).headers["x-litellm-call-id"]

    def heard() -> dict[str, Any] | None:
        events = [one for _, _, told in list(ears.heard) for one in (told if isinstance(told, list) else [told])]
        return next((one for one in events if one["litellm_call_id"] == call), None)

    found = eventually(heard, "the callback is told")
    assert found is not None
    return found


@pytest.mark.parametrize("stream", [False, True])
def test_the_logged_copy_alone_is_changed(gateway: Gateway, mock: Mock, judge: Judge, ears: Ears, stream: bool) -> None:
    told = event(gateway, ears, "a secret", stream=stream)
    assert told["messages"] == [{"role": "user", "content": f"a {MASK}"}]
    said = told["response"]["choices"][0]["message"]["content"]
    assert said
    assert said == said.upper()
    assert "a secret" in mock.last()["body"]
    runs = {(run["guardrail_name"], run["guardrail_status"]) for run in told["guardrail_information"]}
    assert runs == {("logs", "success"), ("answers", "success")}
    assert all(run["guardrail_mode"] == "logging_only" for run in told["guardrail_information"])


def test_what_was_refused_is_not_told(gateway: Gateway, mock: Mock, judge: Judge, ears: Ears) -> None:
    told = event(gateway, ears, "hello", guardrails=["refuses"])
    assert told["response"] is None
    run = told["guardrail_information"][0]
    assert (run["guardrail_name"], run["guardrail_status"]) == ("refuses", "guardrail_intervened")
    assert run["duration"] >= 0


def test_an_answer_whose_verdict_is_awaited_is_paid_for_though_its_worker_is_killed(
    gateway: Gateway, mock: Mock, judge: Judge, ears: Ears
) -> None:
    judge.reset()
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "hello"}], "guardrails": ["slow"]}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(gateway.chat, body, **{"x-litellm-call-id": "awaited"})
        assert judge.came.wait(10)
        for worker in gateway.workers():
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(httpx.HTTPError):
            waiting.result(20)
    judge.let.set()

    def row() -> dict[str, Any] | None:
        try:
            rows = gateway.client.get("/spend/logs").json()
        except httpx.HTTPError:  # nobody serves yet
            return None
        return next((row for row in rows if row["litellm_call_id"] == "awaited"), None)

    found = eventually(row, "the entry of the answer", PATIENCE)
    assert found is not None
    assert found["completion_tokens"] > 0
