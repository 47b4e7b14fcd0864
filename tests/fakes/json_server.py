"""A server of one process that answers JSON, or a form, with JSON, for fakes of services. Not for production."""

import contextlib
import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.listening import Listening


class JsonServer(Listening):
    """Listens on a port of its own while its context lasts. `requests`: what was asked, as method, path and body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(_handler(self))

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body of an answer."""
        raise NotImplementedError


def _handler(service: JsonServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_PUT(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            sent = self.rfile.read(length)
            coded = self.headers.get("content-type") == "application/x-www-form-urlencoded"
            body: Any = dict(parse_qsl(sent.decode())) if coded else json.loads(sent) if sent else None
            path = urlsplit(self.path).path
            service.requests.append((self.command, path, body))
            service.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, answer = service.answer(self.command, path, body)
            said = json.dumps(answer).encode()
            with contextlib.suppress(ConnectionError):  # whoever asked may have had enough
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
