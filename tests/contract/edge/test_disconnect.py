"""A client that leaves takes its upstream call with it, within 50 ms, before the answer's head and in its middle."""

import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually

NOTICED = 0.050  # seconds from the client's close to the upstream's loss of its connection
TRIES = 3  # the bound stays; a loaded machine may have been busy elsewhere
Leave = Callable[[socket.socket], None]


def send_chat(gateway: Gateway, **more: object) -> socket.socket:
    body = json.dumps({"model": "gpt-test", "messages": [{"role": "user", "content": "a"}], **more}).encode()
    client = gateway.connect()
    client.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (MASTER_KEY.encode(), len(body), body)
    )
    return client


def close(client: socket.socket) -> None:
    client.close()


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def read_until(client: socket.socket, mark: bytes, count: int = 1) -> bytes:
    data = b""
    while data.count(mark) < count:
        piece = client.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def delay(mock: Mock, leave: Leave, client: socket.socket) -> float:
    """Leave, and return how long after that the mock lost its connection."""
    aborted = mock.connections()["aborted"]
    left = time.monotonic()
    leave(client)
    seen = mock.wait(aborted=aborted + 1, in_progress=0)
    return float(seen["aborts"][-1]["monotonic"]) - left


def best(measure: Callable[[], float], what: str) -> float:
    """Return the first delay below the bound, or the best of all tries."""
    delays: list[float] = []
    while len(delays) < TRIES and (not delays or delays[-1] >= NOTICED):
        delays.append(measure())
    print(f"{what}: {', '.join(f'{1000 * d:.1f}' for d in delays)} ms")  # noqa: T201  the figure is wanted
    return min(delays)


def in_progress(gateway: Gateway) -> float:
    text = gateway.client.get("/metrics").text
    values = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("tianji_in_flight_requests")]
    return sum(map(float, values))


def unread(port: int) -> int:
    """Return the bytes that wait in this machine's sockets for whoever is connected to `port`."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return max((int(row[4].partition(":")[2], 16) for row in rows if row[2].endswith(f":{port:04X}")), default=0)


def stuck(port: int) -> bool:
    """Whether much waits there, and the same amount for a while."""
    waiting = unread(port)
    until = time.monotonic() + 0.15
    while waiting > 100_000 and unread(port) == waiting:
        if time.monotonic() > until:
            return True
    return False


@pytest.mark.parametrize("leave", [close, reset])
@pytest.mark.parametrize("stream", [False, True])
def test_before_the_head(gateway: Gateway, mock: Mock, stream: bool, leave: Leave) -> None:
    mock.control({"first_byte_ms": 60000})

    def measure() -> float:
        client = send_chat(gateway, stream=stream)
        mock.wait(in_progress=1)
        return delay(mock, leave, client)

    assert best(measure, f"before the head, stream {stream}, {leave.__name__}") < NOTICED
    eventually(lambda: in_progress(gateway) == 0, "no request is in flight")


@pytest.mark.parametrize("age", [0.0, 0.005, 0.02, 0.1, 0.5])
def test_at_every_age_of_the_request(gateway: Gateway, mock: Mock, age: float) -> None:
    mock.control({"first_byte_ms": 60000})

    def measure() -> float:
        sent = time.monotonic()
        client = send_chat(gateway)
        mock.wait(in_progress=1)
        eventually(lambda: time.monotonic() - sent >= age, "the age")
        return delay(mock, close, client)

    assert best(measure, f"at the age of {age} s") < NOTICED


@pytest.mark.parametrize("leave", [close, reset])
def test_in_the_middle_of_a_stream(gateway: Gateway, mock: Mock, leave: Leave) -> None:
    mock.control({"token_rate": 20, "tokens": 10_000})

    def measure() -> float:
        client = send_chat(gateway, stream=True)
        read_until(client, b"data: ", 3)
        return delay(mock, leave, client)

    assert best(measure, f"in the middle, {leave.__name__}") < NOTICED
    assert mock.connections()["aborts"][-1]["phase"] == "answer"
    eventually(lambda: in_progress(gateway) == 0, "no request is in flight")


def test_in_the_middle_of_a_stream_that_is_silent(gateway: Gateway, mock: Mock) -> None:
    mock.control({"stall_at": 3, "tokens": 10})

    def measure() -> float:
        client = send_chat(gateway, stream=True)
        read_until(client, b"data: ", 3)
        return delay(mock, close, client)

    assert best(measure, "in a silence") < NOTICED


def test_in_the_middle_of_a_whole_answer(gateway: Gateway, mock: Mock) -> None:
    mock.control({"stall_at": 1, "tokens": 100})

    def measure() -> float:
        client = send_chat(gateway)
        mock.wait(in_progress=1)
        return delay(mock, close, client)

    assert best(measure, "in the middle of a whole answer") < NOTICED


def test_a_client_that_reads_nothing_and_leaves(gateway: Gateway, mock: Mock) -> None:
    """The gateway's own buffers are full and the upstream is paused: the leaving is noticed all the same."""
    payload = json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * 500_000}}]})
    mock.control({"events": [payload] * 40, "stall_at": 39})  # no end that could be reached before it is noticed

    def measure() -> float:
        client = send_chat(gateway, stream=True)
        eventually(lambda: stuck(mock.port), "the upstream is not read any more")
        return delay(mock, reset, client)

    assert best(measure, "with full buffers") < NOTICED
    eventually(lambda: in_progress(gateway) == 0, "no request is in flight")


def test_leaving_while_the_body_is_sent_reaches_no_upstream(gateway: Gateway, mock: Mock) -> None:
    with gateway.connect() as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\nauthorization: Bearer %b\r\n"
            b'content-length: 400\r\n\r\n{"model":"gpt-test",' % MASTER_KEY.encode()
        )
    assert gateway.chat().status_code == 200
    assert len(mock.requests()) == 1


def test_the_metrics_call_it_499(gateway: Gateway, mock: Mock) -> None:
    def counted() -> int:
        text = gateway.client.get("/metrics").text
        return sum(int(float(line.split()[-1])) for line in text.splitlines() if 'status="499"' in line)

    mock.control({"first_byte_ms": 60000})
    before = counted()
    client = send_chat(gateway)
    mock.wait(in_progress=1)
    client.close()
    eventually(lambda: counted() == before + 1, "one more 499")
