"""Clients of OpenAI's chat in front of Anthropic's own API: requests, answers, streams, errors, costs."""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, events, eventually, openai_model
from tests.contract.translation.recorded import ERRORS, KEY, RECORDED, answers, claude, joined, spent

COST = "x-litellm-response-cost"
QUESTION = [{"role": "user", "content": "Which town?"}]
PIXEL = "data:image/png;base64,iVBORw0KGgo="

CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "What is this?"}]},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call|1", "function": {"name": "look.up", "arguments": '{"a":1}'}}],
    },
    {"role": "tool", "tool_call_id": "call|1", "content": "found"},
    {"role": "user", "content": "And now?"},
]

MARKS = [
    {"location": "message", "role": "system"},
    {"location": "message", "index": -1, "control": {"type": "ephemeral", "ttl": "1h"}},
]


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            claude("claude", base),
            claude("lenient", base, drop_params=True, extra_headers={"anthropic-beta": "context-1m-2025-08-07"}),
            claude("pair", base, model="anthropic/claude-first", order=1),
            openai_model("pair", "second", base, order=2),
            claude("narrow", base, model="anthropic/claude-narrow"),
            openai_model("wide", "wide", base),
            claude("canned", base, mock_response="always this"),
            claude("marking", base, cache_control_injection_points=MARKS),
        ],
        "router_settings": {
            "num_retries": 0,
            "stream_recovery": True,
            "context_window_fallbacks": [{"narrow": ["wide"]}],
        },
    }
    with Gateway(config, tmp_path_factory.mktemp("anthropic"), edge=edge) as running:
        yield running


def ask(gateway: Gateway, **body: object) -> httpx.Response:
    return gateway.chat({"model": "claude", "messages": QUESTION, **body})


def test_a_deployment_marks_what_is_to_be_cached(gateway: Gateway, mock: Mock) -> None:
    usual, lasting = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    for _ in range(3):  # the third one from memory
        assert ask(gateway, model="marking", messages=CONVERSATION).status_code == 200
        sent = json.loads(mock.last()["body"])
        assert sent["system"] == [{"type": "text", "text": "Be brief.", "cache_control": usual}]
        assert sent["messages"][-1]["content"][-1] == {"type": "text", "text": "And now?", "cache_control": lasting}
        assert json.dumps(sent).count("cache_control") == 2
    own = {"model": "marking", "max_tokens": 9, "system": "Be brief.", "messages": QUESTION}
    assert gateway.post("/v1/messages", own).status_code == 200
    sent = json.loads(mock.last()["body"])
    assert sent["system"] == [{"type": "text", "text": "Be brief.", "cache_control": usual}]
    assert sent["messages"][0]["content"] == [{"type": "text", "text": "Which town?", "cache_control": lasting}]


def test_a_request_reaches_it_in_its_own_form(gateway: Gateway, mock: Mock) -> None:
    tool = {"type": "function", "function": {"name": "look.up", "parameters": {"type": "object", "properties": {}}}}
    answer = ask(
        gateway,
        messages=CONVERSATION,
        tools=[tool],
        tool_choice="required",
        parallel_tool_calls=False,
        stop="END",
        user="u-1",
        top_k=5,
        metadata={"trace": "the gateway's own"},
    )
    assert answer.status_code == 200
    sent = mock.last()
    headers = dict(sent["headers"])
    assert (sent["target"], headers["x-api-key"], headers["anthropic-version"]) == ("/v1/messages", KEY, "2023-06-01")
    assert "authorization" not in headers
    assert sent["json"] == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64000,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "call_1", "name": "look_up", "input": {"a": 1}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "found"},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
        "tools": [{"name": "look_up", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u-1"},
        "top_k": 5,
    }
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look.up"


def test_of_metadata_the_user_goes_on_alone(gateway: Gateway, mock: Mock) -> None:
    """Also where requests of one shape are written from memory."""
    for user in ("u-1", "u-2", "u-3", "u-4", "someone@mail.test", "u-5"):
        assert ask(gateway, metadata={"user_id": user, "trace": "own"}, user="whoever").status_code == 200
        told = "whoever" if "@" in user else user
        assert mock.last()["json"]["metadata"] == {"user_id": told}
    assert ask(gateway, metadata='{"trace": "text"}').status_code == 200
    assert "metadata" not in mock.last()["json"]


def test_an_answer_and_its_stream_say_and_cost_the_same(gateway: Gateway, mock: Mock) -> None:
    answers(mock, RECORDED["tools"])
    before = spent(gateway)
    whole = ask(gateway)
    body = whole.json()
    message = body["choices"][0]["message"]
    assert (body["model"], body["id"]) == ("claude", "msg_01Recorded")
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    assert message["reasoning_content"] == "Both towns are asked for."
    assert message["thinking_blocks"] == RECORDED["tools"]["whole"]["content"][:2]
    assert [(call["id"], call["function"]) for call in message["tool_calls"]] == [
        ("toolu_01A", {"name": "get_weather", "arguments": '{"town":"Ghent"}'}),
        ("toolu_01B", {"name": "get_time", "arguments": "{}"}),
    ]
    usage = body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (1000, 60, 1060)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 200
    # 100 at 3, 500 written at 3.75, 200 for an hour at 6, 200 read at 0.3, 60 at 15 dollars a million
    cost = Fraction("0.004335")
    assert Fraction(whole.headers[COST]) == cost
    eventually(lambda: spent(gateway) - before == cost, "it is counted")

    streamed = ask(gateway, stream=True, stream_options={"include_usage": True})
    *chunks, done = events(streamed.text)
    said = joined(chunks)
    assert done == "[DONE]"
    assert {chunk["model"] for chunk in chunks} == {"claude"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == usage
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert (said["content"], said["reasoning_content"]) == (message["content"], message["reasoning_content"])
    assert list(said["tool_calls"]) == [0, 1]
    assert [
        (call["id"], {"name": call["name"], "arguments": call["arguments"]}) for call in said["tool_calls"].values()
    ] == [(call["id"], call["function"]) for call in message["tool_calls"]]
    eventually(lambda: spent(gateway) - before == 2 * cost, "the stream is counted")


def test_what_it_searched_is_cited_and_goes_back(gateway: Gateway, mock: Mock) -> None:
    answers(mock, RECORDED["search"])
    message = ask(gateway, web_search_options={"search_context_size": "low"}).json()["choices"][0]["message"]
    assert mock.last()["json"]["tools"] == [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}]
    assert message["content"] == "It is the one in the north."
    cited = message["annotations"][0]["url_citation"]
    assert (cited["url"], message["content"][cited["start_index"] : cited["end_index"]]) == (
        "https://towers.example/list",
        "the one in the north",
    )
    assert "tool_calls" not in message
    chunks = events(ask(gateway, stream=True).text)[:-1]
    assert joined(chunks)["content"] == message["content"]
    assert not any("usage" in chunk for chunk in chunks)  # nobody asked for it
    ask(gateway, messages=[*QUESTION, message, {"role": "user", "content": "Why?"}])
    assert mock.last()["json"]["messages"][1]["content"][:2] == RECORDED["search"]["whole"]["content"][:2]


def test_thinking_goes_back_first_and_signed(gateway: Gateway, mock: Mock) -> None:
    answers(mock, RECORDED["tools"])
    message = ask(gateway, reasoning_effort="low").json()["choices"][0]["message"]
    assert mock.last()["json"]["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in message["tool_calls"]]
    ask(gateway, messages=[*QUESTION, message, *results])
    sent = mock.last()["json"]
    assert sent["messages"][1]["content"] == RECORDED["tools"]["whole"]["content"]
    assert [block["type"] for block in sent["messages"][2]["content"]] == ["tool_result", "tool_result"]
    assert sent["tools"]  # Anthropic wants a definition where tools were used


def test_structured_output(gateway: Gateway, mock: Mock) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    ask(gateway, response_format=form)
    strict = mock.last()["json"]["output_config"]["format"]["schema"]
    assert strict["additionalProperties"] is False
    assert strict["properties"]["n"] == {"type": "integer", "description": "(minimum: 3)"}
    for answer in (
        gateway.chat({"model": "narrow", "messages": QUESTION, "response_format": form}),
        gateway.chat({"model": "narrow", "messages": QUESTION, "response_format": form, "stream": True}),
    ):
        assert mock.last()["json"]["tool_choice"] == {"type": "tool", "name": "json_tool_call"}
        if answer.headers["content-type"].startswith("text/event-stream"):
            chunks = events(answer.text)[:-1]
            content, reason = joined(chunks)["content"], chunks[-1]["choices"][0]["finish_reason"]
        else:
            choice = answer.json()["choices"][0]
            content, reason = choice["message"]["content"], choice["finish_reason"]
        assert json.loads(content).keys() == {"n"}
        assert reason == "stop"


def test_what_it_lacks_is_refused_or_dropped(gateway: Gateway, mock: Mock) -> None:
    refused = ask(gateway, logit_bias={"1": 2}, frequency_penalty=1)
    assert refused.status_code == 400
    assert "logit_bias" in refused.json()["error"]["message"]
    beyond = ask(gateway, reasoning_effort="low", temperature=0.5)
    assert (beyond.status_code, beyond.json()["error"]["param"]) == (400, "temperature")
    assert mock.requests() == []
    assert ask(gateway, logit_bias={"1": 2}, drop_params=True).status_code == 200
    assert "logit_bias" not in mock.last()["json"]
    assert ask(gateway, logit_bias={"1": 2}, allowed_openai_params=["logit_bias"]).status_code == 200
    assert mock.last()["json"]["logit_bias"] == {"1": 2}
    assert ask(gateway, reasoning_effort="low", temperature=0.5, drop_params=True).status_code == 200
    assert "temperature" not in mock.last()["json"]
    assert ask(gateway, model="lenient", frequency_penalty=1, reasoning_effort="low", temperature=0.5).is_success
    assert mock.last()["json"].keys() == {"model", "max_tokens", "messages", "thinking"}


def test_beta_flags_of_both_sides_are_one_list(gateway: Gateway, mock: Mock) -> None:
    tools = [{"type": "code_execution_20250522", "name": "code_execution"}]
    assert ask(gateway, model="lenient", tools=tools).status_code == 200
    flags = [value for name, value in mock.last()["headers"] if name == "anthropic-beta"]
    assert flags == ["context-1m-2025-08-07,code-execution-2025-05-22"]
    assert mock.last()["json"]["tools"] == tools


@pytest.mark.parametrize("status", [int(status) for status in ERRORS["errors"]])
def test_errors_keep_their_status(gateway: Gateway, mock: Mock, status: int) -> None:
    mock.control({"raw": raw(status, ERRORS["errors"][str(status)]), "close": True})
    answer = ask(gateway)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert ERRORS["errors"][str(status)]["error"]["message"] in error["message"]
    assert "anthropic" in error["message"]


def raw(status: int, body: dict[str, Any]) -> str:
    text = json.dumps(body)
    return (
        f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
        f"anthropic-ratelimit-requests-remaining: 7\r\nconnection: close\r\n\r\n{text}"
    )


def test_a_prompt_that_is_too_long_goes_where_there_is_room(gateway: Gateway, mock: Mock) -> None:
    mock.control({"raw": raw(400, ERRORS["overflow"]), "close": True}, model="claude-narrow")
    answer = gateway.chat({"model": "narrow", "messages": QUESTION})
    assert (answer.status_code, answer.json()["model"]) == (200, "wide")


def test_what_its_filter_blocks_is_named_so(gateway: Gateway, mock: Mock) -> None:
    mock.control({"raw": raw(400, ERRORS["filtered"]), "close": True})
    answer = ask(gateway)
    assert answer.json()["error"]["code"] == "content_policy_violation"
    assert answer.headers["x-ratelimit-remaining-requests"] == "7"


@pytest.mark.parametrize("fault", [{"cut_at": 1500}, {"end_at": 6}, {"error_at": 6}, {"garbage_at": 6}], ids=str)
def test_a_stream_that_is_cut_never_ends_well(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control({"tokens": 12, **fault}, model="claude-sonnet-4-5")
    answer = ask(gateway, stream=True)
    *chunks, last = events(answer.text)
    assert answer.status_code == 200
    assert joined(chunks)["content"]
    assert last["error"]["message"]
    assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])


@pytest.mark.parametrize("fault", [{"status": 529}, {"error_at": 1}, {"garbage_at": 1}, {"end_at": 3}], ids=str)
def test_another_is_asked_until_there_is_content(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control(fault, model="claude-first")
    answer = gateway.chat({"model": "pair", "messages": QUESTION, "stream": True, "num_retries": 1})
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    assert joined(chunks)["role"] == ["assistant"]
    assert [request["json"]["model"] for request in mock.requests()] == ["claude-first", "second"]


def test_another_goes_on_where_a_stream_was_cut(gateway: Gateway, mock: Mock) -> None:
    mock.control({"tokens": 12, "end_at": 6}, model="claude-first")
    answer = gateway.chat({"model": "pair", "messages": QUESTION, "stream": True, "num_retries": 1})
    *chunks, done = events(answer.text)
    first, second = mock.requests()
    begun = second["json"]["messages"][-1]
    assert done == "[DONE]"
    assert (first["json"]["model"], begun["role"]) == ("claude-first", "assistant")
    assert joined(chunks)["content"].startswith(begun["content"])


@pytest.mark.parametrize("body", ['{"type":"message","content":[null]}', '{"content":7}', "[]", '"half'])
def test_a_broken_answer_names_the_provider_and_shows_how_it_begins(gateway: Gateway, mock: Mock, body: str) -> None:
    mock.control({"body": body})
    answer = ask(gateway)
    message = answer.json()["error"]["message"]
    assert answer.status_code == 502
    assert "anthropic" in message
    assert repr(body) in message
    assert repr(body) not in gateway.log


def test_a_text_of_the_configuration_is_said(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.chat({"model": "canned", "messages": QUESTION})
    assert answer.json()["choices"][0]["message"]["content"] == "always this"
    assert mock.requests() == []


def test_it_is_healthy_when_it_answers(gateway: Gateway, mock: Mock) -> None:
    found = gateway.client.get("/health", params={"model": "claude"}).json()
    assert (found["healthy_count"], found["unhealthy_count"]) == (1, 0)
    assert mock.last()["target"] == "/v1/messages"
