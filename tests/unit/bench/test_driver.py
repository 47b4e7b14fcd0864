"""The open loop in C: what it asks and answers, beside a server that is as slow and as wrong as it is told to be."""

import operator
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bench.macro.driver import Driver, Seen
from bench.macro.process import NotRunning

BODY = b'{"model":"demo"}'
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2\r\n!!\r\n0\r\n\r\n"
FIXED = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello!!"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with closing(Driver(tmp_path_factory.mktemp("driver"), os.sched_getaffinity(0), b"chat", b"messages!")) as running:
        yield running


def ask(
    driver: Driver, port: int, size: int, rate: float = 500, seconds: float = 0.2, request: bytes = REQUEST
) -> Seen:
    marks: list[int] = []
    seen = driver.ask(port, request, size, rate, seconds, lambda: marks.append(1))
    assert len(marks) == 2
    return seen


def own_port(driver: Driver) -> int:
    return int(driver.address.rpartition(":")[2])


@pytest.mark.parametrize(("path", "payload"), [("/v1/chat/completions", b"chat"), ("/v1/messages?x=1", b"messages!")])
@pytest.mark.parametrize("chunked", [False, True])
def test_as_the_upstream_it_answers_what_is_asked(driver: Driver, path: str, payload: bytes, chunked: bool) -> None:
    fields = "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" if chunked else "content-length: 2\r\n\r\n{}"
    request = f"POST {path} HTTP/1.1\r\nhost: h\r\n{fields}".encode()
    with socket.create_connection(("127.0.0.1", own_port(driver)), timeout=10) as client, client.makefile("rb") as file:
        for byte in request:
            client.sendall(bytes((byte,)))
        client.sendall(request)
        for _ in range(2):
            head = b"".join(iter(file.readline, b"\r\n"))
            assert head.startswith(b"HTTP/1.1 200 ")
            assert file.read(int(head.lower().partition(b"content-length: ")[2])) == payload


def test_it_asks_at_its_rate(driver: Driver) -> None:
    seen = ask(driver, own_port(driver), 4)
    assert (seen.failures, seen.problem) == (0, "")
    assert seen.answers == pytest.approx(100, abs=2)
    assert seen.asked == pytest.approx(175, abs=2)  # with those that warm up
    assert 0 < seen.p50 <= seen.p99 <= seen.p999 <= seen.longest
    assert seen.seconds == pytest.approx(0.35, abs=0.1)
    assert 0 < seen.busy <= 1


def test_longer_times_are_several_bursts(driver: Driver) -> None:
    seen = ask(driver, own_port(driver), 4, rate=200, seconds=1.2)
    assert seen.answers == pytest.approx(240, abs=4)
    assert seen.asked == pytest.approx(300, abs=4)


def test_an_answer_of_another_length_is_a_failure(driver: Driver) -> None:
    seen = ask(driver, own_port(driver), 5)
    assert (seen.answers, seen.failures) == (0, seen.asked)
    assert seen.problem == "status 200, 4 bytes where 5 were due"


def test_nobody_there_is_the_end(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with (
            closing(Driver(tmp_path, os.sched_getaffinity(0), b"x", b"x")) as driver,
            pytest.raises(NotRunning, match="Connection refused"),
        ):
            ask(driver, bound.getsockname()[1], 4)


def serve(answer: Callable[[socket.socket, int, bytes], None]) -> tuple[int, socket.socket]:
    """Have `answer(connection, number, request)` called for each request, in threads; return the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    numbers = iter(range(1 << 30))

    def talk(connection: socket.socket) -> None:
        with connection:
            try:
                while request := connection.recv(4096):
                    answer(connection, next(numbers), request)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1]), listener


def test_a_wait_counts_from_when_a_request_was_due(driver: Driver) -> None:
    """One answer each 5 ms, and 400 are asked a second for 0.35 s: the last waits for half of the others."""
    turn = threading.Lock()
    slow = threading.Event()

    def answer(connection: socket.socket, _: int, __: bytes) -> None:
        with turn:
            slow.wait(0.005)
            connection.sendall(FIXED)

    port, listener = serve(answer)
    with listener:
        seen = ask(driver, port, 7, rate=400)
    assert seen.failures == 0
    assert seen.answers == pytest.approx(80, abs=2)
    assert seen.longest > 250_000
    assert seen.late < seen.longest / 2


@pytest.mark.parametrize("whole", [CHUNKED, FIXED])
def test_answers_are_read_at_any_cuts(driver: Driver, whole: bytes) -> None:
    def answer(connection: socket.socket, number: int, _: bytes) -> None:
        cut = number % (len(whole) - 1) + 1
        connection.sendall(whole[:cut])
        connection.sendall(whole[cut:])

    port, listener = serve(answer)
    with listener:
        seen = ask(driver, port, 7, rate=300)
    assert (seen.failures, seen.problem) == (0, "")
    assert seen.answers == pytest.approx(60, abs=2)


def test_what_is_lost_or_refused_is_counted(driver: Driver) -> None:
    def answer(connection: socket.socket, number: int, _: bytes) -> None:
        if number == 10:
            connection.sendall(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
        elif number == 20:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            connection.sendall(FIXED)

    port, listener = serve(answer)
    with listener:
        seen = ask(driver, port, 7, rate=300)
    assert seen.failures == 2
    assert seen.problem == "status 503, 0 bytes where 7 were due"


def test_a_server_that_cuts_all_off_ends_it(driver: Driver) -> None:
    port, listener = serve(lambda connection, _, __: connection.shutdown(socket.SHUT_RDWR))
    with listener:
        seen = ask(driver, port, 7, rate=1000)
    assert (seen.answers, seen.failures) == (0, seen.asked)
    assert seen.problem == "the connection was lost"


def say(driver: Driver, path: str, payload: bytes) -> bytes:
    """Return the first bytes of the answer to a request with a payload, or nothing where none comes."""
    with socket.create_connection(("127.0.0.1", own_port(driver)), timeout=10) as client:
        client.sendall(b"POST %b HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % (path.encode(), len(payload)))
        client.sendall(payload)
        if path == "/hanging":
            client.shutdown(socket.SHUT_WR)  # who only closes his end is not answered either
        return client.recv(12)


@pytest.mark.parametrize("size", [2, 65_000, 65_536, 300_000])
def test_destinations_are_well_or_ill_as_their_paths_say(driver: Driver, size: int) -> None:
    payload = b"\r\n\r\n" * (size // 4) + b"x" * (size % 4)
    assert say(driver, "/healthy", payload) == b"HTTP/1.1 200"
    assert {say(driver, "/half", payload), say(driver, "/half", payload)} == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    assert say(driver, "/hanging", payload) == b""


def test_each_time_that_counts_can_be_read(driver: Driver) -> None:
    seen = ask(driver, own_port(driver), 4)
    times = driver.times()
    assert len(times) == seen.answers
    assert list(times) == sorted(times)
    assert times[-1] / 1e3 == seen.longest
    away = driver.away()
    assert list(away) == sorted(away)
    assert len(away) == len(times)


def test_what_the_driver_takes_as_the_upstream_is_not_in_the_time_of_who_asked_it(driver: Driver) -> None:
    """It stands still when it is asked for what it asks itself, and goes on after 20 ms."""
    turn, slow = threading.Lock(), threading.Event()

    def relay(connection: socket.socket, _: int, request: bytes) -> None:
        with turn, socket.create_connection(("127.0.0.1", own_port(driver)), timeout=10) as upstream:
            os.kill(driver.pid, signal.SIGSTOP)
            try:
                upstream.sendall(request)
                slow.wait(0.02)
            finally:
                os.kill(driver.pid, signal.SIGCONT)
            upstream.recv(4096)
        connection.sendall(FIXED)

    port, listener = serve(relay)
    with listener:
        seen = ask(driver, port, 7, rate=30, request=REQUEST.replace(b"demo", b"#00o"))
    assert (seen.failures, seen.problem) == (0, "")
    assert min(map(operator.sub, driver.times(), driver.away())) > 20_000_000
