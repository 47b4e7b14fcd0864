"""A gateway worker without a socket: clients and upstream are objects in memory, driven step by step.

What is left is the gateway's own work, with no kernel, no scheduling and no other process in it.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop

from bench.macro.targets import GOVERNED, KEY
from tianji._core.edges.server import NativeConnection
from tianji._core.limits.limiter import Limit
from tianji._core.upstreams.http1 import Connection
from tianji._core.upstreams.origin import Origin
from tianji.auth.identity import Identity, Scope
from tianji.auth.limits import Limits as Figures
from tianji.cli.factory import Factory
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.egress import ways
from tianji.limiting.rows import row_name

PATIENCE = 5000  # turns of a millisecond that an answer may take, should a database be asked first
CONFIG = f"""
model_list:
  - model_name: demo
    litellm_params: {{model: openai/demo, api_base: "http://upstream.test/v1", api_key: sk-upstream}}
  - model_name: priced
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "http://upstream.test/v1", api_key: sk-upstream}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: "http://upstream.test", api_key: sk-upstream}}
litellm_settings:
  callbacks: [prometheus]
general_settings:
  master_key: {KEY}
"""
OPEN = CONFIG.partition("  master_key:")[0] + "  disable_spend_updates: true\n"
"""The same without a key, and without books."""
TOLD = (
    CONFIG.replace("callbacks: [prometheus]", "callbacks: [listener]")
    + """
callback_settings:
  listener: {callback_type: generic_api, endpoint: "http://listener.test/events"}
"""
)
"""The same with a destination that is told of requests."""
ENVIRON = {"OPENAI_API_BASE": "http://upstream.test", "OPENAI_API_KEY": "sk-upstream"}
ENVIRON |= {"TIANJI_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
"""What leads `/openai/...` to the upstream of the models, and lets a worker be without a key."""


def governed() -> Identity:
    """A caller whose key, team, user and organization have every limit that there is, and never reach it."""
    most = 1 << 38
    figures = Figures(
        rpm_limit=most, tpm_limit=most, max_parallel_requests=most, max_budget=1 << 60, budget_duration="30d"
    )
    scopes = tuple(Scope(kind, f"{kind}-1", figures) for kind in ("key", "team", "user", "organization"))
    return Identity(
        role=None, user_id="user-1", key="0" * 64, team_id="team-1", organization_id="organization-1", scopes=scopes
    )


class Sink(asyncio.Transport):
    """A transport that counts what is written to it and keeps the beginning of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = b""
        self.writes = 0

    def write(self, data: Any) -> None:
        self.writes += 1
        if not self.first:
            self.first = data

    def writelines(self, list_of_data: Any) -> None:
        self.write(list_of_data[0])

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        raise AssertionError("a sink is never full")

    resume_reading = close = abort = pause_reading

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 1234) if name == "peername" else default


class MemoryConnector:
    """Connects to an upstream that says only what it is told to."""

    def __init__(self, *_: object, **__: object) -> None:
        self.connections: list[Connection] = []

    async def connect(
        self, _origin: Origin, factory: Callable[[], Connection]
    ) -> tuple[asyncio.BaseTransport, Connection]:
        sink, connection = Sink(), factory()
        connection.connection_made(sink)
        self.connections.append(connection)
        return sink, connection

    def settled(self, _origin: Origin, _transport: asyncio.BaseTransport) -> None:
        raise AssertionError("only TLS connections have something to settle")


def feed(connection: NativeConnection | Connection, data: bytes) -> None:
    """Let the gateway read `data`, from a client or an upstream: one read, so no more than its buffer holds."""
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))


class Worker:
    """A worker with the native edge and one client; `ask` is one request from its first byte to its last."""

    def __init__(self, folder: Path, text: str = CONFIG) -> None:
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        folder.mkdir(exist_ok=True)
        config = folder / "config.yaml"
        config.write_text(text)
        self._connector = MemoryConnector()
        control = Control(1).for_worker(0)
        with patch.object(ways, "Connector", lambda *_, **__: self._connector):
            self.gateway = Factory(config, environ={**os.environ, **ENVIRON}, access_log=None, known={})(control)
        self._admit_governed()
        self.client = Sink()
        self._connection = build_edge(self.gateway, self.loop, control).protocol()
        self._connection.connection_made(self.client)

    def _admit_governed(self) -> None:
        """Let the caller with every limit in, with nothing spent, as if the database had been asked already."""
        caller = governed()
        self.gateway._people._people.identities[hashlib.sha256(GOVERNED.encode()).digest()] = caller
        for scope in caller.scopes:
            name = row_name(scope.kind, scope.id)
            Limit(self.gateway._shared.limits, name, budget=1).restore(0, None, time.monotonic())

    def ask(self, request: bytes, answer: tuple[bytes, ...]) -> None:
        """Send `request`; let the upstream say the pieces of `answer`, one read each."""
        feed(self._connection, request)
        if answer:
            upstream = self._upstream()
            for piece in answer:
                feed(upstream, piece)

    def _upstream(self) -> Connection:
        if not self._connector.connections:
            self.turn()
        return self._connector.connections[0]

    def turn(self) -> None:
        """Let the loop do what was put off."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.sleep(0.001))

    def answered(self, request: bytes, answer: tuple[bytes, ...]) -> bytes:
        """Ask, and return the first write of what came back."""
        self.client.first = b""
        self.ask(request, answer)
        for _ in range(PATIENCE):
            self.turn()
            if self.client.first:
                break
        return self.client.first

    def close(self) -> None:
        """Stop the loop; nothing else is open."""
        self.loop.close()
        asyncio.set_event_loop(None)
