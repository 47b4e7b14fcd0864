"""Single calls of gRPC."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.collector import Collector
from tests.fakes.http2 import Ask, Http2Upstream

from tianji.callbacks import post
from tianji.callbacks.sink import Delivery
from tianji.egress import grpc

METHOD = "/package.Service/Method"
MESSAGE = b"\0\0\0\0\x03abc"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


def address(collector: Collector) -> str:
    return collector.grpc_url.replace("http://", "grpc://") + METHOD


@pytest.mark.parametrize("early", [False, True])
async def test_how_a_call_ends_is_said_at_its_end_or_at_once(collector: Collector, early: bool) -> None:
    collector.early = early
    for status in (0, 14):
        collector.status = status
        outcome = await grpc.call(address(collector), {"x-key": "k"}, MESSAGE, connect=5)
        assert (outcome.http, outcome.status, outcome.message) == (200, status, "so it is")
    path, headers, body = collector.heard[0]
    assert (path, headers["x-key"], headers["te"], body) == (METHOD, "k", "trailers", b"abc")


async def test_a_message_may_be_longer_than_a_window(collector: Collector) -> None:
    long = b"\0\0\0\0\0" + bytes(1_000_000)
    assert (await grpc.call(address(collector), {}, long, connect=5)).status == 0
    assert len(collector.heard[0][2]) == 1_000_000


async def test_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(ask: Ask) -> None:
        ask.head(grpc_status=b"0")
        await ask.send(b"", end=True)

    async with Http2Upstream(script) as upstream:
        (tmp_path / "ca.pem").write_text(upstream.authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        outcome = await grpc.call(f"grpcs://127.0.0.1:{upstream.port}{METHOD}", {}, MESSAGE, connect=5)
        assert (outcome.status, upstream.asks[0].body) == (0, MESSAGE)
        assert upstream.asks[0].headers[b":scheme"] == b"https"


async def test_a_call_that_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(ask: Ask) -> None:
        ask.refuse(7)

    async with Http2Upstream(script) as upstream:
        (tmp_path / "ca.pem").write_text(upstream.authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        with pytest.raises(ConnectionError, match="REFUSED_STREAM"):
            await grpc.call(f"grpcs://127.0.0.1:{upstream.port}{METHOD}", {}, MESSAGE, connect=5)


async def test_nobody_there() -> None:
    with pytest.raises(OSError, match="Connect"):
        await grpc.call(f"grpc://127.0.0.1:1{METHOD}", {}, MESSAGE, connect=5)


async def test_somebody_who_speaks_something_else(collector: Collector) -> None:
    with pytest.raises(OSError, match=r"HTTP/2|closed|ended|reset"):
        await grpc.call(collector.url.replace("http://", "grpc://") + METHOD, {}, MESSAGE, connect=5)


@pytest.mark.parametrize(("status", "seen"), [(0, 200), (3, 400), (16, 400)])
async def test_a_final_status_is_told_as_one_of_http(collector: Collector, status: int, seen: int) -> None:
    collector.status = status
    assert await post.called(Delivery(address(collector), MESSAGE)) == seen


async def test_what_may_pass_is_tried_again(collector: Collector) -> None:
    collector.status = 14
    with pytest.raises(OSError, match="gRPC status 14 so it is"):
        await post.called(Delivery(address(collector), MESSAGE))
