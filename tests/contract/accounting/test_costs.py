"""What requests cost: in the header of an answer, and in the counters, whole and streamed alike."""

import json
import signal
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model
from tests.valkeys import valkey_server

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 400},
}
LONG = {"messages": [{"role": "user", "content": "y" * 8000}]}
HI = [{"role": "user", "content": "hi"}]
COST = "x-litellm-response-cost"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    base = mock_process.url
    config = {
        "model_list": [
            openai_model("known", "gpt-4o", base),
            openai_model("own", "anything", base, input_cost_per_token=1e-6, output_cost_per_token=2e-6),
            openai_model("free", "gpt-4o-mini", base, input_cost_per_token=0, output_cost_per_token=0),
            openai_model("unknown", "nobody-knows", base),
            openai_model("openai/*", "*", base),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("costs"), edge=edge) as running:
        yield running


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
    before = spent(gateway)
    whole = gateway.chat({"model": model, "messages": []})
    assert Fraction(whole.headers[COST]) == Fraction(cost)
    eventually(lambda: spent(gateway) - before == Fraction(cost), "it is counted")
    assert gateway.chat({"model": model, "messages": [], "stream": True}).text.endswith("data: [DONE]\n\n")
    eventually(lambda: spent(gateway) - before == 2 * Fraction(cost), "the stream is counted")


@pytest.fixture(scope="module")
def telling(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose streams say what they cost."""
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    config = {
        "model_list": [
            openai_model("own", "anything", mock_process.url, **prices),
            {
                "model_name": "claude",
                "litellm_params": {"model": "anthropic/x", "api_key": "k", "api_base": mock_process.url, **prices},
            },
        ],
        "litellm_settings": {"include_cost_in_streaming_usage": True},
    }
    with Gateway(config, tmp_path_factory.mktemp("telling"), edge=edge) as running:
        yield running


def used(text: str) -> list[dict[str, Any]]:
    """Return the usage of every event, in the order of the stream."""
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    found = [event.get("response", event).get("usage") for event in events]
    return [usage for usage in found if usage]


def test_a_stream_says_what_it_cost(telling: Gateway, mock: Mock) -> None:
    answers(mock, USAGE)
    wanted = {"model": "own", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    (usage,) = used(telling.chat(wanted).text)
    assert usage == {**USAGE, "cost": 0.0014}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": HI, "stream_options": {"include_usage": True}}),
        ("/v1/messages", {"messages": HI, "max_tokens": 9}),
        ("/v1/responses", {"input": "hi"}),
    ],
)
@pytest.mark.parametrize("model", ["own", "claude"])
@pytest.mark.usefixtures("mock")
def test_a_stream_of_any_form_says_what_a_whole_answer_says(
    telling: Gateway, path: str, body: dict[str, Any], model: str
) -> None:
    whole = telling.client.post(path, json={**body, "model": model, "stream_options": None})
    stream = telling.client.post(path, json={**body, "model": model, "stream": True})
    assert used(stream.text)[-1]["cost"] == float(whole.headers[COST]) > 0, stream.text


def test_a_client_may_ask_for_the_cost(gateway: Gateway, mock: Mock) -> None:
    answers(mock, USAGE)
    wanted = {"model": "own", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    headers = {"x-litellm-include-cost-in-streaming-usage": "True"}
    assert used(gateway.client.post("/v1/chat/completions", json=wanted, headers=headers).text)[0]["cost"] == 0.0014
    assert "cost" not in used(gateway.chat(wanted).text)[0]


def test_what_nobody_knows_the_price_of(gateway: Gateway, mock: Mock) -> None:
    answers(mock, USAGE)
    before = spent(gateway)
    assert Fraction(gateway.chat({"model": "unknown", "messages": []}).headers[COST]) == 0
    assert spent(gateway) == before


@pytest.mark.parametrize("usage", [{"prompt_tokens": -5}, {"prompt_tokens": 2**63}, {"prompt_tokens": "many"}, {}])
def test_hostile_usage_costs_nothing_absurd(gateway: Gateway, mock: Mock, usage: dict[str, Any]) -> None:
    answers(mock, usage)
    answer = gateway.chat({"model": "known", "messages": []})
    assert answer.status_code == 200
    assert 0 <= Fraction(answer.headers.get(COST, "0")) < 1


def test_an_attempt_that_failed_after_its_usage_was_told_is_counted(gateway: Gateway, mock: Mock) -> None:
    events = [{"choices": [{"index": 0, "delta": {"content": "x"}}]}, {"choices": [], "usage": USAGE}]
    mock.control({"events": [json.dumps(event) for event in events], "no_done": True})
    before = spent(gateway)
    assert "error" in gateway.chat({"model": "known", "messages": [], "stream": True}).text
    eventually(lambda: spent(gateway) - before == Fraction("0.004"), "it is counted")


def test_an_upstream_that_says_nothing_is_estimated(gateway: Gateway, mock: Mock) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * 4000}, "finish_reason": "stop"}
    mock.control({"body": json.dumps({"choices": [choice]})})
    answer = gateway.chat({"model": "own", "messages": [{"role": "user", "content": "y" * 8000}]})
    assert 2000e-6 + 2000e-6 < float(answer.headers[COST]) < 2200e-6 + 2200e-6


def test_a_stream_that_its_client_leaves_is_paid_for(gateway: Gateway, mock: Mock) -> None:
    mock.control({"tokens": 1000, "token_rate": 50})
    before = spent(gateway)
    with gateway.client.stream("POST", "/v1/chat/completions", json={**LONG, "model": "own", "stream": True}) as answer:
        seen = next(answer.iter_lines())
    assert seen.startswith("data:")
    mock.wait(aborted=1)
    eventually(lambda: spent(gateway) > before, "it is counted")
    assert Fraction("0.002") < spent(gateway) - before < Fraction("0.004"), "the prompt, and what came of the answer"


def test_a_stream_that_is_cut_before_its_upstream_has_counted_is_paid_for(gateway: Gateway, mock: Mock) -> None:
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    event = {"choices": [{"index": 0, "delta": {"content": "x"}}], "usage": none}
    mock.control({"events": [json.dumps(event)] * 100, "no_done": True})
    before = spent(gateway)
    assert "error" in gateway.chat({**LONG, "model": "own", "stream": True}).text
    eventually(lambda: spent(gateway) > before, "it is counted")
    assert Fraction("0.0022") <= spent(gateway) - before < Fraction("0.004")


def test_what_an_upstream_refuses_costs_nothing(gateway: Gateway, mock: Mock) -> None:
    before = spent(gateway)
    mock.control({"events": [json.dumps({"error": {"message": "busy", "code": 429}})]}, times=1)
    assert gateway.chat({**LONG, "model": "own", "stream": True}).status_code >= 400
    mock.control({"status": 500}, times=1)
    assert gateway.chat({**LONG, "model": "own"}).status_code == 500
    mock.control({"status": 429}, times=1)
    assert gateway.chat({**LONG, "model": "own", "stream": True}).status_code == 429
    assert spent(gateway) == before


def test_both_of_two_attempts_at_once_are_paid_for(start_gateway: StartGateway, mock: Mock) -> None:
    slow = priced("slow", mock, order=1, hedge_after=0.05)
    gateway = spends(start_gateway, [slow, priced("fast", mock, order=2)])
    mock.control({"first_byte_ms": 8000}, model="slow")
    answers(mock, USAGE)
    answer = gateway.chat({**LONG, "model": "m"})
    own = Fraction(answer.headers[COST])
    assert answer.headers["x-litellm-model-id"] == "fast"
    eventually(lambda: spent(gateway) > own + Fraction("0.002"), "the prompt of the one that was given up is paid for")


# -- budgets of deployments and providers -------------------------------------------------------------------------


def priced(name: str, mock: Mock, group: str = "m", **params: object) -> dict[str, Any]:
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    return openai_model(group, name, mock.url, **prices, **params) | {"model_info": {"id": name}}


def served_by(gateway: Gateway, count: int, model: str = "m") -> list[str]:
    answers = [gateway.chat({"model": model, "messages": []}) for _ in range(count)]
    return [answer.headers.get("x-litellm-model-id", str(answer.status_code)) for answer in answers]


def spends(start_gateway: StartGateway, models: list[dict[str, Any]], workers: int = 1, **router: object) -> Gateway:
    return start_gateway({"model_list": models, "router_settings": {"num_retries": 0, **router}}, workers=workers)


def test_a_budget_of_nothing_is_never_spent(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = spends(start_gateway, [priced("a", mock, max_budget=0), priced("b", mock)])
    assert set(served_by(gateway, 10)) == {"b"}


def test_a_provider_stops_and_a_fallback_goes_elsewhere(start_gateway: StartGateway, mock: Mock) -> None:
    other = priced("c", mock, "n")
    other["litellm_params"]["model"] = "groq/c"
    gateway = spends(
        start_gateway,
        [priced("a", mock), priced("b", mock), other],
        provider_budget_config={"openai": {"budget_limit": 0.003, "time_period": "30d"}},
        fallbacks=[{"m": ["n"]}],
    )
    answers(mock, USAGE)
    found = served_by(gateway, 5)
    assert set(found[:3]) <= {"a", "b"}
    assert found[3:] == ["c", "c"]


def test_all_budgets_used_up_is_told_with_the_time_to_wait(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = spends(start_gateway, [priced("a", mock, max_budget=0.001, budget_duration="1h")], workers=2)
    answers(mock, USAGE)
    assert gateway.chat({"model": "m", "messages": []}).status_code == 200

    def refused() -> bool:
        return gateway.chat({"model": "m", "messages": []}).status_code == 429

    eventually(refused, "it was counted")
    answer = gateway.chat({"model": "m", "messages": []})
    assert answer.json()["error"]["type"] == "budget_exceeded"
    assert 1 <= int(answer.headers["retry-after"]) <= 3600


def test_what_was_spent_outlives_a_reload_and_a_restart(start_gateway: StartGateway, mock: Mock) -> None:
    a = priced("a", mock, order=1, max_budget=0.002, budget_duration="7d")
    models = [a, priced("b", mock, order=2)]
    router = {"num_retries": 0, "provider_budget_config": {"openai": {"budget_limit": 1, "time_period": "7d"}}}
    gateway = start_gateway({"model_list": models, "router_settings": router}, env=BOOKS)
    answers(mock, USAGE)  # 0.0014 dollars each
    assert served_by(gateway, 4) == ["a", "a", "b", "b"]
    gateway.write({"model_list": [*models, priced("new", mock, "new")], "router_settings": router})
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: "new" in gateway.models(), "the configuration is read again")
    assert served_by(gateway, 2) == ["b", "b"]
    assert of_provider(gateway) == Fraction("0.0084")
    gateway.stop()
    again = start_gateway(gateway.file, env=BOOKS)
    eventually(lambda: of_provider(again) == Fraction("0.0084"), "it is read back")
    assert served_by(again, 2) == ["b", "b"]
    assert of_provider(again) == Fraction("0.0112")


def of_provider(gateway: Gateway) -> Fraction:
    found = gateway.client.get("/provider/budgets").json()["providers"]["openai"]["spend"]
    return round(Fraction(found), 9)


def test_machines_that_share_a_valkey_share_budgets(start_gateway: StartGateway, mock: Mock) -> None:
    """Whoever stands behind a load balancer spends no budget twice."""
    answers(mock, USAGE)  # 0.0014 dollars each
    with valkey_server() as valkey:
        router = {
            "num_retries": 0,
            "provider_budget_config": {"openai": {"budget_limit": 1, "time_period": "7d"}},
            "redis_host": valkey.host,
            "redis_port": valkey.port,
        }
        models = [priced("a", mock, order=1, max_budget=0.004, budget_duration="7d"), priced("b", mock, order=2)]
        one, other = (start_gateway({"model_list": models, "router_settings": router}, workers=2) for _ in range(2))
        assert served_by(one, 2) == ["a", "a"]
        eventually(lambda: of_provider(other) == Fraction("0.0028"), "the other has heard of it")
        assert served_by(other, 2) == ["a", "b"]
        eventually(lambda: of_provider(one) == of_provider(other) == Fraction("0.0056"), "both know all of it")
        assert served_by(one, 1) == ["b"]
