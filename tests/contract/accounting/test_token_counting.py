"""F1: the tokens of a request are known before it is sent."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, openai_model
from tests.fakes import reference

HELLO = [{"role": "user", "content": "hello world"}]
PATH = "/utils/token_counter"


@pytest.fixture
def gateway_of_models(start_gateway: StartGateway, mock: Mock) -> Gateway:
    models = [
        openai_model("new", "gpt-4o", mock.url),
        openai_model("old", "gpt-4-turbo", mock.url),
        openai_model("east", "my-deployment", mock.url) | {"model_info": {"base_model": "gpt-4o"}},
        openai_model("foreign", "some-llama", mock.url),
        openai_model("star/*", "*", mock.url),
    ]
    settings = {"model_group_alias": {"nickname": "old"}}
    return start_gateway({"model_list": models, "router_settings": settings}, workers=2)


def test_f1_every_name_is_counted_with_its_models_encoding(gateway_of_models: Gateway) -> None:
    text = "antidisestablishmentarianism 天机网关 " * 3
    body = {"messages": [{"role": "user", "content": text}]}
    for name, model, encoding, exact in (
        ("new", "gpt-4o", "o200k_base", True),
        ("old", "gpt-4-turbo", "cl100k_base", True),
        ("nickname", "gpt-4-turbo", "cl100k_base", True),
        ("east", "gpt-4o", "o200k_base", True),
        ("foreign", "some-llama", "cl100k_base", False),
        ("star/gpt-4o-mini", "gpt-4o-mini", "o200k_base", True),
        ("no-such-model", "no-such-model", "cl100k_base", False),
    ):
        answer = gateway_of_models.post(PATH, {"model": name, **body})
        assert answer.status_code == 200, answer.text
        expected = 3 + 1 + len(reference.encoding(encoding).encode_ordinary(text)) + 3
        found = answer.json()
        assert (found["request_model"], found["model_used"]) == (name, model)
        assert (found["total_tokens"], found["encoding"], found["exact"]) == (expected, encoding, exact), name


def test_f1_long_and_short_prompts_at_once_on_all_workers(gateway_of_models: Gateway) -> None:
    word = len(reference.encoding("o200k_base").encode_ordinary("hello world " * 30_000))

    def ask(number: int) -> int:
        text = "hello world " * 30_000 if number % 3 == 0 else "hello world"
        content = json.dumps({"model": "new", "messages": [{"role": "user", "content": text}]})
        headers = {"authorization": f"Bearer {gateway_of_models.key}"}
        answer = httpx.post(
            gateway_of_models.url + PATH, content=content, headers=headers, timeout=20, trust_env=False, verify=False
        )
        total: int = answer.json()["total_tokens"]
        return total - (word if number % 3 == 0 else 2)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(24))) == {7}


def test_f1_it_needs_a_key_and_a_proper_body(gateway: Gateway) -> None:
    body = {"model": "gpt-test", "messages": HELLO}
    assert gateway.post(PATH, body, authorization="Bearer wrong").status_code == 401
    assert gateway.client.get(PATH).status_code == 405
    for bad, param in (
        (b"nope", "request_body"),
        (b'{"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":"x"}', "messages"),
        (b'{"model":"m","messages":[],"prompt":"x"}', "prompt"),
    ):
        answer = gateway.post(PATH, bad)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_f1_plain_prompts_and_tools(gateway: Gateway) -> None:
    assert gateway.post(PATH, {"model": "gpt-test", "prompt": "hello world"}).json()["total_tokens"] == 2
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert gateway.post(PATH, {"model": "gpt-test", "messages": HELLO, "tools": tools}).json()["total_tokens"] == 32
