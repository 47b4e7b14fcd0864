"""A server that takes whatever it is sent and answers as it is told, /hanging never, /half each other time."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.fakes.listening import Listening

Judging = Callable[[str, Any], tuple[int, bytes] | None]


class Ears(Listening):
    """`heard`: (path, headers, body) of all requests that were answered with a status below 300.

    judging: returns the status and the body of an answer by the path and the body of a request; None: as usual
    """

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.tries: list[str] = []
        self.judging: Judging = lambda _path, _said: None
        self._over = threading.Event()
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                ears.tries.append(self.path)
                if self.path.startswith("/hanging"):
                    ears._over.wait()
                refuses = self.path.startswith("/half") and ears.tries.count(self.path) % 2
                headers = {name.lower(): value for name, value in self.headers.items()}
                kind = headers.get("content-type", "")
                said = json.loads(body) if "json" in kind and "ndjson" not in kind else body.decode()
                status, answer = ears.judging(self.path, said) or (503 if refuses else ears.status, b"")
                if status < 300:
                    ears.heard.append((self.path, headers, said))
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_PUT = do_POST  # noqa: N815  as the library has it

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(Handler)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        super().__exit__(kind, value, at)

    def events(self, path: str = "/log") -> list[dict[str, Any]]:
        """All events that came to a path in arrays."""
        return [event for where, _, body in self.heard if where == path for event in body]
