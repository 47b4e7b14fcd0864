"""What can stand between the client and the mock: each started by a command, ready when a path answers.

Commands, files, headers and variables may hold {port}, {upstream} (the mock's host:port), {dir} (a folder of the run's
own), {python} and {key}.
"""

import importlib.util
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
PACED_MODEL = "mock-token-rate-100"  # every configuration has it beside demo, under its upstream name
PATH = "/v1/chat/completions"


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
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": f"Bearer {KEY}"})
    ready: str = ""  # a path that answers 200 when the target can be used; else a completion is asked for
    ready_seconds: float = 30.0
    paces: bool = True  # it passes the mock's pace on


NGINX = """
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log stderr error;
{user}
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
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

TIANJI_SERVE = (
    "{python} -m tianji serve --config {dir}/config.yaml --host 127.0.0.1 --port {port} --workers 1 --edge granian"
)
TIANJI_MODEL = """
model_list:
  - model_name: demo
    litellm_params:
      model: openai/demo
      api_base: http://{upstream}/v1
      api_key: sk-upstream
  - model_name: mock-token-rate-100
    litellm_params:
      model: openai/mock-token-rate-100
      api_base: http://{upstream}/v1
      api_key: sk-upstream
"""
TIANJI_EVERYTHING = (
    TIANJI_MODEL
    + """
litellm_settings:
  callbacks: [prometheus]
general_settings:
  master_key: {key}
"""
)


def builtin() -> list[Target]:
    """The rows that need no recipe, in the table's order; those that this machine lacks are left out."""
    rows = [Target("direct")]
    if nginx := shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin"):
        text = NGINX.replace("{user}", "user root;" if os.geteuid() == 0 else "")
        rows.append(
            Target(
                "nginx",
                (nginx, "-c", "{dir}/nginx.conf", "-p", "{dir}"),
                {"nginx.conf": text},
                stream_path="/unbuffered" + PATH,
            )
        )
    rows.append(
        Target(
            "hello", ("{python}", "-m", "bench.macro.hello", "{port}", "{dir}/../plain", "{dir}/../stream"), paces=False
        )
    )
    deaf = ("{python}", "-m", "bench.macro.hello", "{port}", "{dir}/../plain", "{dir}/../stream", "deaf")
    rows.append(Target("hello-deaf", deaf, paces=False))
    rows.append(Target("relay", ("{python}", "-m", "bench.macro.relay", "{port}", "{upstream}")))
    if importlib.util.find_spec("tianji.cli") is not None:
        serve = tuple(TIANJI_SERVE.split())
        unset = {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
        rows.append(Target("tianji-bare", serve, {"config.yaml": TIANJI_MODEL}, unset, headers={}))
        rows.append(Target("tianji", serve, {"config.yaml": TIANJI_EVERYTHING}))
    return rows


def peer(name: str, command: str) -> Target:
    """A peer by its command and, where bench/peers has one, its recipe. Raises ValueError for a bad recipe."""
    recipe: dict[str, Any] = {}
    if (file := PEERS / f"{name}.yaml").exists():
        recipe = yaml.safe_load(file.read_text())
    known = {"command", "files", "env", "path", "model", "headers", "ready", "ready_seconds", "setup"}
    if recipe.keys() - known:
        raise ValueError(f"{file}: unknown keys {sorted(recipe.keys() - known)}")
    words = tuple((command or recipe.get("command", "")).split())
    if not words:
        raise ValueError(f"peer {name}: give a command, as there is no recipe {file}")
    path = recipe.get("path", PATH)
    fields = {
        key: recipe[key] for key in ("files", "env", "model", "headers", "ready", "ready_seconds") if key in recipe
    }
    return Target(name, words, path=path, stream_path=path, **fields)


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
    }
