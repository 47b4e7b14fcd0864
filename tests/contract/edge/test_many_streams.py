"""A thousand streams at once: every byte in order, little memory for each; thousands broken off leave nothing."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httptools
import pytest
import uvloop
from tests.contract.conftest import StartGateway
from tests.contract.harness import PATIENCE, Gateway, Mock, eventually, openai_model

STREAMS, CHUNKS = 1000, 100
GROWTH = 60 * 1024  # bytes of a worker's resident memory a stream
ABORTED, AT_ONCE, WARM = 1_500, 250, 1_000
ROUNDS = 5  # at most: what leaks grows in each; a heap that finds its size does not
MOST = ABORTED * 1024  # bytes that a round may leave: less than a kilobyte is kept of each stream


class Stream(asyncio.Protocol):
    """Sends one request and holds the body of its answer against the expected bytes."""

    def __init__(self, request: bytes, expected: bytes, enough: int) -> None:
        self._request = request
        self._expected = expected
        self._enough = enough
        self._parser = httptools.HttpResponseParser(self)
        self.at = 0
        self.wrong = ""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]  # a stream's

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self._expected[self.at : self.at + len(body)] != body:
            self.wrong = self.wrong or f"at byte {self.at}: {body[:100]!r}"
        self.at += len(body)
        if self.at >= self._enough and not self.done.done():
            self.done.set_result(None)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 200 or self.at != len(self._expected):
            self.wrong = self.wrong or f"status {self._parser.get_status_code()}, {self.at} bytes"
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.wrong = self.wrong or f"lost at byte {self.at}: {exc}"
            self.done.set_result(None)


def raw_request(gateway: Gateway, body: dict[str, object]) -> bytes:
    text = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {gateway.key}\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(text) + text


def resident(process: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096


def descriptors(process: int) -> int:
    """Return how many it has, apart from its journal's: the next file of that is there while the last one is full.

    Nor does an epoll count: there is one while a connection reads its own socket, and one more to upstreams.
    """
    found = 0
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed just now
            target = str(descriptor.readlink())
            found += "/journals/" not in target and target != "anon_inode:[eventpoll]"
    return found


async def run_streams(port: int, count: int, request: bytes, expected: bytes, enough: int) -> list[Stream]:
    loop = asyncio.get_running_loop()

    async def one() -> Stream:
        _, stream = await loop.create_connection(lambda: Stream(request, expected, enough), "127.0.0.1", port)
        await stream.done
        stream.transport.abort()  # type: ignore[attr-defined]  # a stream's
        return stream

    return await asyncio.gather(*(one() for _ in range(count)))


async def watch(read: Callable[[], int], seen: list[int]) -> None:
    while True:
        seen.append(read())
        await asyncio.sleep(0.2)


@pytest.fixture
def alone(start_gateway: StartGateway, mock: Mock) -> Gateway:
    """A gateway that has done no other work."""
    return start_gateway({"model_list": [openai_model("m", "m", mock.url)]})


def test_a_thousand_streams_keep_order_and_little_memory(alone: Gateway, mock: Mock) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True, "max_tokens": CHUNKS - 3}
    request = raw_request(alone, body)
    mock.control({"tokens": CHUNKS - 3})
    expected = alone.chat(body).content
    assert expected.count(b"data: ") == CHUNKS
    mock.reset()
    mock.control({"tokens": CHUNKS - 3, "token_rate": 25})
    (worker,) = alone.workers()
    memory: list[int] = []

    async def measured() -> list[Stream]:
        watching = asyncio.create_task(watch(lambda: resident(worker), memory))
        try:
            return await run_streams(alone.port, STREAMS, request, expected, len(expected) + 1)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_streams(alone.port, 10, request, expected, len(expected) // 20))  # warm: code and pools
        began = time.monotonic()
        before = resident(worker)
        streams = runner.run(measured())
    growth = (max(memory) - before) / STREAMS
    print(f"{STREAMS} streams in {time.monotonic() - began:.1f} s, {growth / 1024:.1f} KiB each")  # noqa: T201
    assert [stream.wrong for stream in streams if stream.wrong] == []
    assert all(stream.at == len(expected) for stream in streams)
    assert growth < GROWTH


def test_thousands_of_broken_streams_leave_nothing(alone: Gateway, mock: Mock) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True}
    request = raw_request(alone, body)
    mock.control({"tokens": 500, "token_rate": 100})
    (worker,) = alone.workers()

    def idle() -> bool:
        counts = mock.connections()
        return counts["in_progress"] == 0 and in_flight(alone) == 0

    def broken(count: int) -> None:
        """Each reads its first bytes and leaves."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            for _ in range(0, count, AT_ONCE):
                runner.run(run_streams(alone.port, AT_ONCE, request, b"", 1))
        eventually(idle, "all upstream calls have ended", PATIENCE)

    broken(WARM)
    open_before = mock.connections()["open"]
    files, memory = settled(worker), [resident(worker)]
    while len(memory) <= ROUNDS and min(growths(memory), default=MOST) >= MOST:  # allocators may grow now and then
        broken(ABORTED)
        memory.append(resident(worker))
    eventually(lambda: descriptors(worker) <= files, f"descriptors are back at {files}")
    assert mock.connections()["open"] <= open_before
    assert mock.connections()["requests"] >= ABORTED * (len(memory) - 1)
    assert min(growths(memory)) < MOST, memory
    assert alone.chat({"model": "m", "messages": []}).status_code == 200


def growths(memory: list[int]) -> list[int]:
    """Return by how many bytes each round made a process larger."""
    return [after - before for before, after in pairwise(memory)]


def in_flight(gateway: Gateway) -> float:
    text = gateway.client.get("/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("tianji_in_flight"))


def settled(process: int) -> int:
    """Return the number of descriptors once it has stopped falling."""
    seen = [descriptors(process)]

    def steady() -> bool:
        seen.append(descriptors(process))
        return len(seen) > 50 and len(set(seen[-50:])) == 1

    eventually(steady, "the descriptors stay")
    return seen[-1]
