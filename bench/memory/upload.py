"""One large file: a client that sends it, and an upstream that counts what it gets and keeps nothing; or back again."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from typing import BinaryIO

PIECE = b"\x7f" * (1 << 20)
"""A MiB of a file: of a character that no head, no form and no request holds, and that a JSON string may."""
_FIELD = b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
_FILE = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
_AFTER = b"\r\n--b--"
DOWN = "/openai_passthrough/v1/files/{pieces}/content"
PAUSE = 2.0  # seconds in which a client reads nothing
_HEAD = (
    "POST {path} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n"
    "content-type: multipart/form-data; boundary=b\r\n{framing}\r\n\r\n"
)
TASKS = b" /v1/transcriptions"  # of Soniox: where they are begun, looked at and fetched
TRANSCRIPTS, FILES = "/v1/audio/transcriptions", "/v1/files"
_LINE = json.dumps(
    {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "sink", "messages": [{"role": "user", "content": "~"}]},
    }
).encode()


class Sink:
    """An upstream for forms; one connection after another. What it says is how many bytes of a PIECE it got.

    Whoever looks at a task there is told that it is done, and its transcript is how many bytes the largest body had.
    """

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._most = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            with client, client.makefile("rb") as stream:
                if not self._answer(client, stream):
                    return

    def _answer(self, client: socket.socket, stream: BinaryIO) -> bool:
        """Answer a request; false for the one without a head that ends the sink."""
        head = b"".join(iter(stream.readline, b"\r\n"))
        if not head:
            return False
        if head.startswith(b"GET ") and TASKS not in head:
            pieces = int(head.split(b"/")[3])
            length = pieces * len(PIECE)
            client.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % length)
            for _ in range(pieces):
                client.sendall(PIECE)
            return True
        left = int((head.lower().partition(b"content-length: ")[2].split() or [b"0"])[0])
        came = 0
        while left:
            piece = stream.read(min(left, len(PIECE)))
            left -= len(piece)
            came += piece.count(PIECE[:1])
        self._most = max(self._most, came)
        said = self._most if TASKS in head else came
        body = b'{"object":"file","id":"file-a","created_at":1,"filename":"f","purpose":"p","bytes":%d,"text":"%d",'
        body = body % (said, said) + b'"status":"completed"}'
        client.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        return True

    def close(self) -> None:
        """End it."""
        with socket.create_connection(self._listening.getsockname()) as last:
            last.sendall(b"\r\n")
        self._thread.join()
        self._listening.close()


def head(key: str, framing: str, path: str = TRANSCRIPTS) -> bytes:
    """Return the head of an upload."""
    return _HEAD.format(key=key, framing=framing, path=path).encode()


def form(fields: Mapping[str, str], content: bytes) -> bytes:
    """Return the form of an upload, whole."""
    return _before(fields) + content + _AFTER


def _before(fields: Mapping[str, str]) -> bytes:
    return b"".join(_FIELD % (name.encode(), value.encode()) for name, value in fields.items()) + _FILE


def upload(
    client: socket.socket, key: str, fields: Mapping[str, str], pieces: int, *, path: str, chunked: bool = False
) -> bytes:
    """Send a file of so many PIECEs, with the fields of a form; return the answer, first line and body.

    One whose purpose is `batch` has them in as many requests, a line each.
    """
    before, after = _LINE.split(b"~", 1) if fields.get("purpose") == "batch" else (b"", b"")
    line = b"%b%b%b" % (before, PIECE, after + b"\n" if after else b"")
    begun = _before(fields)
    length = len(begun) + pieces * len(line) + len(_AFTER)
    client.sendall(head(key, "transfer-encoding: chunked" if chunked else f"content-length: {length}", path))
    for part in (begun, *([line] * pieces), _AFTER, b""):
        client.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    return answer(client)


def answer(client: socket.socket) -> bytes:
    """Return the first line and the body of an answer that has a length."""
    with client.makefile("rb") as stream:
        lines = list(iter(stream.readline, b"\r\n"))
        length = next(int(line.split()[1]) for line in lines if line.lower().startswith(b"content-length"))
        return lines[0] + stream.read(length)


def download(host: str, port: int, key: str, pieces: int) -> int:
    """Read a file of so many PIECEs that is led through, with a PAUSE in the middle; return how many bytes it had."""
    got = 0
    with closing(http.client.HTTPConnection(host, port)) as client:
        client.request("GET", DOWN.format(pieces=pieces), headers={"authorization": f"Bearer {key}"})
        came = client.getresponse()
        for number in range(pieces if came.status == 200 else 0):
            if number == pieces // 2:
                time.sleep(PAUSE)
            got += came.read(len(PIECE)).count(PIECE[:1])
    return got
