"""A guardrail's vendor that judges by words: HTTP/1.1 on a loopback port, in the form of the generic guardrail API.

"forbidden" is refused, "secret" is masked; below `/broken` it fails, below `/slow` it answers when it is let. Answers
of models hold neither: below `/refuses` all of them are refused, below `/shouts` they are put in capitals.
"""

import contextlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MASK = "[MASKED]"
REASON = "that is forbidden"


class Judge:
    """The server. `asked`: the documents that came, oldest first."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.let = threading.Event()
        self.came = threading.Event()
        judge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["content-length"])))
                judge.asked.append(document)
                judge.came.set()
                if self.path.startswith("/slow"):
                    judge.let.wait(20)
                with contextlib.suppress(ConnectionError):  # whoever asked may have had enough
                    self._reply(document)

            def _reply(self, document: Mapping[str, Any]) -> None:
                self._answer(500 if self.path.startswith("/broken") else 200, judge.verdict(self.path, document))

            def _answer(self, status: int, document: Mapping[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, _format: str, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def texts(self) -> list[list[str]]:
        """Return the texts that it was asked about, oldest first."""
        return [list(document["texts"]) for document in self.asked]

    def verdict(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what it says of a document."""
        texts: list[str] = document["texts"]
        answers = document["input_type"] == "response"
        if any("forbidden" in text for text in texts) or (answers and path.startswith("/refuses")):
            return {"action": "BLOCKED", "blocked_reason": REASON}
        if answers and path.startswith("/shouts"):
            return {"action": "GUARDRAIL_INTERVENED", "texts": [text.upper() for text in texts]}
        if any("secret" in text for text in texts):
            return {"action": "GUARDRAIL_INTERVENED", "texts": [text.replace("secret", MASK) for text in texts]}
        return {"action": "NONE"}

    def reset(self) -> None:
        """Forget what was asked; whoever waits goes on waiting."""
        self.asked.clear()
        self.came.clear()
        self.let.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.let.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
