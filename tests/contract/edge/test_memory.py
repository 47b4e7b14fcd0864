"""What a gateway holds in memory, as the kernel counts it."""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import Gateway, Mock, eventually, openai_model

MIB = 1024 * 1024
# MiB of their own, parent and worker; on Python 3.11 they were 11 and 27 on the native edge, 11 and 29 on Granian's
IDLE = {"native": (15, 31), "granian": (15, 33)}
# compiled modules that only workers need, and that only some requests or configurations need
OF_WORKERS = (
    "_ssl",
    "uvloop",
    "yaml",
    "granian",
    "_asyncio",
    "tianji/_core/upstreams/pool",
    "tianji/_core/requests/forward",
)
RARE = ("picows", "tiktoken", "orjson", "_sqlite3")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's"),
    pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="a sanitizer takes more than what it watches"),
]


def resident(process: int) -> int:
    """Bytes of a process that are in memory, pages that it shares with others included."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def own(process: int) -> int:
    """Bytes of a process that no file holds: how much of a library is in memory is up to the page cache."""
    status = Path(f"/proc/{process}/status").read_text()
    return sum(int(status.partition(f"{part}:")[2].split()[0]) for part in ("RssAnon", "RssShmem")) * 1024


def mapped(process: int) -> list[str]:
    """Return the compiled modules that a process has loaded."""
    lines = Path(f"/proc/{process}/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in lines if ".cpython-" in line})


def those(modules: list[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in modules if any(f"/{name}." in module or f"/{name}/" in module for name in names)]


def large(gateway: Gateway, model: str, *, stream: bool) -> bytes:
    """Return a request of a MiB."""
    content = [{"role": "user", "content": "x" * MIB}]
    body = json.dumps({"model": model, "stream": stream, "messages": content}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {gateway.key}\r\n"
    return f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def idle(start_gateway: StartGateway, mock: Mock) -> Gateway:
    models = {"slow": "mock-first-byte-1000", "endless": "mock-stall-2"}
    return start_gateway({"model_list": [openai_model(name, to, mock.url) for name, to in models.items()]})


@pytest.mark.parametrize("edge", IDLE)
def test_an_idle_gateway_is_small(idle: Gateway, edge: str) -> None:
    (worker,) = idle.workers()
    parent_limit, worker_limit = IDLE[edge]
    assert own(idle.process.pid) < parent_limit * MIB
    assert own(worker) < worker_limit * MIB


@pytest.mark.parametrize("edge", IDLE)
def test_a_process_loads_what_it_needs(idle: Gateway, edge: str) -> None:
    (worker,) = idle.workers()
    assert those(mapped(idle.process.pid), OF_WORKERS) == []
    wanted = [name for name in OF_WORKERS if name != "granian" or edge == "granian"]
    assert [name for name in wanted if not those(mapped(worker), (name,))] == []
    unwanted = RARE if edge == "granian" else (*RARE, "granian")
    assert those(mapped(worker), unwanted) == []


@pytest.mark.parametrize("edge", ["native"])
def test_a_request_is_held_once_and_its_memory_given_back(idle: Gateway, mock: Mock) -> None:
    (worker,) = idle.workers()
    assert idle.chat({"model": "slow", "messages": []}).status_code == 200
    mock.reset()
    before, count = resident(worker), 64
    clients = [idle.connect() for _ in range(count)]
    for client in clients:
        client.sendall(large(idle, "slow", stream=False))
    mock.wait(requests=count)
    held = resident(worker) - before
    for client in clients:
        with client, client.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
    assert held > count * MIB // 2, "they were all there at once"
    assert held < count * MIB * 5 // 4 + 16 * MIB, "they were there more than once"
    eventually(lambda: resident(worker) < before + 16 * MIB, "the memory of the requests is free")


@pytest.mark.parametrize("edge", ["native"])
def test_a_stream_that_has_begun_holds_nothing_of_its_request(idle: Gateway) -> None:
    (worker,) = idle.workers()
    before, count = resident(worker), 64
    with ExitStack() as streams:
        for _ in range(count):
            client = streams.enter_context(idle.connect())
            client.sendall(large(idle, "endless", stream=True))
            answer = streams.enter_context(client.makefile("rb"))
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            while not answer.readline().startswith(b"data:"):
                pass
        assert resident(worker) - before < count * MIB // 4
