"""What the contract tests share: the gateway and the mock provider as processes, and clients for them."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import httpx
from tests.contract.nursery import Child

T = TypeVar("T")
Begin = Callable[[str, Sequence[str], Path, Mapping[str, str], IO[bytes]], subprocess.Popen[bytes] | Child]
ROOT = Path(__file__).parents[2]
MASTER_KEY = "sk-contract-4f9a8b7c6d5e"
# two spellings: a key that a scrubber knows by its look, and one that only its owner can know
UPSTREAM_KEY = "sk-canary-7Qx2Lm9Zt4Wc8Rv1"
ODD_KEY = "canary+Upstream/Secret=Nobody"
EDGES = ("granian", "native")  # what every test of a gateway runs on
BESIDE = "tianji-ledger"  # the process that takes journals into the database
PATIENCE = 60.0  # seconds: machines are full, and the processes of the ledger and of who tells let everybody go first
# the process of a ledger takes seconds to begin, and few tests read what it writes
NO_BOOKS = {"TIANJI_DISABLE_SPEND_UPDATES": "true"}
BOOKS = {"TIANJI_DISABLE_SPEND_UPDATES": "false"}
CHAT = {"model": "gpt-test", "messages": [{"role": "user", "content": "one two three"}]}
# nothing of the machine's own configuration may leak into a gateway under test
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC")


def eventually(check: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Ask until `check()` is true and return its value; fail with `what` never came true.

    The longer it takes, the more seldom it asks: whom it asks shares the processor with who is to do it.
    """
    began = time.monotonic()
    while not (value := check()):
        passed = time.monotonic() - began
        assert passed < seconds, f"{what}: not within {seconds:g} s"
        time.sleep(min(0.002 + passed / 20, 0.05))
    return value


def client_at(url: str | httpx.URL, **headers: str) -> httpx.Client:
    """Return a client with a patience for busy machines; underscores in names of headers become dashes.

    It believes every certificate: those of tests are their own, and to load the world's takes longer than most tests.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Client(base_url=url, headers=named, timeout=PATIENCE, trust_env=False, verify=False)


def _named(process: int) -> str:
    """Return what the kernel calls a process; "" when it is gone."""
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _children(process: int) -> list[int]:
    """Return the ids of the children of all of its threads; none when it is gone."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        return sorted(int(child) for thread in threads for child in (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return []


def inherited() -> dict[str, str]:
    """Return what processes have of the environment of these tests."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def begin(
    module: str,
    arguments: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    errors: IO[bytes],
    python: str = sys.executable,
) -> subprocess.Popen[bytes]:
    """Begin a module as anybody does."""
    line = [python, "-m", module, *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=env)


class Process:
    """`tianji` as a process of its own. Its first line of output that is not empty must hold its address."""

    module = "tianji"
    begin: Begin = staticmethod(begin)

    def __init__(self, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        self.errors = folder / f"stderr-{time.monotonic_ns()}"
        all_of_it = {**inherited(), "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **env}
        with self.errors.open("wb") as errors:
            self.process = self.begin(self.module, arguments, folder, all_of_it, errors)
        self.url = self._address()
        self.port = int(self.url.rpartition(":")[2])
        self.client = client_at(self.url)

    def _address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode().strip() or self.process.stdout.readline().decode()
        found = re.search(r"https?://\S+", line)
        if found is None:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"it did not start: {line}{self.log}")
        return found[0]

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self.errors.read_text(errors="replace")

    def connect(self) -> socket.socket:
        """Open a plain connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def workers(self) -> list[int]:
        """Return the ids of its child processes that serve."""
        return [child for child in self._children() if _named(child) != BESIDE]

    def beside(self) -> list[int]:
        """Return the ids of those that take journals into the database: one, or none as long as there are none."""
        return [child for child in self._children() if _named(child) == BESIDE]

    def tellers(self) -> list[int]:
        """Return the ids of those that tell destinations: each is a child of one that takes journals."""
        return [child for process in self.beside() for child in _children(process)]

    def _children(self) -> list[int]:
        return _children(self.process.pid)

    def stop(self) -> None:
        """End it, and fail if it does not end well. Ending twice is ending once."""
        self.client.close()
        if self.process.poll() is not None:
            self.process.communicate()
            return
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        assert self.process.returncode == 0, f"exit code {self.process.returncode}: {self.log}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class Mock(Process):
    """`tianji mock`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        super().__init__(["mock", "--port", "0", "--keep-requests", "20000", *arguments], folder, {})

    def control(self, faults: Mapping[str, object], **rule: object) -> None:
        """Add a rule: `faults`, and which requests it is for: path, model, authorization, times."""
        self.client.post("/mock/control", json={"faults": dict(faults), **rule}).raise_for_status()

    def reset(self) -> None:
        """Forget rules and requests."""
        self.drop_rules()
        self.client.delete("/mock/requests").raise_for_status()

    def drop_rules(self) -> None:
        """Answer as usual from now on."""
        self.client.delete("/mock/control").raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """Return the requests received since the last reset, oldest first."""
        found: list[dict[str, Any]] = self.client.get("/mock/requests").json()
        return found

    def last(self) -> dict[str, Any]:
        """Return the latest request received."""
        return self.requests()[-1]

    def connections(self) -> dict[str, Any]:
        """Return the counts of connections, and the aborts."""
        found: dict[str, Any] = self.client.get("/mock/connections").json()
        return found

    def wait(self, **counts: int) -> dict[str, Any]:
        """Return the counts once all named are reached; fail when they are not."""
        answer = self.client.get("/mock/wait", params={**counts, "timeout_ms": 30000})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


class Gateway(Process):
    """`tianji serve` with a configuration, a mapping or YAML text, on a port of its own; `edge` None names none."""

    def __init__(
        self,
        config: Mapping[str, Any] | str | Path,
        folder: Path,
        *,
        edge: str | None,
        env: Mapping[str, str] | None = None,
        workers: int = 1,
        args: Sequence[str] = (),
        key: str = MASTER_KEY,
    ) -> None:
        self.key = key
        self.file = config if isinstance(config, Path) else folder / f"gateway-{time.monotonic_ns()}.yaml"
        if not isinstance(config, Path):
            self.write(config)
        line = ["serve", "--config", str(self.file), "--host", "127.0.0.1", "--port", "0", "--workers", str(workers)]
        super().__init__(
            [*line, *(() if edge is None else ("--edge", edge)), "--grace", "2", *args],
            folder,
            {"TIANJI_MASTER_KEY": key, **NO_BOOKS, **(env or {})},
        )
        self.client.headers["authorization"] = f"Bearer {self.key}"

    def write(self, config: Mapping[str, Any] | str) -> None:
        """Replace the configuration file in one step."""
        text = config if isinstance(config, str) else json.dumps(config)  # JSON is YAML
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    @contextmanager
    def with_settings(self, section: str = "general_settings", **settings: object) -> Iterator[None]:
        """Have other settings of a section, until the block is left."""
        before = self.file.read_text()
        config = json.loads(before)
        told = f"reload-{time.monotonic_ns()}"  # a model that says which file is in force
        config["model_list"].append({"model_name": told, "litellm_params": {"model": "openai/x", "api_key": "k"}})
        config[section] = config.get(section, {}) | settings
        self.write(config)
        try:
            eventually(lambda: told in self.client.get("/v1/models").text, "the settings are in force")
            yield
        finally:
            self.write(before)
            eventually(lambda: told not in self.client.get("/v1/models").text, "they are as before")

    def chat(self, body: Mapping[str, object] | bytes | None = None, **headers: str) -> httpx.Response:
        """POST a chat request; without a body a small one. Underscores in header names become dashes."""
        return self.post("/v1/chat/completions", CHAT if body is None else body, **headers)

    def post(self, path: str, body: Mapping[str, object] | bytes, **headers: str) -> httpx.Response:
        """POST a body, bytes as they are or a mapping as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=content, headers={"content-type": "application/json", **named})

    def models(self) -> list[str]:
        """Return the names of GET /v1/models."""
        return [model["id"] for model in self.client.get("/v1/models").json()["data"]]


def openai_model(name: str, upstream: str, base: str, **params: object) -> dict[str, Any]:
    """Return a model entry for a deployment that speaks OpenAI's protocol at `base`."""
    params = {"model": f"openai/{upstream}", "api_base": f"{base}/v1", "api_key": UPSTREAM_KEY, **params}
    return {"model_name": name, "litellm_params": params}


def default_config(mock_url: str, dead_url: str) -> dict[str, Any]:
    """Return the configuration that most contract tests share."""
    pair = [openai_model("pair", f"pair-{side}", mock_url) | {"model_info": {"id": f"pair-{side}"}} for side in "ab"]
    shaped = openai_model(
        "shaped",
        "shaped-up",
        mock_url,
        temperature=0.25,
        max_tokens=77,
        extra_headers={"X-Tenant": "t1"},
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
        additional_drop_params=["logit_bias"],
        drop_params=True,
    )
    return {
        "model_list": [
            openai_model("gpt-test", "gpt-test", mock_url),
            openai_model("odd-key", "odd-key", mock_url, api_key=ODD_KEY),
            openai_model("mock-*", "mock-*", mock_url),
            openai_model("embed", "embed-up", mock_url),
            openai_model("omni-moderation-latest", "omni-moderation-latest", mock_url),
            openai_model("canned", "anything", mock_url, mock_response='{"word":"always","count":3}'),
            openai_model("renamed", "upstream-name", mock_url),
            *pair,
            shaped,
            openai_model("half-dead", "never", dead_url, weight=1000),
            openai_model("half-dead", "alive", mock_url, weight=1),
            openai_model("dead", "never", dead_url),
        ],
        "router_settings": {
            "num_retries": 0,  # a failure is one failure
            "model_group_alias": {"nickname": "renamed", "whispered": {"model": "renamed", "hidden": True}},
        },
    }


def refusing_address() -> tuple[socket.socket, str]:
    """Return a bound socket that does not listen, and its address: whoever connects to it is refused."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


def events(text: str) -> list[Any]:
    """Take a stream apart: the payloads of its events, decoded; `[DONE]` stays text."""
    pieces = text.split("\n\n")
    assert pieces.pop() == "", f"the stream ends within an event: {text[-200:]!r}"
    payloads = [piece.removeprefix("data: ") for piece in pieces]
    return [payload if payload == "[DONE]" else json.loads(payload) for payload in payloads]
