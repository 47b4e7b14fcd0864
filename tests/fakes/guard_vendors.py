"""Vendors of guardrails in their wire forms, on a loopback port: each finds one word, and wants to be asked rightly.

`/presidio`: finds ADDRESS. `/bedrock`: blocks "forbidden", and wants a signature. `/login` and `/graph`: Microsoft's,
which blocks "forbidden" and wants a token; `revoke` ends the one that is out. `/lakera`: knows no key.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

ADDRESS = "ann@x.io"
BLOCKS = {"action": "GUARDRAIL_INTERVENED", "outputs": [{"text": "Sorry."}]}
WORDS = {"wordPolicy": {"customWords": [{"match": "forbidden", "action": "BLOCKED"}]}}
RESTRICTS = {"action": "restrictAccess", "restrictionAction": "block"}


class GuardVendors:
    """The server. `asked`: path and document of each call, oldest first; `tokens`: how many were given out."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.tokens = 0
        self._good = ""
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                coded = self.headers["content-type"] == "application/x-www-form-urlencoded"
                document = dict(parse_qsl(body.decode())) if coded else json.loads(body)
                vendors.asked.append((self.path, document))
                status, said = vendors.answer(self.path, document, self.headers.get("authorization", ""))
                answer = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, _format: str, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, document: Any, proof: str) -> tuple[int, Any]:
        """Return status and document of an answer."""
        vendor = path.split("/")[1]
        if vendor == "presidio":
            at = document["text"].find(ADDRESS)
            found = {"entity_type": "EMAIL_ADDRESS", "start": at, "end": at + len(ADDRESS), "score": 1.0}
            return 200, [] if at < 0 else [found]
        if vendor == "bedrock":
            blocks = any("forbidden" in block["text"]["text"] for block in document["content"])
            return (200, {**BLOCKS, "assessments": [WORDS]} if blocks else {"action": "NONE"}) if proof else (403, {})
        if vendor == "login":
            self.tokens += 1
            self._good = f"token-{self.tokens}"
            return 200, {"access_token": self._good, "token_type": "Bearer", "expires_in": 3600}
        if vendor == "graph" and proof == f"Bearer {self._good}":
            (entry,) = document["contentToProcess"]["contentEntries"]
            return 200, {"policyActions": [RESTRICTS] if "forbidden" in entry["content"]["data"] else []}
        return 401, {}

    def revoke(self) -> None:
        """Let the token that is out be good no more."""
        self._good = ""

    def reset(self) -> None:
        """Forget what was asked."""
        self.asked.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
