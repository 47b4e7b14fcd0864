"""Vendors that answer as a test tells them, by path, and remember what they were asked: HTTP/1.1 on a loopback port."""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from tests.fakes.listening import Listening


class Answer(NamedTuple):
    """What is said; a list of pieces goes out chunk by chunk. until: what has to happen first."""

    body: bytes | list[bytes]
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    until: threading.Event | None = None


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def plain(value: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(value).encode(), status)


def lines(*values: Any) -> Answer:
    """A stream of a JSON value a line."""
    return Answer([json.dumps(value).encode() + b"\n" for value in values], 200, "application/x-ndjson")


def events(*values: Any) -> Answer:
    """A stream of server-sent events; text goes as it is."""
    written = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return Answer([f"data: {text}\n\n".encode() for text in written], 200, "text/event-stream; charset=utf-8")


class Vendors(Listening):
    """The server. Answers of a path come in order, and the last of them again and again.

    A path may stand behind a method, `DELETE /x`, whose requests are answered otherwise than others of that path.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[str, list[Answer]] = {}
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                vendors._serve(self)

            def do_GET(self) -> None:
                vendors._serve(self)

            def do_DELETE(self) -> None:
                vendors._serve(self)

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(Handler)

    def say(self, path: str, *answers: Answer) -> None:
        """Answer requests for a path so from now on."""
        self._answers[path] = list(answers)

    def last(self, path: str) -> Asked:
        """Return the latest request for a path."""
        return [asked for asked in self.asked if asked.path == path][-1]

    def reset(self) -> None:
        """Forget what was asked."""
        self.asked.clear()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(Asked(handler.command, path, query, headers, body))
        waiting = self._answers.get(f"{handler.command} {path}") or self._answers.get(path)
        waiting = waiting or [plain({"error": {"message": f"nothing is at {path}"}}, 404)]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if answer.until is not None:
            answer.until.wait()
        handler.send_response(answer.status)
        handler.send_header("content-type", answer.content_type)
        for name, value in answer.headers:
            handler.send_header(name, value)
        if isinstance(answer.body, bytes):
            handler.send_header("content-length", str(len(answer.body)))
            handler.end_headers()
            handler.wfile.write(answer.body)
            return
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for piece in answer.body:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")
