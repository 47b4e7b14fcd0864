"""Hooks, rules and loggers of the operator's own, written for LiteLLM's proxy, through the running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model

END = {"index": 0, "delta": {}, "finish_reason": "stop"}
WORDS = {
    "guardrail": "litellm_content_filter",
    "mode": ["pre_call", "post_call"],
    "blocked_words": [{"keyword": "changed", "action": "BLOCK"}, {"keyword": "harmless", "action": "MASK"}],
}
PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
CODE = """
import asyncio
import json
import os

import litellm
from fastapi import HTTPException
from litellm.integrations.custom_batch_logger import CustomBatchLogger
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy.proxy_server import DualCache, UserAPIKeyAuth
from neighbour import SHOUT

TOLD = os.path.join(os.path.dirname(__file__), "told.jsonl")


def tell(**event):
    with open(TOLD, "a") as file:
        file.write(json.dumps(event) + "\\n")


def word(data):
    messages = data.get("messages") or [{"content": str(data.get("input", ""))}]
    return str(messages[-1]["content"])


class Requests(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict: UserAPIKeyAuth, cache: DualCache, data: dict, call_type):
        said = word(data)
        if "change" in said:
            data["messages"][-1]["content"] = f"changed for {user_api_key_dict.user_id} by {call_type}"
            data["temperature"] = 0.25
            data["stream"] = True
        if "elsewhere" in said:
            data["model"] = "other"
        if "text" in said:
            return "I would rather not"
        if "status" in said:
            raise HTTPException(status_code=418, detail={"error": "a teapot", "kind": "pot"})
        if "fails before" in said:
            raise KeyError("the secret word")
        return data

    async def async_moderation_hook(self, data: dict, user_api_key_dict, call_type):
        await asyncio.sleep(0)
        if "fails beside" in word(data):
            raise KeyError("the secret word")
        if "refused beside" in word(data):
            raise HTTPException(status_code=403, detail="refused beside")

    async def async_post_call_success_hook(self, data: dict, user_api_key_dict, response):
        if "after" in word(data):
            assert isinstance(response, litellm.ModelResponse)
            response.choices[0].message.content = SHOUT
        if "fails late" in word(data):
            raise KeyError("the secret word")
        if "no answer" in word(data):
            raise HTTPException(status_code=451, detail="not this answer")

    async def async_post_call_streaming_iterator_hook(self, user_api_key_dict, response, request_data: dict):
        said = word(request_data)
        async for chunk in response:
            if "break off" in said and chunk.choices and chunk.choices[0].delta.content:
                raise HTTPException(status_code=400, detail="no more of this")
            if "fails within" in said:
                raise KeyError("the secret word")
            if "iterate" in said and chunk.choices and chunk.choices[0].delta.content:
                chunk.choices[0].delta.content = chunk.choices[0].delta.content.upper()
            yield chunk
            if "shorten" in said and chunk.choices and chunk.choices[0].delta.content:
                return

    async def async_post_call_failure_hook(self, request_data, original_exception, user_api_key_dict, **kwargs):
        if "replace" in word(request_data):
            return HTTPException(status_code=409, detail=f"instead of {original_exception.status_code}")
        if "fails at failure" in word(request_data):
            raise KeyError("the secret word")

    async def async_post_call_response_headers_hook(self, data, user_api_key_dict, response, request_headers=None):
        if "fails at headers" in word(data):
            raise KeyError("the secret word")
        return {"x-mine": request_headers.get("x-sent", "nothing"), "content-length": "7"}


class Logs(CustomLogger):
    def log_pre_api_call(self, model, messages, kwargs):
        tell(kind="before", model=model)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        payload = kwargs["standard_logging_object"]
        tell(
            kind="success", messages=kwargs["messages"], cost=kwargs["response_cost"], payload=payload,
            seconds=(end_time - start_time).total_seconds(), tokens=response_obj.usage.total_tokens,
            text=response_obj["choices"][0].message.content,
        )

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        tell(kind="failure", messages=kwargs["messages"], why=str(kwargs["exception"]))


class Broken(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        raise RuntimeError("a logger that fails")


class Batches(CustomBatchLogger):
    async def async_send_batch(self):
        tell(kind="batch", costs=[event["response_cost"] for event in self.log_queue])


def function(kwargs, completion_response, start_time, end_time):
    tell(kind="function", model=kwargs["model"])


def may_be_asked(text):
    return "forbidden" not in text


def may_be_said(text):
    if "a rule fails" in text:
        raise KeyError("the secret word")
    return {"decision": "unspeakable" not in text, "message": "that is not said here"}


broken = Broken()
requests = Requests()
logs = Logs()
batches = Batches(flush_interval=0.05)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "inner").mkdir()
    (folder / "inner" / "mine.py").write_text(CODE)
    (folder / "neighbour.py").write_text("SHOUT = 'changed after'\n")
    return folder


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, folder: Path) -> Iterator[Gateway]:
    config = {
        "model_list": [
            openai_model("gpt-test", "gpt-test", mock_process.url, **PRICES),
            openai_model("other", "other-up", mock_process.url),
            openai_model("embed", "embed-up", mock_process.url),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "guardrails": [{"guardrail_name": "words", "litellm_params": WORDS}],
        "litellm_settings": {
            "callbacks": ["inner.mine.broken", "inner.mine.requests", "inner.mine.logs", "inner.mine.batches"],
            "success_callback": ["inner.mine.function"],
            "pre_call_rules": ["inner.mine.may_be_asked"],
            "post_call_rules": "inner.mine.may_be_said",
        },
    }
    env = {**BOOKS, "TIANJI_DATA_DIR": str(folder / "data")}
    with Gateway(config, folder, edge=edge, env=env) as running:
        yield running


def ask(gateway: Gateway, text: str, **members: Any) -> httpx.Response:
    return gateway.chat({"model": "gpt-test", "messages": [{"role": "user", "content": text}], **members})


def sent(mock: Mock) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mock.last()["body"])
    return found


def content(answer: httpx.Response) -> str:
    found: str = answer.json()["choices"][0]["message"]["content"]
    return found


def streamed(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def text_of(answer: httpx.Response) -> str:
    choices = [choice for event in streamed(answer) for choice in event.get("choices", ())]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def told(folder: Path, kind: str, word: str = "") -> list[dict[str, Any]]:
    file = folder / "inner" / "told.jsonl"
    events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [event for event in events if event["kind"] == kind and word in json.dumps(event)]


def say(mock: Mock, text: str) -> None:
    """Have the mock answer with a text, word by word where it streams."""
    frame = {"id": "1", "created": 1, "model": "gpt-test"}
    whole = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    words = text.split(" ")
    deltas = [{"delta": {"content": word if at == 0 else f" {word}"}} for at, word in enumerate(words)]
    chunks = [{**frame, "object": "chat.completion.chunk", "choices": [{"index": 0, **delta}]} for delta in deltas]
    chunks.append({**frame, "object": "chat.completion.chunk", "choices": [END]})
    body = json.dumps({**frame, "object": "chat.completion", "choices": [whole]})
    mock.control({"body": body, "events": [*map(json.dumps, chunks), "[DONE]"]})


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_hook_changes_what_goes_to_the_model_but_not_whether_it_is_streamed(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "change this", metadata={"a": "b"})
    assert answer.status_code == 200
    assert content(answer)
    body = sent(mock)
    assert body["messages"][-1]["content"] == "changed for default_user_id by completion"
    assert (body["temperature"], body.get("stream")) == (0.25, None)
    assert body.keys().isdisjoint({"proxy_server_request", "litellm_call_id"})


def test_what_hooks_leave_alone_goes_on_as_it_came(gateway: Gateway, mock: Mock) -> None:
    assert ask(gateway, "nothing").status_code == 200
    assert json.loads(mock.last()["body"])["messages"] == [{"role": "user", "content": "nothing"}]


def test_a_hook_leads_a_request_to_another_model(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "elsewhere")
    assert (answer.status_code, sent(mock)["model"]) == (200, "other-up")


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_is_the_answer_in_the_models_place(gateway: Gateway, mock: Mock, stream: bool) -> None:
    answer = ask(gateway, "text", stream=stream)
    assert answer.status_code == 200
    assert (text_of(answer) if stream else content(answer)) == "I would rather not"
    assert mock.requests() == []


def test_a_text_is_an_error_where_no_answer_is_a_text(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.post("/v1/embeddings", {"model": "embed", "input": "text"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "I would rather not")
    assert mock.requests() == []


def test_an_exception_with_a_status_refuses_with_it(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "status")
    error = answer.json()["error"]
    assert (answer.status_code, error["message"]) == (418, "a teapot")
    assert error["provider_specific_fields"]["kind"] == "pot"
    assert mock.requests() == []


def test_a_hook_that_fails_stops_the_request_and_says_nothing_of_itself(gateway: Gateway, mock: Mock) -> None:
    for word, stream in (
        ("fails before", False),
        ("fails late", False),
        ("fails beside", True),
        ("fails within", True),
    ):
        answer = ask(gateway, word, stream=stream)
        assert answer.status_code == 500, word
        assert "secret" not in answer.text
        assert "inner.mine.requests" in answer.json()["error"]["message"]
    assert "the hook inner.mine.requests failed at" in gateway.log
    assert "inner/mine.py:" in gateway.log


def test_what_looks_at_the_request_beside_the_call_holds_the_answer(gateway: Gateway, mock: Mock) -> None:
    for stream in (False, True):
        answer = ask(gateway, "refused beside", stream=stream)
        assert (answer.status_code, answer.json()["error"]["message"]) == (403, "refused beside")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_rules_judge_what_is_asked(gateway: Gateway, mock: Mock, path: str) -> None:
    body: dict[str, Any] = {"model": "gpt-test", "max_tokens": 9}
    body |= {"input": "forbidden"} if "responses" in path else {"messages": [{"role": "user", "content": "forbidden"}]}
    answer = gateway.post(path, body)
    assert answer.status_code == 400
    assert "the rule inner.mine.may_be_asked does not let this pass" in answer.text
    assert mock.requests() == []


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_hook_changes_an_answer(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "after")
    assert (answer.status_code, content(answer)) == (200, "changed after")


def test_a_hook_refuses_an_answer(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "no answer")
    assert (answer.status_code, answer.json()["error"]["message"]) == (451, "not this answer")


def test_an_iterator_changes_a_stream(gateway: Gateway, mock: Mock) -> None:
    say(mock, "said in a few words")
    changed = ask(gateway, "iterate", stream=True)
    assert text_of(changed) == "SAID IN A FEW WORDS"
    assert changed.text.rstrip().endswith("data: [DONE]")


def test_an_iterator_ends_a_stream_before_the_model_does(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "shorten", stream=True)
    assert answer.status_code == 200
    assert len([event for event in streamed(answer) if event["choices"][0]["delta"].get("content")]) == 1


def test_an_error_in_an_iterator_ends_the_stream_with_it(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "break off", stream=True)
    assert "no more of this" in answer.text
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
def test_rules_judge_what_is_answered(gateway: Gateway, mock: Mock, stream: bool) -> None:
    say(mock, "quite unspeakable things are said")
    answer = ask(gateway, "anything", stream=stream)
    assert "that is not said here" in answer.text
    assert "things" not in answer.text
    assert answer.status_code == (200 if stream else 400)


def test_a_rule_that_fails_lets_nothing_pass(gateway: Gateway, mock: Mock) -> None:
    say(mock, "here a rule fails")
    answer = ask(gateway, "anything")
    assert (answer.status_code, "secret" in answer.text) == (500, False)


@pytest.mark.parametrize("stream", [False, True])
def test_headers_are_added_and_none_that_says_how_a_body_is_read(gateway: Gateway, mock: Mock, stream: bool) -> None:
    body = {"model": "gpt-test", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    answer = gateway.chat(body, x_sent="given")
    assert (answer.status_code, answer.headers["x-mine"]) == (200, "given")
    assert answer.headers.get("content-length") != "7"
    assert ask(gateway, "fails at headers").status_code == 200


def test_a_hook_puts_another_error_in_the_place_of_one(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 422})
    answer = ask(gateway, "replace")
    assert (answer.status_code, answer.json()["error"]["message"]) == (409, "instead of 422")
    assert ask(gateway, "fails at failure").status_code == 422
    mock.reset()
    assert ask(gateway, "replace status").status_code == 409


# -- beside guardrails -------------------------------------------------------------------------------------------------


def test_guardrails_see_the_request_as_hooks_have_left_it(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "change this", guardrails=["words"])
    assert answer.status_code == 400
    assert mock.requests() == []
    assert ask(gateway, "fine", guardrails=["words"]).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_hooks_see_the_answer_as_guardrails_have_left_it(gateway: Gateway, mock: Mock, stream: bool) -> None:
    say(mock, "a harmless word")
    answer = ask(gateway, "after iterate", stream=stream, guardrails=["words"])
    assert answer.status_code == 200
    if stream:
        assert "HARMLESS" not in text_of(answer)
        assert text_of(answer) == text_of(answer).upper() != ""
    else:
        assert content(answer) == "changed after"  # which the guardrail would have blocked


# -- logs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_loggers_are_told_what_the_ledger_has(gateway: Gateway, mock: Mock, folder: Path, stream: bool) -> None:
    word = f"a logged request {stream}"
    answer = ask(gateway, word, stream=stream)
    eventually(lambda: len(told(folder, "success", word)) == 1, "the event", 30)
    (event,) = told(folder, "success", word)
    payload = event["payload"]
    cost = payload["prompt_tokens"] * 0.001 + payload["completion_tokens"] * 0.002
    assert event["cost"] == payload["response_cost"] == pytest.approx(cost) != 0
    assert event["text"] == (text_of(answer) if stream else content(answer))
    assert payload["litellm_call_id"] == answer.headers["x-litellm-call-id"]
    assert (payload["status"], payload["model_group"], payload["session_id"]) == ("success", "gpt-test", None)
    assert event["seconds"] >= 0
    eventually(lambda: any(event["cost"] in one["costs"] for one in told(folder, "batch")), "its batch", 30)
    eventually(lambda: told(folder, "function", "gpt-test"), "what the function hears", 30)
    assert told(folder, "before", "gpt-test")


def test_loggers_are_told_of_what_failed(gateway: Gateway, mock: Mock, folder: Path) -> None:
    mock.control({"status": 422})
    ask(gateway, "a failing request")
    eventually(lambda: len(told(folder, "failure", "a failing request")) == 1, "the event", 30)
    assert told(folder, "failure", "a failing request")[0]["why"]


def test_a_logger_that_fails_costs_nobody_else_anything(gateway: Gateway, mock: Mock, folder: Path) -> None:
    ask(gateway, "beside a broken logger")
    eventually(lambda: len(told(folder, "success", "beside a broken logger")) == 1, "the event", 30)
    eventually(lambda: "callback inner.mine.broken failed at" in gateway.log, "what is said of the other", 30)
