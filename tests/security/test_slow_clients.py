"""Clients that are slow on purpose lose their connection, whatever they stop in; those that are only slow do not."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from tests.contract.harness import Process
from tests.contract.raw_http import Answer, Wire
from tests.security.hostile import CHUNKED, HOST
from tests.security.impatient import PATIENCE, RATE

OFTEN = PATIENCE / 10  # seconds between two bytes of a trickle
POST = f"POST /echo HTTP/1.1\r\n{HOST}"
SIZED = f"{POST}content-length: 10000\r\n\r\n".encode()
IN_CHUNKS = f"{POST}{CHUNKED}\r\n".encode()
GET = f"GET / HTTP/1.1\r\n{HOST}\r\n".encode()
SILENCE: list[int] = []  # no answer: there was no request
TOO_SLOW = [408]

# what is sent at once, what is sent byte by byte behind it, and the statuses of the answers before the close
ROWS: dict[str, tuple[bytes, bytes, list[int]]] = {
    "nothing": (b"", b"", SILENCE),
    "nothing after a request": (GET, b"", [200]),
    "nothing after a body": (f"{POST}content-length: 2\r\n\r\nhi".encode(), b"", [200]),
    "half a request line": (b"POST /ec", b"", TOO_SLOW),
    "half a head": (POST.encode(), b"", TOO_SLOW),
    "half a second head": (GET + b"GET / HT", b"", [200, 408]),
    "a trickling request line": (b"GET /", b"a" * 1000, TOO_SLOW),
    "a trickling head": (POST.encode(), b"x: a\r\n" * 200, TOO_SLOW),
    "no body": (SIZED, b"", TOO_SLOW),
    "half a body": (SIZED + b"a" * 5000, b"", TOO_SLOW),
    "a trickling body": (SIZED, b"a" * 1000, TOO_SLOW),
    "half a size line": (IN_CHUNKS + b"5", b"", TOO_SLOW),
    "half a chunk": (IN_CHUNKS + b"5\r\nab", b"", TOO_SLOW),
    "half an end": (IN_CHUNKS + b"2\r\nab\r\n0\r\n", b"", TOO_SLOW),
    "trickling chunks": (IN_CHUNKS, b"1\r\na\r\n" * 200, TOO_SLOW),
    "a trickling extension": (IN_CHUNKS + b"1;", b"a" * 1000, TOO_SLOW),
    "a trickling trailer": (IN_CHUNKS + b"1\r\na\r\n0\r\nx: ", b"a" * 1000, TOO_SLOW),
    "a body that nobody wants": (
        f"{POST.replace('echo', 'no')}content-length: 100000\r\n\r\n".encode(),
        b"a" * 1000,
        [404],
    ),
}
# hyper has limits of its own for heads, and none for idle connections; of bodies the edge knows the silences
ON_GRANIAN = ("no body", "half a body", "half a size line", "half a chunk", "half an end")


class Server(Process):
    """The impatient application."""

    module = "tests.security.impatient"


@pytest.fixture(scope="module")
def server(edge: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("impatient")
    file = folder / "file"
    file.write_text("")
    with Server([edge, str(file)], folder, {}) as running:
        yield running


def suffer(edge: str, port: int, at_once: bytes, slowly: bytes) -> list[Answer]:
    """Send, and give the answers up to the close; Granian keeps the connection, to read a body that never comes."""
    with Wire(port) as wire:
        wire.send(at_once)
        wire.trickle(slowly, OFTEN)
        return wire.answers(1) if edge == "granian" else wire.rest()


@pytest.fixture(scope="module")
def slow(edge: str, server: Server) -> Iterator[dict[str, Future[list[Answer]]]]:
    """All clients at once: each waits for the server, and not for the others."""
    names = ON_GRANIAN if edge == "granian" else tuple(ROWS)
    with ThreadPoolExecutor(len(names)) as pool:
        yield {name: pool.submit(suffer, edge, server.port, *ROWS[name][:2]) for name in names}


@pytest.mark.parametrize("name", ROWS)
def test_a_slow_client(edge: str, slow: dict[str, Future[list[Answer]]], name: str) -> None:
    if name not in slow:
        pytest.skip("hyper has limits of its own")
    answers = slow[name].result()
    assert [answer.status for answer in answers] == ROWS[name][2]
    if answers and answers[-1].status == 408 and edge == "native":
        assert answers[-1].closes


def test_a_client_that_is_only_slow(server: Server) -> None:
    """It takes several times the patience, and keeps above the rate."""
    body = b"a" * int(RATE * PATIENCE * 40)
    piece = len(body) // 16
    with Wire(server.port) as wire:
        wire.send(f"{POST}content-length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), piece):
            wire.trickle(body[at : at + 1], PATIENCE / 8)
            wire.send(body[at + 1 : at + piece])
        (answer,) = wire.answers(1)
    assert (answer.status, answer.body) == (200, body)
