"""Hooks, rules and loggers of the operator's own, written for LiteLLM's proxy, through the running gateway."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.harness import BOOKS, PATIENCE, Gateway, Mock, eventually, openai_model
from tests.contract.hooks.hooked import CODE

END = {"index": 0, "delta": {}, "finish_reason": "stop"}
WORDS = {
    "guardrail": "litellm_content_filter",
    "mode": ["pre_call", "post_call"],
    "blocked_words": [{"keyword": "changed", "action": "BLOCK"}, {"keyword": "harmless", "action": "MASK"}],
}
PRICES = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}


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
            openai_model("hidden", "hidden-up", mock_process.url),
            openai_model("pair", "first-up", mock_process.url) | {"model_info": {"id": "first"}},
            openai_model("pair", "second-up", mock_process.url) | {"model_info": {"id": "second"}},
            openai_model("spares", "spare-up", mock_process.url) | {"model_info": {"id": "spare"}},
            openai_model("spares", "spoilt-up", mock_process.url) | {"model_info": {"id": "spoilt"}},
            openai_model("full", "full-up", mock_process.url) | {"model_info": {"id": "full"}},
        ],
        "router_settings": {
            "num_retries": 0,
            "disable_cooldowns": True,
            "fallbacks": [{"pair": ["spares"]}, {"full": ["spares"]}],
        },
        "guardrails": [{"guardrail_name": "words", "litellm_params": WORDS}],
        "litellm_settings": {
            "callbacks": [
                "inner.mine.broken",
                "inner.mine.requests",
                "inner.mine.logs",
                "inner.mine.ways",
                "inner.mine.tools",
                "inner.mine.batches",
            ],
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
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be under way
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


# -- where requests go -------------------------------------------------------------------------------------------------


def test_a_hook_names_another_model_and_other_messages(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "route to another")
    assert answer.status_code == 200
    assert (sent(mock)["model"], sent(mock)["messages"][-1]["content"]) == ("other-up", "from gpt-test")


def test_a_hook_leaves_deployments_out_of_every_group_that_may_serve(gateway: Gateway, mock: Mock) -> None:
    for _ in range(6):
        assert ask(gateway, "only the second", model="pair").status_code == 200
        assert sent(mock)["model"] == "second-up"
    for _ in range(3):
        mock.control({"status": 500}, times=1)
        assert ask(gateway, "only the second", model="pair").status_code == 200
        assert sent(mock)["model"] == "spare-up"


def test_a_hook_that_leaves_nobody_or_refuses_ends_the_request(gateway: Gateway, mock: Mock) -> None:
    assert ask(gateway, "nobody", model="pair").status_code == 403
    answer = ask(gateway, "fails at filtering", model="pair")
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "nobody may")
    answer = ask(gateway, "fails at routing")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert ask(gateway, "route to nowhere").status_code == 404
    assert mock.requests() == []


def test_a_check_that_finds_a_limit_has_somebody_else_serve(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "hello", model="full")
    assert answer.status_code == 200
    assert json.loads(mock.requests()[0]["body"])["model"].startswith("sp")


@pytest.mark.parametrize("stream", [False, True])
def test_hooks_change_what_each_attempt_sends(gateway: Gateway, mock: Mock, stream: bool) -> None:
    mock.control({"status": 500}, times=1)
    answer = ask(gateway, "each attempt", model="pair", stream=stream, metadata={"a": "b"})
    assert answer.status_code == 200
    bodies = [json.loads(one["body"]) for one in mock.requests()]
    said = [body["messages"][-1]["content"].removeprefix("each attempt of ") for body in bodies]
    assert [f"{name}-up" for name in said] == [body["model"] for body in bodies]
    assert [body["user"] for body in bodies] == [f"openai/{name}-up" for name in said]
    assert all("api_base" not in body and bool(body.get("stream")) is stream for body in bodies)
    assert all(body.get("metadata", {"a": "b"}) == {"a": "b"} for body in bodies)


def test_a_hook_that_fails_before_an_attempt_ends_the_request(gateway: Gateway, mock: Mock) -> None:
    answer = ask(gateway, "fails at sending")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert mock.requests() == []


def test_a_hook_sees_what_a_deployment_streams_and_loggers_hear_of_each_piece(
    gateway: Gateway, mock: Mock, folder: Path
) -> None:
    say(mock, "said in words")
    assert text_of(ask(gateway, "piece by piece", stream=True)) == "piece piece piece "
    assert text_of(ask(gateway, "fails at pieces", stream=True)) == "said in words"
    eventually(lambda: len(told(folder, "piece", "piece by piece")) == 4, "what was overheard", PATIENCE)
    heard = told(folder, "piece", "piece by piece")
    assert ([one["text"] for one in heard], {one["later"] for one in heard}) == (
        ["said", " in", " words", None],
        {True},
    )
    assert ask(gateway, "hush", stream=True, turn_off_message_logging=True).status_code == 200
    assert text_of(ask(gateway, "piece by piece loud", stream=True)) == "piece piece piece "
    eventually(lambda: len(told(folder, "piece", "loud")) == 4, "what was overheard after it", PATIENCE)
    assert not told(folder, "piece", "hush")


def test_a_hook_hides_models(gateway: Gateway, mock: Mock) -> None:
    names = gateway.models()
    assert ("hidden" in names, "other" in names) == (False, True)
    assert gateway.client.get("/v1/models/hidden").status_code == 404
    described = gateway.client.get("/model/info").json()["data"]
    assert "hidden" not in {one["model_name"] for one in described} != set()
    groups = gateway.client.get("/model_group/info").json()["data"]
    assert "hidden" not in {one["model_group"] for one in groups} != set()
    assert ask(gateway, "hello", model="hidden").status_code == 200


def test_a_hook_has_prompts(gateway: Gateway, mock: Mock) -> None:
    named = {"prompt_id": "mine", "prompt_variables": {"who": "you"}, "prompt_label": "now"}
    assert ask(gateway, "hello", **named).status_code == 200
    body = sent(mock)
    assert (body["model"], body["temperature"]) == ("other-up", 0.75)
    assert [one["content"] for one in body["messages"]] == ["for you now", "hello"]
    assert "prompt_id" not in body
    answer = ask(gateway, "hello", prompt_id="fails")
    assert (answer.status_code, "secret" in answer.text) == (500, False)


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


# -- tools -------------------------------------------------------------------------------------------------------------

TOOLS = [{"type": "function", "function": {"name": "count", "parameters": {"type": "object"}}}]


def call(mock: Mock, name: str, times: int) -> None:
    """Have the mock call a tool, so many times."""
    calls = [{"id": "1", "type": "function", "function": {"name": name, "arguments": "{}"}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    mock.control({"body": json.dumps(whole)}, times=times)


@pytest.mark.parametrize("stream", [False, True])
def test_a_hook_runs_the_tools_that_a_model_calls(gateway: Gateway, mock: Mock, stream: bool) -> None:
    call(mock, "count", times=1)
    answer = ask(gateway, "what do you count", tools=TOOLS, stream=stream)
    assert answer.status_code == 200
    assert text_of(answer) if stream else content(answer)
    assert "tool_calls" not in answer.text or '"tool_calls":null' in answer.text
    first, second = (json.loads(one["body"]) for one in mock.requests())
    assert [one["role"] for one in second["messages"]] == ["user", "assistant", "tool"]
    assert (second["messages"][-1]["content"], second["temperature"]) == ("openai", 0.125)
    assert second["tools"] == first["tools"]
    assert {first.get("stream"), second.get("stream")} <= {None, False}
    if not stream:
        usage = answer.json()["usage"]
        alone = usage["prompt_tokens"] * 0.001 + usage["completion_tokens"] * 0.002
        assert float(answer.headers["x-litellm-response-cost"]) == pytest.approx(alone + 0.12)


def test_a_model_that_calls_the_same_over_and_over_is_asked_no_more(gateway: Gateway, mock: Mock) -> None:
    call(mock, "count", times=9)
    assert "tool_calls" in ask(gateway, "again and again", tools=TOOLS).text
    assert len(mock.requests()) == 2


def test_a_hook_answers_in_the_models_place_or_not_at_all(gateway: Gateway, mock: Mock) -> None:
    call(mock, "answer", times=1)
    assert ask(gateway, "what", tools=TOOLS).json()["id"] == "overridden"
    call(mock, "fails", times=1)
    answer = ask(gateway, "what", tools=TOOLS)
    assert (answer.status_code, "secret" in answer.text) == (200, False)
    assert answer.json()["choices"][0]["message"]["tool_calls"]
    assert ask(gateway, "no tool is called", tools=TOOLS).status_code == 200
    assert len(mock.requests()) == 3


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
    eventually(lambda: len(told(folder, "success", word)) == 1, "the event", PATIENCE)
    (event,) = told(folder, "success", word)
    payload = event["payload"]
    cost = payload["prompt_tokens"] * 0.001 + payload["completion_tokens"] * 0.002
    assert event["cost"] == payload["response_cost"] == pytest.approx(cost) != 0
    assert event["text"] == (text_of(answer) if stream else content(answer))
    assert payload["litellm_call_id"] == answer.headers["x-litellm-call-id"]
    assert (payload["status"], payload["model_group"], payload["session_id"]) == ("success", "gpt-test", None)
    assert event["seconds"] >= 0
    eventually(lambda: any(event["cost"] in one["costs"] for one in told(folder, "batch")), "its batch", PATIENCE)
    eventually(lambda: told(folder, "function", "gpt-test"), "what the function hears", PATIENCE)
    assert told(folder, "before", "gpt-test")


def test_loggers_are_told_of_what_failed(gateway: Gateway, mock: Mock, folder: Path) -> None:
    mock.control({"status": 422})
    ask(gateway, "a failing request")
    eventually(lambda: len(told(folder, "failure", "a failing request")) == 1, "the event", PATIENCE)
    assert told(folder, "failure", "a failing request")[0]["why"]


def test_loggers_are_told_that_a_limit_was_in_the_way_of_a_group(gateway: Gateway, mock: Mock, folder: Path) -> None:
    mock.control({"status": 429})
    assert ask(gateway, "hello", model="other").status_code == 429
    eventually(lambda: told(folder, "limited", "other"), "what is said of the limit", PATIENCE)
    assert told(folder, "limited", "other")[0]["status"] == 429


def test_a_logger_that_fails_costs_nobody_else_anything(gateway: Gateway, mock: Mock, folder: Path) -> None:
    ask(gateway, "beside a broken logger")
    eventually(lambda: len(told(folder, "success", "beside a broken logger")) == 1, "the event", PATIENCE)
    eventually(lambda: "callback inner.mine.broken failed at" in gateway.log, "what is said of the other", PATIENCE)
