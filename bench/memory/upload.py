"""One large upload: a client that sends a file, and an upstream that counts what it gets and keeps nothing."""

import socket
import threading
from typing import BinaryIO

PIECE = b"\x01" * (1 << 20)
_BEFORE = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\n%b\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
)
_AFTER = b"\r\n--b--"
PATH = "/v1/audio/transcriptions"
_HEAD = (
    "POST {path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n"
    "content-type: multipart/form-data; boundary=b\r\n{framing}\r\n\r\n"
)


class Sink:
    """An upstream for transcripts; one connection after another. What it says is how many bytes of a PIECE it got."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            with client, client.makefile("rb") as stream:
                if not _answer(client, stream):
                    return

    def close(self) -> None:
        """End it."""
        with socket.create_connection(self._listening.getsockname()) as last:
            last.sendall(b"\r\n")
        self._thread.join()
        self._listening.close()


def _answer(client: socket.socket, stream: BinaryIO) -> bool:
    """Answer a request; false for the one without a head that ends the sink."""
    head = b"".join(iter(stream.readline, b"\r\n"))
    if not head:
        return False
    left = int(head.lower().partition(b"content-length: ")[2].split()[0])
    ones = 0
    while left:
        piece = stream.read(min(left, len(PIECE)))
        left -= len(piece)
        ones += piece.count(PIECE[:1])
    body = b'{"text":"%d"}' % ones
    client.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    return True


def head(key: str, framing: str, path: str = PATH) -> bytes:
    """Return the head of an upload."""
    return _HEAD.format(key=key, framing=framing, path=path).encode()


def form(model: str, content: bytes) -> bytes:
    """Return the form of an upload, whole."""
    return _BEFORE % model.encode() + content + _AFTER


def upload(client: socket.socket, key: str, model: str, pieces: int, *, chunked: bool, path: str = PATH) -> bytes:
    """Send a file of so many PIECEs and return the answer, first line and body."""
    before = _BEFORE % model.encode()
    length = len(before) + pieces * len(PIECE) + len(_AFTER)
    client.sendall(head(key, "transfer-encoding: chunked" if chunked else f"content-length: {length}", path))
    for part in (before, *([PIECE] * pieces), _AFTER, b""):
        client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    return answer(client)


def answer(client: socket.socket) -> bytes:
    """Return the first line and the body of an answer that has a length."""
    with client.makefile("rb") as stream:
        lines = list(iter(stream.readline, b"\r\n"))
        length = next(int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length"))
        return lines[0] + stream.read(length)
