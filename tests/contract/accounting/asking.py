"""What a caller with limits asks for, at prices that make a cent of each answer."""

import httpx
from tests.contract.crowd import post, statuses
from tests.contract.harness import Gateway

COMPLETIONS = "/v1/chat/completions"
CENT = 0.01
# an answer of ten tokens costs a cent, and a prompt nothing
PRICES = {"input_cost_per_token": 0, "output_cost_per_token": 0.001}


def key(gateway: Gateway, **fields: object) -> str:
    answer = gateway.post("/key/generate", fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def ask(gateway: Gateway, with_key: str, model: str = "plain", **members: object) -> httpx.Response:
    body = {"model": model, "messages": [], "max_tokens": 10, **members}
    return gateway.chat(body, authorization=f"Bearer {with_key}")


def crowd(gateway: Gateway, count: int, with_key: str, model: str = "plain", **members: object) -> dict[int, int]:
    body = {"model": model, "messages": [], "max_tokens": 10, **members}
    return statuses(gateway, [post(COMPLETIONS, body, with_key)] * count)
