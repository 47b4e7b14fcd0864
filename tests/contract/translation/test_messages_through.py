"""Clients of Anthropic's Messages in front of Anthropic itself: the bytes go through, and are read on the way."""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, eventually
from tests.contract.translation.recorded import RECORDED, answers, claude, spent

FLAGS = "interleaved-thinking-2025-05-14,context-1m-2025-08-07, effort-2025-11-24"
BODY: dict[str, Any] = {"model": "claude", "max_tokens": 20, "messages": [{"role": "user", "content": "Which town?"}]}


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            claude("claude", base, temperature=0.5, extra_headers={"anthropic-beta": "oauth-2025-04-20"}),
            claude("pair", base, model="anthropic/claude-first", order=1),
            claude("pair", base, model="anthropic/claude-second", order=2),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("messages"), edge=edge) as running:
        yield running


def ask(gateway: Gateway, **body: object) -> httpx.Response:
    return gateway.post("/v1/messages", {**BODY, **body}, anthropic_beta=FLAGS, anthropic_version="2023-06-01")


def payloads(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = answer.text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def test_a_request_goes_as_it_came(gateway: Gateway, mock: Mock) -> None:
    own = (
        b'{"model":"claude",  "max_tokens":20, "metadata":{"user_id":"u"}, "odd":[1,\n2], "messages":[], "tags":["a"]}'
    )
    assert gateway.post("/v1/messages", own, anthropic_beta=FLAGS).status_code == 200
    sent = mock.last()
    assert sent["body"] == (
        '{"model":"claude-sonnet-4-5",  "max_tokens":20, "metadata":{"user_id":"u"}, "odd":[1,\n2], "messages":[]'
        ',"temperature":0.5}'
    )
    headers = dict(sent["headers"])
    assert headers["anthropic-beta"] == f"oauth-2025-04-20,{FLAGS}"
    assert headers["anthropic-version"] == "2023-06-01"
    assert headers["x-api-key"].startswith("sk-ant-")


def test_what_another_model_thought_before_is_left_out(gateway: Gateway, mock: Mock) -> None:
    thought = {"type": "thinking", "thinking": "so", "signature": ""}
    said = {"type": "text", "text": "Oslo."}
    turns = [*BODY["messages"], {"role": "assistant", "content": [thought, said]}, *BODY["messages"]]
    assert ask(gateway, messages=turns).status_code == 200
    assert mock.last()["json"]["messages"][1] == {"role": "assistant", "content": [said]}


def test_an_answer_and_its_stream_come_as_they_are_and_cost_the_same(gateway: Gateway, mock: Mock) -> None:
    recorded = RECORDED["tools"]
    answers(mock, recorded)
    before = spent(gateway)
    whole = ask(gateway)
    cost = Fraction("0.004335")  # as in the test of translated answers
    assert whole.json() == {**recorded["whole"], "model": "claude"}
    assert Fraction(whole.headers["x-litellm-response-cost"]) == cost
    eventually(lambda: spent(gateway) - before == cost, "it is counted")
    streamed = payloads(ask(gateway, stream=True))
    begun = recorded["stream"][0]
    assert streamed == [{**begun, "message": {**begun["message"], "model": "claude"}}, *recorded["stream"][1:]]
    eventually(lambda: spent(gateway) - before == 2 * cost, "the stream is counted")


@pytest.mark.parametrize("fault", [{"cut_at": 1500}, {"end_at": 6}, {"error_at": 6}, {"garbage_at": 6}], ids=str)
def test_a_stream_that_is_cut_never_ends_well(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control({"tokens": 12, **fault})
    before = spent(gateway)
    *_, last = payloads(ask(gateway, stream=True))
    assert last["error"]["message"]
    assert "message_stop" not in ask(gateway, stream=True).text
    eventually(lambda: spent(gateway) > before, "what came is paid for")


@pytest.mark.parametrize("fault", [{"status": 529}, {"error_at": 1}, {"end_at": 1}], ids=str)
def test_another_is_asked_until_there_is_content(gateway: Gateway, mock: Mock, fault: dict[str, Any]) -> None:
    mock.control(fault, model="claude-first")
    streamed = payloads(ask(gateway, model="pair", stream=True, num_retries=1))
    assert [event["type"] for event in streamed].count("message_start") == 1
    assert streamed[-1]["type"] == "message_stop"
    assert [request["json"]["model"] for request in mock.requests()] == ["claude-first", "claude-second"]


def test_members_that_are_missing(gateway: Gateway, mock: Mock) -> None:
    answer = gateway.post("/v1/messages", {"model": "claude"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "'messages'" in answer.json()["error"]["message"]
    assert mock.requests() == []
