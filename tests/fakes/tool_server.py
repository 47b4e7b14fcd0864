"""A server of the Model Context Protocol, scripted: over HTTP, over a stream of events, and as a program.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports, and 2024-11-05 for the stream. Run as a
program it speaks on its standard input and output.
"""

import contextlib
import json
import os
import queue
import sys
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.listening import Listening

SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "description": "What is said back."}}}
TOOLS = [
    {"name": "echo", "description": "Say it back.", "inputSchema": SCHEMA},
    {"name": "fail", "description": "Fail.", "inputSchema": {"type": "object"}},
    {"name": "refuse", "description": "Refuse.", "inputSchema": {"type": "object"}},
]
UNKNOWN = {"code": -32601, "message": "unknown method"}


class Script:
    """What a server says. `log`: messages that came; pages: how many tools it shows at once."""

    def __init__(self, name: str = "fake", pages: int = 2) -> None:
        self.name = name
        self.pages = pages
        self.log: list[dict[str, Any]] = []
        self.capabilities: dict[str, Any] = {"tools": {}, "prompts": {}, "resources": {}}

    def answer(self, message: dict[str, Any], secret: str = "") -> dict[str, Any] | None:
        """Return the answer to a message; None for what has none. `secret`: what the caller came with."""
        self.log.append(message)
        if "id" not in message or "method" not in message:
            return None
        say = {
            "initialize": self._initialize,
            "ping": lambda _params: {},
            "tools/list": self._tools,
            "tools/call": lambda params: self._call(params, secret),
            "prompts/list": lambda _params: {"prompts": [{"name": "greet", "arguments": [{"name": "who"}]}]},
            "prompts/get": self._prompt,
            "resources/list": lambda _params: {"resources": [{"uri": f"note://{self.name}", "name": "note"}]},
            "resources/templates/list": lambda _params: {"resourceTemplates": []},
            "resources/read": self._read,
        }.get(message["method"])
        found = {"error": UNKNOWN} if say is None else say(message.get("params") or {})
        told = found if "error" in found else {"result": found}
        return {"jsonrpc": "2.0", "id": message["id"], **told}

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        info = {"name": self.name, "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": self.capabilities, "serverInfo": info}

    def _tools(self, params: dict[str, Any]) -> dict[str, Any]:
        first = int(params.get("cursor", 0))
        rest = {"nextCursor": str(first + self.pages)} if first + self.pages < len(TOOLS) else {}
        return {"tools": TOOLS[first : first + self.pages], **rest}

    def _call(self, params: dict[str, Any], secret: str) -> dict[str, Any]:
        arguments = params.get("arguments", {})
        if params["name"] == "refuse":
            return {"error": {"code": -32050, "message": f"not for {secret}"}}
        text = f"{self.name}: {arguments.get('text', '')}"
        content = [{"type": "text", "text": text}]
        return {"content": content, "isError": params["name"] == "fail", "structuredContent": {"said": text}}

    def _prompt(self, params: dict[str, Any]) -> dict[str, Any]:
        said = f"hello {params.get('arguments', {}).get('who')}"
        return {"messages": [{"role": "user", "content": {"type": "text", "text": said}}]}

    def _read(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["uri"] != f"note://{self.name}":
            return {"error": {"code": -32002, "message": "no such resource"}}
        return {"contents": [{"uri": params["uri"], "text": f"of {self.name}"}]}


class ToolServer(Listening):
    """Over HTTP at `url`/mcp, over a stream at `url`/sse. `headers`: of all requests, names in small letters.

    streams: whether answers of /mcp are streams; token: without which nobody is let in
    forms: what was sent to `url`/token, which gives a token
    """

    def __init__(self, name: str = "fake") -> None:
        self.script = Script(name)
        self.headers: list[Mapping[str, str]] = []
        self.methods: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.streams = False
        self.token: str | None = None
        self.sessions: set[str] = set()
        self.answered = threading.Event()  # cleared: no call of a tool is answered
        self.answered.set()
        self._queues: dict[str, queue.Queue[dict[str, Any] | None]] = {}
        super().__init__(type("Mine", (Handler,), {"tools": self}))

    def last(self, method: str) -> dict[str, Any]:
        """Return the parameters of the latest request of a method."""
        found: dict[str, Any] = [one for one in self.script.log if one.get("method") == method][-1]["params"]
        return found

    def reset(self) -> None:
        """Forget what was asked."""
        self.script.log.clear()
        self.headers.clear()
        self.methods.clear()


class Handler(BaseHTTPRequestHandler):
    """Of one `tools`."""

    tools: ToolServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = urlsplit(self.path).path
        if path == "/token":
            self.tools.forms.append(parse_qs(body.decode()))
            self._send(200, {"access_token": "granted-token-1", "expires_in": 3600})
            return
        if not self._enter():
            return
        message = json.loads(body)
        if message.get("method") == "tools/call":
            self.tools.answered.wait(30)
        if path == "/messages":
            answer = self.tools.script.answer(message, self.headers.get("authorization", ""))
            if answer is not None:
                self.tools._queues[urlsplit(self.path).query].put(answer)
            self._send(202, None)
            return
        self._streamable(message)

    def _streamable(self, message: dict[str, Any]) -> None:
        session = self.headers.get("mcp-session-id")
        if message.get("method") != "initialize" and session not in self.tools.sessions:
            self._send(404, {"error": "no such session"})
            return
        answer = self.tools.script.answer(message, self.headers.get("authorization", ""))
        if answer is None:
            self._send(202, None)
            return
        more = {}
        if message["method"] == "initialize":
            more["mcp-session-id"] = uuid.uuid4().hex
            self.tools.sessions.add(more["mcp-session-id"])
        if self.tools.streams and message["method"] != "initialize":
            before: list[dict[str, Any]] = [
                {"jsonrpc": "2.0", "id": "s1", "method": "ping"},
                {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}},
            ]
            self._events([*before, answer])
        else:
            self._send(200, answer, more)

    def do_DELETE(self) -> None:
        if self._enter():
            self._send(200, None)

    def do_GET(self) -> None:
        if not self._enter():
            return
        name = uuid.uuid4().hex
        mine = self.tools._queues[name] = queue.Queue()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(f"event: endpoint\r\ndata: /messages?{name}\r\n\r\n".encode())
        while (message := mine.get()) is not None:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(f": so\nevent: message\ndata: {json.dumps(message)}\n\n".encode())

    def _enter(self) -> bool:
        self.tools.methods.append(f"{self.command} {urlsplit(self.path).path}")
        self.tools.headers.append({name.lower(): value for name, value in self.headers.items()})
        if self.tools.token is None or self.headers.get("authorization") == f"Bearer {self.tools.token}":
            return True
        self._send(401, {"error": "who?"}, {"www-authenticate": 'Bearer resource_metadata="https://x.example/"'})
        return False

    def _send(self, status: int, value: Any, more: Mapping[str, str] | None = None) -> None:
        said = b"" if value is None else json.dumps(value).encode()
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            for name, text in {"content-type": "application/json", **(more or {})}.items():
                self.send_header(name, text)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    def _events(self, messages: list[dict[str, Any]]) -> None:
        said = "".join(f"event: message\ndata: {json.dumps(one)}\n\n" for one in messages).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def close_streams(server: ToolServer) -> None:
    """End the streams of events."""
    for one in server._queues.values():
        one.put(None)


def main() -> None:
    """Speak on standard input and output; what is no message goes before, as some programs greet."""
    script = Script(os.environ.get("NAME_OF_SERVER", "program"))
    _say("hello")
    while line := sys.stdin.readline():
        message = json.loads(line)
        if message.get("params", {}).get("arguments", {}).get("text") == "die":
            return
        answer = script.answer(message)
        if answer is not None:
            _say(json.dumps(answer))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
