"""What the edge's contract tests share: a server process and plain sockets to it."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

APP = Path(__file__).with_name("edge_app.py")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class EdgeProcess:
    """The tiny application behind Granian, as a process."""

    def __init__(self, file: Path, **options: object) -> None:
        file.write_text("first")
        self.file = file
        settings = json.dumps({"host": "127.0.0.1", "port": 0, **options})
        source = str(APP.parents[2] / "src")
        environment = {**os.environ, "PYTHONPATH": source, "PYTHONWARNINGS": "default"}
        self.process = subprocess.Popen(
            [sys.executable, str(APP), str(file), settings],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        line = self.process.stdout.readline()
        if not line.startswith("http"):
            self.process.kill()
            raise AssertionError(f"the server did not start: {line}{self.process.communicate()[1]}")
        self.port = int(line.rsplit(":", 1)[1])

    def stop(self) -> str:
        """End the process; returns what it wrote to stderr."""
        self.process.terminate()
        try:
            return self.process.communicate(timeout=15)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, path: str) -> Answer:
        with self.connect() as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: t\r\n\r\n".encode())
            return read_answer(client)

    def exchange(self, raw: bytes) -> Answer:
        with self.connect() as client:
            client.sendall(raw)
            return read_answer(client)

    def state(self) -> dict:
        return json.loads(self.get("/state").body)

    def wait_for(self, condition, seconds: float = 10.0):
        """Ask until `condition()` is true; returns its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.002)
        return value


def read_head(client: socket.socket) -> tuple[Answer, bytes]:
    """Status and headers, and what came behind them."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {data!r}")
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, value = line.split(": ", 1)
        headers[name.lower()] = value
    return Answer(int(lines[0].split()[1]), headers, b""), rest


def read_answer(client: socket.socket, *, head: bool = False) -> Answer:
    """One answer with a content-length, or a chunked one up to its end."""
    answer, rest = read_head(client)
    if head:
        return answer._replace(body=rest)
    if "content-length" in answer.headers:
        length = int(answer.headers["content-length"])
        while len(rest) < length:
            rest += receive(client)
        return answer._replace(body=rest)
    while not rest.endswith(b"0\r\n\r\n"):
        rest += receive(client)
    return answer._replace(body=dechunk(rest))


def receive(client: socket.socket) -> bytes:
    piece = client.recv(65536)
    if not piece:
        raise ConnectionError("closed in the middle of a body")
    return piece


def dechunk(data: bytes) -> bytes:
    body = bytearray()
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        if size == 0:
            return bytes(body)
        body += data[end + 2 : end + 2 + size]
        at = end + 4 + size
