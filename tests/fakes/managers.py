"""Secret managers that answer over real sockets, each in its own wire form, with scripted secrets."""

import base64
import json
import posixpath
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote


class Request(NamedTuple):
    """What a manager was sent. Header names are lower-case, the path is as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


Answer = tuple[int, object]
"""A status, and a body: bytes as they are, anything else as JSON."""


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave: that is what some tests are about."""


class Server:
    """Answers by `answer` until it is closed, in threads: whoever asks may block."""

    def __init__(self, answer: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.outage: Answer | None = None  # what everybody gets instead, when it is set
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body)
                outer.requests.append(request)
                status, said = outer.outage or answer(request)
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names of the library

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.port: int = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(answer: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer, tls)
    try:
        yield server
    finally:
        server.close()


class FakeVault:
    """HashiCorp Vault's key/value engine; `version` 1 or 2. Logins give `token`."""

    def __init__(self, folder: str = "secret/data", version: int = 2) -> None:
        self.folder, self.version = folder, version
        self.secrets: dict[str, dict[str, str]] = {}
        self.token = "hvs.fake-token"

    def __call__(self, request: Request) -> Answer:
        path = posixpath.normpath(unquote(request.path)).removeprefix("/v1/")  # as proxies before it do
        if path.endswith("/login"):
            return 200, {"auth": {"client_token": self.token, "lease_duration": 3600}}
        if request.headers.get("x-vault-token") != self.token:
            return 403, {"errors": ["permission denied"]}
        folder, _, name = path.partition(self.folder + "/")
        if folder or not name:
            return 404, {"errors": []}
        if request.method == "POST":
            body = request.json()
            self.secrets[name] = body["data"] if self.version == 2 else body
            return 200, {}
        if request.method == "DELETE":
            return (204 if self.secrets.pop(name, None) else 404), b""
        found = self.secrets.get(name)
        if found is None:
            return 404, {"errors": []}
        return 200, {"data": {"data": found, "metadata": {}} if self.version == 2 else found}


class FakeAws:
    """Secrets Manager and KMS. A secret that is bytes is a binary one; a ciphertext is a plaintext backwards."""

    def __init__(self) -> None:
        self.secrets: dict[str, str | bytes] = {}
        self.notes: dict[str, Any] = {}

    def __call__(self, request: Request) -> Answer:
        operation = request.headers["x-amz-target"].partition(".")[2]
        body = request.json()
        name = body.get("SecretId") or body.get("Name")
        if operation == "Decrypt":
            plain = base64.b64decode(body["CiphertextBlob"])[::-1]
            return 200, {"Plaintext": base64.b64encode(plain).decode()}
        if operation == "CreateSecret":
            if name in self.secrets:
                return 400, {"__type": "ResourceExistsException", "message": "it exists"}
            self.secrets[name], self.notes[name] = body["SecretString"], body
            return 200, {"Name": name}
        if name not in self.secrets:
            return 400, {"__type": "com.amazonaws#ResourceNotFoundException"}
        if operation == "PutSecretValue":
            self.secrets[name] = body["SecretString"]
        elif operation == "DeleteSecret":
            del self.secrets[name]
        elif operation == "GetSecretValue":
            value = self.secrets[name]
            if isinstance(value, bytes):
                return 200, {"SecretBinary": base64.b64encode(value).decode()}
            return 200, {"SecretString": value}
        return 200, {}


class FakeGoogle:
    """A metadata server, Secret Manager and KMS at one address. A ciphertext is a plaintext backwards."""

    token = "ya29.fake-token"

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}

    def __call__(self, request: Request) -> Answer:
        if request.path.startswith("/computeMetadata/"):
            return 200, {"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"}
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": {"code": 401}}
        if request.path.endswith(":decrypt"):
            plain = base64.b64decode(request.json()["ciphertext"])[::-1]
            return 200, {"plaintext": base64.b64encode(plain).decode()}
        name = request.path.removeprefix("/v1/projects/p1/secrets/").removesuffix("/versions/latest:access")
        if name not in self.secrets:
            return 404, {"error": {"code": 404}}
        return 200, {"payload": {"data": base64.b64encode(self.secrets[name]).decode()}}


class FakeAzure:
    """Entra and a key vault at one address."""

    token = "entra-fake-token"

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def __call__(self, request: Request) -> Answer:
        if request.path == "/tenant/oauth2/v2.0/token" or request.path.startswith("/identity?"):
            return 200, {"access_token": self.token, "expires_in": 3599}
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}
        name = request.path.removeprefix("/secrets/").removesuffix("?api-version=7.4")
        if request.method == "PUT":
            self.secrets[name], self.tags[name] = request.json()["value"], request.json()["tags"]
            return 200, {}
        if name not in self.secrets:
            return 404, {"error": {"code": "SecretNotFound"}}
        if request.method == "DELETE":
            del self.secrets[name]
            return 200, {}
        return 200, {"value": self.secrets[name]}


class FakeConjur:
    """One account of Conjur; `conflicts` policies are refused because another one is being loaded."""

    document = b'{"protected":"p","payload":"q","signature":"r"}'

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.declared: set[str] = set()
        self.conflicts = 0

    def __call__(self, request: Request) -> Answer:
        if request.path == "/authn/acme/host%2Fgw/authenticate":
            return (200, self.document) if request.body == b"api-key" else (401, b"")
        if request.headers.get("authorization") != f'Token token="{base64.b64encode(self.document).decode()}"':
            return 401, b""
        if request.path == "/policies/acme/policy/root":
            if self.conflicts:
                self.conflicts -= 1
                return 409, b""
            name = json.loads(request.body.decode().partition("!variable ")[2])
            if request.method == "PATCH":
                self.declared.discard(name)
                self.secrets.pop(name, None)
            else:
                self.declared.add(name)
            return 201, {}
        name = unquote(request.path.removeprefix("/secrets/acme/variable/"))
        if request.method == "POST":
            if name not in self.declared:
                return 404, b""
            self.secrets[name] = request.body.decode()
            return 201, b""
        return (200, self.secrets[name].encode()) if name in self.secrets else (404, b"")
