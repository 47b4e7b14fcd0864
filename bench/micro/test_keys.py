"""Who calls: `pytest bench/micro/test_keys.py`."""

from types import SimpleNamespace
from typing import Any

import pytest
from bench.inmemory import Sink, Worker, feed
from bench.scenarios import chat, post
from pytest_benchmark.fixture import BenchmarkFixture

from tianji._core.edges.exchange import Exchange
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge
from tianji.errors import AuthenticationFailed


def judged(worker: Worker, request: bytes) -> tuple[Exchange, Any]:
    """What the edge hands to whoever says who calls."""
    seen: list[tuple[Exchange, Any]] = []

    def capture(exchange: Exchange, match: Any) -> None:
        seen.append((exchange, match))
        raise AuthenticationFailed("seen enough")

    application: Any = SimpleNamespace(
        edge_settings=worker.gateway.edge_settings,
        route_table=worker.gateway.route_table,
        closed=None,
        authorize=capture,
    )
    client = build_edge(application, worker.loop, Control(1).for_worker(0)).protocol()
    client.connection_made(Sink())
    feed(client, request)
    return seen[0]


def test_known(benchmark: BenchmarkFixture, worker: Worker) -> None:
    exchange, match = judged(worker, post(chat(200)))
    assert benchmark(worker.gateway.authorize, exchange, match) is not None


def test_unknown(benchmark: BenchmarkFixture, worker: Worker) -> None:
    exchange, match = judged(worker, post(chat(200), key="sk-another-0123456789abcdef012345"))

    def refused() -> None:
        with pytest.raises(AuthenticationFailed):
            worker.gateway.authorize(exchange, match)

    benchmark(refused)
