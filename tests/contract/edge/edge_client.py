"""What the edge's contract tests share: a server process and plain sockets to it."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import trustme

EDGES = ("granian", "native")
APP = Path(__file__).with_name("edge_app.py")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class EdgeProcess:
    """The tiny application behind one of EDGES, as a process tree in a session of its own."""

    def __init__(
        self,
        edge: str,
        file: Path,
        *,
        content: str = "first",
        tls: ssl.SSLContext | None = None,  # of clients
        **options: object,
    ) -> None:
        self.kind = edge
        self.tls = tls
        self.file = file
        self.pid_file = file.with_name(f"{file.name}.pid")
        self._options = file.with_name(f"{file.name}.options")
        self._errors = file.with_name(f"{file.name}.stderr")
        self.host = str(options.get("host", "127.0.0.1"))
        file.write_text(content)
        self.configure(**options)
        source = str(APP.parents[3] / "src")
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(APP), edge, str(file), str(self._options)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": source, "PYTHONWARNINGS": "default"},
                start_new_session=True,
            )
        self.address = self.process.stdout.readline().strip()
        if not self.address.startswith("http"):
            self.process.communicate(timeout=15)
            raise AssertionError(f"the server did not start: {self.address}{self.log}")
        self.port = int(self.address.rsplit(":", 1)[1])

    def configure(self, **options: object) -> None:
        """Choose the options, also those of a process that takes the place of this one."""
        self._options.write_text(
            json.dumps({"host": "127.0.0.1", "port": 0, "pid_file": str(self.pid_file), **options})
        )

    @property
    def log(self) -> str:
        """What all of its processes wrote to stderr so far."""
        return self._errors.read_text()

    @property
    def parent(self) -> int:
        """The process in charge."""
        return int(self.pid_file.read_text())

    def workers(self, parent: int | None = None) -> list[int]:
        """The children of `parent`, or of the process that was started here."""
        threads = Path(f"/proc/{parent or self.process.pid}/task").iterdir()
        return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())

    def stop(self) -> None:
        """End the process well; whatever is left of its tree goes, too."""
        try:
            self.process.terminate()
            self.process.wait(timeout=15)
        finally:
            self.kill()

    def kill(self) -> None:
        """End all of its processes at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def connect(self) -> socket.socket:
        return self.secure(self.connect_plainly())

    def connect_plainly(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=10)

    def secure(self, client: socket.socket) -> socket.socket:
        """Do the TLS handshake, where there is one."""
        return client if self.tls is None else self.tls.wrap_socket(client, server_hostname=self.host)

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


def certified(folder: Path, *protocols: str) -> dict[str, object]:
    """Return the options of a server with a certificate. `protocols`: what its clients offer by ALPN."""
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return {"certificate": str(certificate), "private_key": str(key), "tls": context}


@contextmanager
def starting(edge: str, folder: Path) -> Iterator[Callable[..., EdgeProcess]]:
    """Start processes on request: `start(**options)`. They end with the context."""
    running: list[EdgeProcess] = []

    def start(**options: object) -> EdgeProcess:
        running.append(EdgeProcess(edge, folder / f"file{len(running)}", **options))
        return running[-1]

    try:
        yield start
    finally:
        for process in running:
            process.kill()


def alive(process_id: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except FileNotFoundError:
        return False


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
