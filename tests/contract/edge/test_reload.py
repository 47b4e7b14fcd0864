"""A new configuration comes into force under load, in every worker, with no failed request; a bad one does not."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, client_at, eventually, openai_model

Tell = Callable[[Gateway], None]


def config(mock: Mock, *names: str) -> dict[str, Any]:
    return {"model_list": [openai_model(name, name, mock.url) for name in ("always", *names)]}


def by_signal(gateway: Gateway) -> None:
    os.kill(gateway.process.pid, signal.SIGHUP)


def by_file(_: Gateway) -> None:
    """The change of the file is seen without being told."""


def status(gateway: Gateway, name: str) -> int:
    """Ask over a connection of its own, so that the kernel picks any of the workers."""
    with closing(HTTPConnection("127.0.0.1", gateway.port, timeout=20)) as connection:
        body = json.dumps({"model": name, "messages": []})
        connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {gateway.key}"})
        return connection.getresponse().status


def all_say(gateway: Gateway, name: str, expected: int) -> bool:
    return all(status(gateway, name) == expected for _ in range(20))


@contextmanager
def load(gateway: Gateway) -> Iterator[list[str]]:
    """Ask plain and streamed, without a pause; gives the list of whatever went wrong."""
    stop = threading.Event()
    wrong: list[str] = []
    asked = [0, 0]

    def ask(number: int) -> None:
        body = {"model": "always", "messages": [], "stream": number % 2 == 0}
        with client_at(gateway.url, authorization=f"Bearer {gateway.key}") as client:
            while not stop.is_set():
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.HTTPError as error:
                    wrong.append(repr(error))
                    return
                asked[number % 2] += 1
                if answer.status_code != 200 or (body["stream"] and "[DONE]" not in answer.text):
                    wrong.append(answer.text)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: min(asked) > 20, "the load runs")
        yield wrong
        before = min(asked)
        eventually(lambda: min(asked) > before + 20, "the load still runs")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("tell", [by_signal, by_file])
def test_models_come_and_go_under_load(start_gateway: StartGateway, mock: Mock, tell: Tell, workers: int) -> None:
    gateway = start_gateway(config(mock, "old"), workers=workers)
    assert all_say(gateway, "old", 200)
    assert all_say(gateway, "new", 404)
    with load(gateway) as wrong:
        gateway.write(config(mock, "new"))
        tell(gateway)
        eventually(lambda: all_say(gateway, "new", 200) and all_say(gateway, "old", 404), "every worker has it")
    assert wrong == []
    assert gateway.models() == ["always", "new"]


BAD = {
    "no YAML": "model_list: [",
    "wrong types": "model_list: 5",
    "empty": "",
    "a bad value": "router_settings: {num_retries: many}",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_and_the_old_one_goes_on(start_gateway: StartGateway, mock: Mock, text: str) -> None:
    gateway = start_gateway(config(mock, "old"), workers=2)
    with load(gateway) as wrong:
        gateway.write(text)
        by_signal(gateway)
        eventually(lambda: gateway.log.count("was refused and the old one goes on") >= 2, "both workers refuse it")
        assert all_say(gateway, "old", 200)
        gateway.write(config(mock, "new"))
        by_signal(gateway)
        eventually(lambda: all_say(gateway, "new", 200), "a good one is taken afterwards")
    assert wrong == []
    assert str(gateway.file) in gateway.log
    assert "Traceback" not in gateway.log


def test_a_running_stream_ends_with_the_configuration_it_began_with(start_gateway: StartGateway, mock: Mock) -> None:
    gateway = start_gateway(config(mock, "old"))
    mock.control({"token_rate": 20, "tokens": 12}, model="old")
    body = {"model": "old", "messages": [], "stream": True}
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        gateway.write(config(mock))
        by_signal(gateway)
        eventually(lambda: all_say(gateway, "old", 404), "it is gone")
        rest = list(lines)
    assert first.startswith("data: ")
    assert rest[-2] == "data: [DONE]"


def test_a_key_is_replaced_by_a_reload(start_gateway: StartGateway, mock: Mock) -> None:
    other = "sk-another-key-8d7f6a5s4d"
    gateway = start_gateway(config(mock) | {"general_settings": {"master_key": "sk-contract-4f9a8b7c6d5e"}})
    assert status(gateway, "always") == 200
    gateway.write(config(mock) | {"general_settings": {"master_key": other}})
    by_signal(gateway)
    eventually(lambda: all_say(gateway, "always", 401), "the old key is refused")
    gateway.key = other
    assert status(gateway, "always") == 200


def test_what_a_request_may_be_follows_a_reload(gateway: Gateway) -> None:
    body = {"model": "gpt-test", "messages": [{"role": "user", "content": "x" * 4096}]}
    assert gateway.chat(body).status_code == 200
    with gateway.with_settings(max_request_size_mb=0.002):
        eventually(lambda: gateway.chat(body).status_code == 413, "it is too long")
    eventually(lambda: gateway.chat(body).status_code == 200, "it is not")
