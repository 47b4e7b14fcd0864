"""What requests cost: in the header of an answer, and in the counters, whole and streamed alike."""

import json
from fractions import Fraction
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, openai_model

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 400},
}
COST = "x-litellm-response-cost"


@pytest.fixture
def gateway(start_gateway: StartGateway, mock: Mock) -> Gateway:
    return start_gateway(
        {
            "model_list": [
                openai_model("known", "gpt-4o", mock.url),
                openai_model("own", "anything", mock.url, input_cost_per_token=1e-6, output_cost_per_token=2e-6),
                openai_model("free", "gpt-4o-mini", mock.url, input_cost_per_token=0, output_cost_per_token=0),
                openai_model("unknown", "nobody-knows", mock.url),
                openai_model("openai/*", "*", mock.url),
            ],
            "router_settings": {"num_retries": 0},
        }
    )


def answers(mock: Mock, usage: dict[str, Any]) -> None:
    """Let the mock answer with this usage, whole and streamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    delta = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    events = [{"choices": [delta]}, {"choices": [], "usage": usage}]
    mock.control({
        "body": json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}),
        "events": [json.dumps(event) for event in events],
    })  # fmt: skip


def spent(gateway: Gateway) -> Fraction:
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(
        (Fraction(line.split()[-1]) for line in lines if line.startswith("tianji_spend_dollars_total{")), Fraction()
    )


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        # 600 at 2.5, 400 cached at 1.25, 200 at 10 dollars a million
        ("known", "0.004"),
        ("openai/gpt-4o", "0.004"),
        # 1000 at 1 and 200 at 2 dollars a million: what is cached has no price of its own
        ("own", "0.0014"),
        ("free", "0"),
    ],
)
def test_an_answer_says_what_it_cost_and_a_stream_costs_the_same(
    gateway: Gateway, mock: Mock, model: str, cost: str
) -> None:
    answers(mock, USAGE)
    whole = gateway.chat({"model": model, "messages": []})
    assert Fraction(whole.headers[COST]) == Fraction(cost)
    assert spent(gateway) == Fraction(cost)
    assert gateway.chat({"model": model, "messages": [], "stream": True}).text.endswith("data: [DONE]\n\n")
    assert spent(gateway) == 2 * Fraction(cost)


def test_what_nobody_knows_the_price_of(gateway: Gateway, mock: Mock) -> None:
    answers(mock, USAGE)
    assert Fraction(gateway.chat({"model": "unknown", "messages": []}).headers[COST]) == 0
    assert spent(gateway) == 0


@pytest.mark.parametrize("usage", [{"prompt_tokens": -5}, {"prompt_tokens": 2**63}, {"prompt_tokens": "many"}, {}])
def test_hostile_usage_costs_nothing_absurd(gateway: Gateway, mock: Mock, usage: dict[str, Any]) -> None:
    answers(mock, usage)
    answer = gateway.chat({"model": "known", "messages": []})
    assert answer.status_code == 200
    assert 0 <= Fraction(answer.headers.get(COST, "0")) < 1


def test_an_attempt_that_failed_after_its_usage_was_told_is_counted(gateway: Gateway, mock: Mock) -> None:
    events = [{"choices": [{"index": 0, "delta": {"content": "x"}}]}, {"choices": [], "usage": USAGE}]
    mock.control({"events": [json.dumps(event) for event in events], "no_done": True})
    assert "error" in gateway.chat({"model": "known", "messages": [], "stream": True}).text
    assert spent(gateway) == Fraction("0.004")
