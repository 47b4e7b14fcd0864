"""Clients that speak malformed HTTP are refused or closed, and a good client beside them notices nothing."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually

KEY = f"authorization: Bearer {MASTER_KEY}\r\n"
LINE = "POST /v1/chat/completions HTTP/1.1\r\n"
BODY = '{"model":"gpt-test","messages":[]}'
HEAD = f"{LINE}host: t\r\n{KEY}"
LENGTH = f"content-length: {len(BODY)}\r\n"

# what is sent, and the statuses that may answer it; none: the connection closes without an answer
MALFORMED: dict[str, tuple[bytes, tuple[int, ...]]] = {
    name: (text.encode("latin-1"), statuses)
    for name, (text, statuses) in {
        "no HTTP": ("hello\r\n\r\n", (400,)),
        "TLS on a plain port": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 50, (400,)),
        "no version": ("GET /\r\n\r\n", (400,)),
        "an unknown version": ("GET / HTTP/3.7\r\nhost: t\r\n\r\n", (400, 505)),
        "a target with a blank": ("GET /a b HTTP/1.1\r\nhost: t\r\n\r\n", (400,)),
        "a target with control characters": ("GET /\x01 HTTP/1.1\r\nhost: t\r\n\r\n", (400,)),
        "no host": (f"{LINE}{KEY}{LENGTH}\r\n{BODY}", (400,)),
        "two hosts": (f"{HEAD}host: u\r\n{LENGTH}\r\n{BODY}", (400,)),
        "NUL in a header": (f"{HEAD}x: a\0b\r\n{LENGTH}\r\n{BODY}", (400,)),
        "a bare CR in a header": (f"{HEAD}x: a\rb\r\n{LENGTH}\r\n{BODY}", (400,)),
        "a folded header": (f"{HEAD}x: a\r\n b\r\n{LENGTH}\r\n{BODY}", (400,)),
        "a blank before the colon": (f"{HEAD}content-length : 5\r\n\r\nhello", (400,)),
        "a header without a name": (f"{HEAD}: a\r\n{LENGTH}\r\n{BODY}", (400,)),
        "two lengths": (f"{HEAD}{LENGTH}content-length: 5\r\n\r\n{BODY}", (400,)),
        "a list of lengths": (f"{HEAD}content-length: 5, 6\r\n\r\n{BODY}", (400,)),
        "a negative length": (f"{HEAD}content-length: -1\r\n\r\n{BODY}", (400,)),
        "a signed length": (f"{HEAD}content-length: +34\r\n\r\n{BODY}", (400,)),
        "a length of letters": (f"{HEAD}content-length: 0x22\r\n\r\n{BODY}", (400,)),
        "a length beyond numbers": (f"{HEAD}content-length: {2**64}\r\n\r\n{BODY}", (400, 413)),
        "a length beyond the limit": (f"{HEAD}content-length: {2**62}\r\n\r\n{BODY}", (413,)),
        "an unknown coding": (f"{HEAD}transfer-encoding: gzip\r\n\r\n{BODY}", (400, 501)),
        "chunked not last": (f"{HEAD}transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", (400, 501)),
        "a bad chunk size": (f"{HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n{BODY}\r\n0\r\n\r\n", (400,)),
        "a negative chunk size": (f"{HEAD}transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", (400,)),
        "a huge chunk size": (f"{HEAD}transfer-encoding: chunked\r\n\r\n{'f' * 17}\r\n{BODY}", (400,)),
        "a chunk longer than said": (f"{HEAD}transfer-encoding: chunked\r\n\r\n1\r\n{BODY}\r\n0\r\n\r\n", (400,)),
        "too many headers": (HEAD + "".join(f"x{n}: a\r\n" for n in range(500)) + f"{LENGTH}\r\n{BODY}", (431,)),
        "a header that is too long": (f"{HEAD}x: {'a' * 200_000}\r\n{LENGTH}\r\n{BODY}", (431,)),
        "a target that is too long": (f"GET /{'a' * 70_000} HTTP/1.1\r\nhost: t\r\n\r\n", (414,)),
        "an upgrade": (f"{HEAD}connection: upgrade\r\nupgrade: h2c\r\n{LENGTH}\r\n{BODY}", (200, 400)),
    }.items()
}


def status_of(data: bytes) -> int | None:
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.1 ") else None


def answer_of(gateway: Gateway, raw: bytes) -> tuple[int | None, bytes]:
    """Send bytes and read until an answer's head is there or the connection closes: its status and the text."""
    data = b""
    with gateway.connect() as client, suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(raw)
        while b"\r\n\r\n" not in data and (piece := client.recv(65536)):
            data += piece
    return status_of(data), data


def all_of(gateway: Gateway, raw: bytes) -> tuple[int | None, bytes]:
    """Send bytes, say that no more come, and read until the connection closes."""
    data = b""
    with gateway.connect() as client, suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(raw)
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65536):
            data += piece
    return status_of(data), data


@contextmanager
def good_client(gateway: Gateway) -> Iterator[list[str]]:
    """A client that asks without a pause over one connection; gives the list of whatever went wrong."""
    stop = threading.Event()
    wrong: list[str] = []
    asked = [0]

    def ask() -> None:
        head = {"authorization": f"Bearer {MASTER_KEY}"}
        with httpx.Client(base_url=gateway.url, headers=head, trust_env=False) as client:
            while not stop.is_set():
                body = {"model": "gpt-test", "messages": [], "stream": asked[0] % 2 == 0}
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                except httpx.HTTPError as error:
                    wrong.append(repr(error))
                    return
                asked[0] += 1
                if answer.status_code != 200 or (body["stream"] and "[DONE]" not in answer.text):
                    wrong.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        eventually(lambda: asked[0] > 5, "the good client is served")
        yield wrong
        before = asked[0]
        eventually(lambda: asked[0] > before + 5 or wrong, "the good client is still served")
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(("raw", "statuses"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_requests(gateway: Gateway, mock: Mock, raw: bytes, statuses: tuple[int, ...]) -> None:
    with good_client(gateway) as wrong:
        for _ in range(3):
            status, data = answer_of(gateway, raw)
            assert status is None or status in statuses, data[:500]
    assert wrong == []
    assert gateway.client.get("/health/readiness").status_code == 200


@pytest.mark.parametrize("name", ["two lengths", "a bad chunk size", "a negative length", "chunked not last"])
def test_nothing_malformed_goes_upstream(gateway: Gateway, mock: Mock, name: str) -> None:
    answer_of(gateway, MALFORMED[name][0])
    assert gateway.chat().status_code == 200
    assert len(mock.requests()) == 1


def test_a_length_beside_chunks_smuggles_nothing(gateway: Gateway, mock: Mock) -> None:
    inner = f"POST /v1/chat/completions HTTP/1.1\r\nhost: t\r\n{KEY}{LENGTH}\r\n{BODY}"
    chunks = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"
    raw = f"{HEAD}content-length: {len(chunks) + len(inner)}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}{inner}"
    _, data = all_of(gateway, raw.encode())
    assert data.count(b"HTTP/1.1 ") <= 1
    assert gateway.chat().status_code == 200
    assert len(mock.requests()) <= 2


def test_a_body_that_is_cut_short_goes_nowhere(gateway: Gateway, mock: Mock) -> None:
    status, _ = all_of(gateway, f"{HEAD}content-length: 500\r\n\r\n{BODY}".encode())
    assert status in (None, 400)
    status, _ = all_of(gateway, f"{HEAD}transfer-encoding: chunked\r\n\r\n22\r\n{BODY}\r\n".encode())
    assert status in (None, 400)
    assert gateway.chat().status_code == 200
    assert len(mock.requests()) == 1


def test_pipelined_requests_are_answered_in_order(gateway: Gateway, mock: Mock) -> None:
    def one(tokens: int) -> str:
        body = f'{{"model":"mock-tokens-{tokens}","messages":[]}}'
        return f"{HEAD}content-length: {len(body)}\r\n\r\n{body}"

    data = b""
    with gateway.connect() as client:
        client.sendall("".join(one(tokens) for tokens in (3, 1, 2)).encode())
        while data.count(b"system_fingerprint") < 3:
            piece = client.recv(65536)
            assert piece, data
            data += piece
    assert re.findall(rb'"model":"mock-tokens-(\d)"', data) == [b"3", b"1", b"2"]


def test_the_log_has_no_traceback(gateway: Gateway) -> None:
    assert "Traceback" not in gateway.log
