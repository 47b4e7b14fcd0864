"""Vendors of guardrails through the running gateway, each in its own wire form."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.contract.harness import Gateway, Mock, events, openai_model
from tests.fakes.guard_vendors import ADDRESS, GuardVendors

SECRET = "the-secret-of-the-vendor"
TOKEN = "<EMAIL_ADDRESS_1>"


@pytest.fixture(scope="module")
def vendors_process() -> Iterator[GuardVendors]:
    with GuardVendors() as vendors:
        yield vendors


@pytest.fixture
def vendors(vendors_process: GuardVendors) -> GuardVendors:
    vendors_process.reset()
    return vendors_process


def entry(name: str, kind: str, mode: str, **params: object) -> dict[str, Any]:
    return {"guardrail_name": name, "litellm_params": {"guardrail": kind, "mode": mode, **params}}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, vendors_process: GuardVendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    url = vendors_process.url
    bedrock = {
        "guardrailIdentifier": "gr",
        "aws_region_name": "us-east-1",
        "aws_access_key_id": "AKID",
        "aws_secret_access_key": SECRET,
        "aws_bedrock_runtime_endpoint": f"{url}/bedrock",
    }
    purview = {
        "tenant_id": "t1",
        "client_id": "c1",
        "client_secret": SECRET,
        "api_base": f"{url}/graph",
        "auth_url": f"{url}/login",
    }
    analyzer = {"presidio_analyzer_api_base": f"{url}/presidio"}
    config = {
        "model_list": [openai_model("gpt-test", "gpt-test", mock_process.url)],
        "guardrails": [
            entry("restores", "presidio", "pre_call", output_parse_pii=True, **analyzer),
            entry("masks", "presidio", "post_call", **analyzer),
            entry("bedrock", "bedrock", "pre_call", **bedrock),
            entry("purview", "microsoft_purview", "pre_call", user_id_field="person", **purview),
            entry("keyless", "lakera_v2", "pre_call", api_key=SECRET, api_base=f"{url}/lakera", fail_open=True),
        ],
        "router_settings": {"num_retries": 0},
    }
    with Gateway(config, tmp_path_factory.mktemp("vendors"), edge=edge) as running:
        yield running


def ask(gateway: Gateway, text: str, guardrail: str, **members: Any) -> httpx.Response:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "guardrails": [guardrail]}
    return gateway.chat({**body, **members})


def says(mock: Mock, text: str) -> None:
    message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-test", "choices": [message]}
    mock.control({"body": json.dumps(answer)})


def streams(mock: Mock, *pieces: str) -> None:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-test"}
    deltas = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    mock.control({"events": [json.dumps({**head, "choices": [choice]}) for choice in (*deltas, last)] + ["[DONE]"]})


def said(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["choices"][0]["message"]["content"]
    return text


def test_personal_data_is_kept_from_the_model_and_put_back_for_the_client(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    says(mock, f"I wrote to {TOKEN}.")

    assert said(ask(gateway, f"Write to {ADDRESS}!", "restores")) == f"I wrote to {ADDRESS}."
    asked = json.loads(mock.last()["body"])["messages"][0]["content"]
    assert asked == f"Write to {TOKEN}!"


def test_what_is_put_back_may_come_in_pieces(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    streams(mock, "I wrote to <EMAIL_", "ADDRESS", "_1> and <EMAIL_ADDRESS_2>.")
    answer = ask(gateway, f"Write to {ADDRESS}!", "restores", stream=True)

    assert answer.status_code == 200, answer.text
    pieces = [event["choices"][0]["delta"].get("content") or "" for event in events(answer.text)[:-1]]
    assert "".join(pieces) == f"I wrote to {ADDRESS} and <EMAIL_ADDRESS_2>."


def test_personal_data_is_kept_from_the_client(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    says(mock, f"It is {ADDRESS}.")

    assert said(ask(gateway, "Which?", "masks")) == "It is <EMAIL_ADDRESS>."
    assert [path for path, _ in vendors.asked] == ["/presidio/analyze"]


def test_bedrock_is_asked_with_a_signature(gateway: Gateway, mock: Mock, vendors: GuardVendors) -> None:
    assert ask(gateway, "hello", "bedrock").status_code == 200
    answer = ask(gateway, "something forbidden", "bedrock")

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["message"] == "Violated guardrail policy"
    assert error["provider_specific_fields"]["bedrock_guardrail_response"] == "Sorry."
    assert len(mock.requests()) == 1
    path, document = vendors.asked[0]
    assert path == "/bedrock/guardrail/gr/version/DRAFT/apply"
    assert document == {"source": "INPUT", "content": [{"text": {"text": "hello"}}]}


def test_a_token_is_asked_for_once_and_again_when_it_is_refused(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    metadata = {"person": "p1"}
    given = vendors.tokens
    assert ask(gateway, "hello", "purview", metadata=metadata).status_code == 200
    assert ask(gateway, "hello again", "purview", metadata=metadata).status_code == 200
    assert vendors.tokens <= given + 1
    given = vendors.tokens
    vendors.revoke()

    assert ask(gateway, "something forbidden", "purview", metadata=metadata).status_code == 400
    assert vendors.tokens == given + 1
    path, form = next(call for call in vendors.asked if call[0].startswith("/login"))
    assert path == "/login/t1/oauth2/v2.0/token"
    assert (form["client_id"], form["client_secret"]) == ("c1", SECRET)


def test_a_wrong_key_lets_nothing_pass_whatever_the_entry_says(
    gateway: Gateway, mock: Mock, vendors: GuardVendors
) -> None:
    answer = ask(gateway, "hello", "keyless")

    assert answer.status_code == 500
    assert mock.requests() == []
    assert SECRET not in answer.text
    assert SECRET not in gateway.log
