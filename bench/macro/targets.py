"""What can stand between the client and the mock: each started by a command, ready when a path answers.

Commands, files, headers and variables may hold {port}, {upstream} (the mock's host:port), {dir} (a folder of the run's
own), {python}, {key} and {models} (a `model_list` as Tianji and LiteLLM read it).
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = ROOT / "bench" / "peers"
KEY = "sk-bench-0123456789abcdef0123"  # an example: nothing but a benchmark's loopback server knows it
GOVERNED = "sk-governed-0123456789abcdef01"  # a virtual key with every limit, likewise
PACES = (100, 10, 5, 2)  # events a second of the mock's streams; the first is the table's, the others a crowd's
PACED_MODELS = {pace: f"mock-token-rate-{pace}" for pace in PACES}  # the mock reads the pace out of the name
PATH = "/v1/chat/completions"
READY = "/health/readiness"


@dataclass(frozen=True)
class Target:
    """One row of the table."""

    name: str
    command: tuple[str, ...] = ()  # nothing to start: the client asks the mock itself
    files: Mapping[str, str] = field(default_factory=dict)  # name below {dir}: text
    env: Mapping[str, str] = field(default_factory=dict)
    path: str = PATH
    stream_path: str = PATH
    model: str = "demo"
    group: str = ""  # what stands before the names of models
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": f"Bearer {KEY}"})
    ready: str = ""  # a path that answers 200 when the target can be used; else a completion is asked for
    ready_seconds: float = 30.0
    paces: bool = True  # it passes the mock's pace on
    crowded: bool = True  # it is to be measured under a crowd of streams
    largest: int = 1 << 30  # bytes of the largest body that it can be compared with
    peer: bool = False  # another gateway
    prepare: tuple[tuple[str, str], ...] = ()  # (path, JSON) to post with the key before anything is measured


NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {dir}/nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;  # more than any body here: none is written to a file
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  keepalive_requests 100000000;
  upstream mock {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    location / {{ proxy_pass http://mock; }}
    location /unbuffered/ {{ proxy_buffering off; proxy_pass http://mock/; }}
  }}
}}
"""

TIANJI_SERVE = "{python} -m tianji serve --config {dir}/config.yaml --host 127.0.0.1 --port {port} --workers 1 --edge "
TIANJI_MODEL = """
  - model_name: MODEL
    litellm_params:
      model: openai/MODEL
      api_base: http://{upstream}/v1
      api_key: sk-upstream
"""
PRICED = "gpt-4o-mini"  # the catalogue knows what it costs
MODELS = "\nmodel_list:" + "".join(
    TIANJI_MODEL.replace("MODEL", name) for name in ("demo", PRICED, *PACED_MODELS.values())
)
CLAUDE = "claude/"  # before the name of a model that the mock is asked for in Anthropic's form
CLAUDES = """
  - model_name: claude/*
    litellm_params:
      model: anthropic/*
      api_base: http://{upstream}
      api_key: sk-upstream
"""
MESSAGES = "/v1/messages"
BOOKLESS = """
general_settings:
  disable_spend_updates: true
"""
KEYS = (
    BOOKLESS
    + """  master_key: {key}
"""
)
EVERYTHING = """
litellm_settings:
  callbacks: [prometheus]
general_settings:
  master_key: {key}
"""  # the ledger with it


# A key, its team, its owner and their organization, each with every limit there is: so high that none is reached.
EVERY_LIMIT = {"rpm_limit": 1 << 38, "tpm_limit": 1 << 38, "max_parallel_requests": 1 << 30, "max_budget": 1e6}
OWNERS = {"user_id": "governed", "team_id": "governed", "organization_id": "governed"}
GOVERN = tuple(
    (path, json.dumps(body | EVERY_LIMIT | {"budget_duration": "30d"}))
    for path, body in (
        ("/organization/new", {"organization_id": "governed", "organization_alias": "governed", "models": []}),
        ("/team/new", {"team_id": "governed", "organization_id": "governed"}),
        ("/user/new", {"user_id": "governed", "auto_create_key": False}),
        ("/key/generate", {"key": GOVERNED, **OWNERS}),
    )
)


def builtin() -> list[Target]:
    """The rows that need no recipe, in the table's order; nginx is left out where this machine lacks it."""
    rows = [Target("direct")]
    if nginx := shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        text = NGINX.replace("{user}", "user root;" if os.geteuid() == 0 else "")
        command = (nginx, "-c", "{dir}/nginx.conf", "-p", "{dir}")
        rows.append(Target("nginx", command, {"nginx.conf": text}, stream_path="/unbuffered" + PATH))
    hello = ("{python}", "-m", "bench.macro.hello", "{port}", "{dir}/../answer")
    rows.append(Target("hello", hello, paces=False))
    rows.append(Target("hello-deaf", (*hello, "deaf"), paces=False, largest=4000))
    rows.append(Target("relay", ("{python}", "-m", "bench.macro.relay", "{port}", "{upstream}"), crowded=False))
    for edge in ("granian", "native"):
        serve = (*TIANJI_SERVE.split(), edge)
        unset = {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
        bare = {"config.yaml": "{models}" + BOOKLESS}
        rows.append(Target(f"{edge}-bare", serve, bare, unset, headers={}, ready=READY, crowded=False))
        whole = {"config.yaml": "{models}" + EVERYTHING}
        rows.append(Target(edge, serve, {"config.yaml": "{models}" + KEYS}, ready=READY))
        rows.append(
            Target(
                f"{edge}-governed",
                serve,
                whole,
                {"TIANJI_DATA_DIR": "{dir}/data"},
                model=PRICED,
                headers={"authorization": f"Bearer {GOVERNED}"},
                ready=READY,
                crowded=False,
                prepare=GOVERN,
            )
        )
    return [*rows, *translating(), through()]


def translating() -> list[Target]:
    """The rows of clients and upstreams that speak different forms: chat to Anthropic's, Messages to OpenAI's."""
    serve = (*TIANJI_SERVE.split(), "native")
    files = {"config.yaml": "{models}" + CLAUDES + KEYS}
    return [
        Target("native-to-claude", serve, files, group=CLAUDE, ready=READY, crowded=False),
        Target("native-messages", serve, files, path=MESSAGES, stream_path=MESSAGES, ready=READY, crowded=False),
    ]


def through() -> Target:
    """The row of what `native` does, passed through."""
    serve = (*TIANJI_SERVE.split(), "native")
    environ = {"OPENAI_API_BASE": "http://{upstream}", "OPENAI_API_KEY": "sk-upstream"}
    path = f"/openai{PATH}"
    files = {"config.yaml": "{models}" + KEYS}
    return Target("native-through", serve, files, environ, path=path, stream_path=path, ready=READY, crowded=False)


def recipes() -> list[str]:
    """The names of the peers that bench/peers knows."""
    return sorted(file.stem for file in PEERS.glob("*.yaml"))


def recipe(name: str) -> dict[str, Any]:
    """What bench/peers says of a peer; nothing when it has no such file. Raises ValueError for an unknown key."""
    file = PEERS / f"{name}.yaml"
    known = {"command", "files", "env", "path", "model", "headers", "ready", "ready_seconds", "setup"}
    found: dict[str, Any] = yaml.safe_load(file.read_text()) if file.exists() else {}
    if found.keys() - known:
        raise ValueError(f"{file}: unknown keys {sorted(found.keys() - known)}")
    return found


def peer(name: str, command: str = "") -> Target:
    """A peer by its command and its recipe. Raises ValueError for a bad recipe, or when neither gives a command."""
    found = recipe(name)
    words = tuple((command or found.get("command", "")).split())
    if not words:
        raise ValueError(f"peer {name}: give a command, as there is no recipe {name}.yaml in {PEERS}")
    path = found.get("path", PATH)
    fields = {key: found[key] for key in ("files", "env", "model", "headers", "ready", "ready_seconds") if key in found}
    return Target(name, words, path=path, stream_path=path, peer=True, **fields)


def peers_found() -> list[Target]:
    """The peers of bench/peers whose program is on the path."""
    targets = [peer(name) for name in recipes()]
    return [target for target in targets if shutil.which(target.command[0])]


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values in; `{{` and `}}` are braces."""
    return text.format_map(values)


def defaults(port: int, upstream: str, folder: Path) -> dict[str, str]:
    return {
        "port": str(port),
        "upstream": upstream,
        "dir": str(folder),
        "python": sys.executable,
        "key": KEY,
        "models": filled(MODELS, {"upstream": upstream}),
    }
