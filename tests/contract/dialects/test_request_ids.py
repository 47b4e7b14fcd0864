"""By which name a request is known to whoever complains of it: in heads, and in the errors of each dialect."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from tests.contract.harness import Gateway, Mock, openai_model

INFO = "type.googleapis.com/google.rpc.RequestInfo"


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "model_list": [openai_model("m", "m-up", mock_process.url)],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    with Gateway(config, tmp_path_factory.mktemp("ids"), edge=edge) as running:
        yield running


@pytest.fixture
def client(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    key = gateway.client.headers["authorization"].removeprefix("Bearer ")
    with anthropic.Anthropic(base_url=str(gateway.client.base_url), api_key=key, max_retries=0) as client:
        yield client


def test_anthropics_client_knows_the_request_of_an_error(client: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": "hello"}]
    with pytest.raises(anthropic.NotFoundError) as told:
        client.messages.create(model="nobody", max_tokens=9, messages=messages)
    error = told.value
    body: Any = error.body
    assert body["type"] == "error"
    assert error.request_id == body["request_id"] == error.response.headers["x-litellm-call-id"]


def test_before_a_model_is_asked_and_beside_it(gateway: Gateway) -> None:
    named = {"x-litellm-call-id": "call-9"}
    stranger = {**named, "authorization": "Bearer sk-nobody-knows-this-1234"}
    for path, headers, status in (
        ("/v1/messages", stranger, 401),
        ("/v1/messages", named, 400),
        ("/v1/messages/count_tokens", named, 400),
    ):
        answer = gateway.client.post(path, json={"model": "m"}, headers=headers)
        assert (answer.status_code, answer.json()["request_id"]) == (status, "call-9"), answer.text
        assert answer.headers["request-id"] == answer.headers["x-request-id"] == "call-9"
        assert answer.json().keys() == {"type", "error", "request_id"}


def test_an_upstream_that_refuses_names_it(gateway: Gateway, mock: Mock) -> None:
    mock.control({"status": 400})
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    answer = gateway.client.post("/v1/messages", json=body, headers={"x-litellm-call-id": "call-9"})
    assert answer.status_code == 400
    assert answer.json()["request_id"] == answer.headers["request-id"]
    assert answer.headers["x-request-id"] == "call-9"


@pytest.mark.parametrize("path", ["/v1beta/models/nobody:generateContent", "/v1beta/models/nobody:countTokens"])
def test_googles_errors_have_it_as_a_detail(gateway: Gateway, path: str) -> None:
    body = {"contents": [{"parts": [{"text": "hello"}]}]} if "generate" in path else {"contents": 1}
    answer = gateway.client.post(path, json=body, headers={"x-litellm-call-id": "call-9"})
    error = answer.json()["error"]
    assert error.keys() == {"code", "message", "status", "details"}
    assert error["code"] == answer.status_code
    assert error["details"] == [{"@type": INFO, "requestId": "call-9"}]


def test_openais_errors_stay_as_they_are(gateway: Gateway) -> None:
    answer = gateway.client.post("/v1/responses", json={"model": "nobody", "input": "x"})
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == answer.headers["x-tianji-call-id"]
