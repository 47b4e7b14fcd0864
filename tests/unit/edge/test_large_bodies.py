"""Bodies of routes that are for large ones: in memory up to a MiB, then in a file, on both edges alike."""

import asyncio
from types import SimpleNamespace

import pytest
from tests.fakes.disk import files_of_at_most
from tests.unit.edge import fakes
from tests.unit.edge.native_client import Client

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.application import EdgeSettings, Limits
from tianji.edge.asgi import build_edge as build_asgi
from tianji.edge.control import Control
from tianji.edge.http1 import build_edge as build_native
from tianji.edge.routes import Route, RouteTable

MIB = 1024 * 1024
LIMITS = Limits(max_body=2 * MIB, max_upload=4 * MIB)
PIECE = 64 * 1024


class Bench:
    """One edge with a route for large bodies, `/large`, and one that is not, `/small`; whatever comes is kept."""

    def __init__(self, native: bool) -> None:
        self.seen: list[Exchange] = []
        self.native = native
        self.edge_settings = EdgeSettings(limits=LIMITS)
        self.closed = self.websocket = None
        self.authorize = lambda exchange, match: None
        rows = [("/large", True), ("/small", False)]
        self.route_table = RouteTable(
            [Route(("POST",), path, self.keep, Access.KEY, Tenant.CALLER, "", large=large) for path, large in rows]
        )
        self.loop = fakes.Loop(asyncio.get_running_loop())
        build = build_native if native else build_asgi
        self.edge = build(self, self.loop, Control(1).for_worker(0))

    def keep(self, exchange: Exchange, match: object) -> None:
        self.seen.append(exchange)

    def post(self, path: str, content: bytes, *, sized: bool) -> SimpleNamespace:
        """Send a request, piece by piece; `status()` says how it was refused, 0 that it was not."""
        if self.native:
            client = Client(self.edge)
            framing = b"content-length: %d" % len(content) if sized else b"transfer-encoding: chunked"
            client.send(b"POST %b HTTP/1.1\r\nhost: t\r\n%b\r\n\r\n" % (path.encode(), framing))
            for at in range(0, len(content), PIECE):
                if client.transport.written:
                    break
                piece = content[at : at + PIECE]
                client.send(piece if sized else b"%x\r\n%b\r\n" % (len(piece), piece))
            if not sized and not client.transport.written:
                client.send(b"0\r\n\r\n")
            return SimpleNamespace(
                status=lambda: int((client.transport.written or b"- 0").split()[1]),
                leave=lambda: client.protocol.connection_lost(None),
            )
        length = (b"content-length", b"%d" % len(content)) if sized else (b"transfer-encoding", b"chunked")
        watcher = fakes.Watcher("POST", path, [(b"host", b"t"), length])
        self.edge.schedule(watcher)
        for at in range(0, len(content), PIECE):
            if watcher.receiving:
                watcher.body(content[at : at + PIECE])
        if not sized and watcher.receiving:
            watcher.body(b"", more=False)
        return SimpleNamespace(status=lambda: watcher.status if watcher.sent else 0, leave=lambda: self.leave(watcher))

    def leave(self, watcher: fakes.Watcher) -> None:
        """Close from the client's side, once the edge looks."""
        while not watcher.receiving:
            self.loop.tick()
        watcher.leave()


@pytest.fixture(params=["native", "granian"])
async def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param == "native")


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
@pytest.mark.parametrize("size", [0, 5, MIB, MIB + 1, 4 * MIB])
async def test_a_body_is_whole_wherever_it_is_kept(bench: Bench, size: int, sized: bool) -> None:
    body = content(size)
    bench.post("/large", body, sized=sized)
    (exchange,) = bench.seen
    assert (exchange.spool is not None) == (size > MIB)
    assert exchange.size == size
    assert (exchange.body if exchange.spool is None else exchange.spool.read(0, size)) == body
    assert exchange.read(3, 7) == body[3:10]
    assert exchange.read(max(0, size - 2), 7) == body[max(0, size - 2) :]


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
async def test_each_kind_of_route_has_its_limit(bench: Bench, sized: bool) -> None:
    assert bench.post("/large", content(4 * MIB + 1), sized=sized).status() == 413
    assert bench.post("/small", content(2 * MIB + 1), sized=sized).status() == 413
    assert bench.seen == []
    bench.post("/small", content(2 * MIB), sized=sized)
    assert bench.seen[0].body == content(2 * MIB)
    assert bench.seen[0].spool is None


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
async def test_a_full_disk_is_507(bench: Bench, sized: bool) -> None:
    with files_of_at_most(1000):
        assert bench.post("/large", content(2 * MIB), sized=sized).status() == 507
    assert bench.seen == []


@pytest.mark.parametrize("how", ["answered", "left"])
async def test_the_file_ends_with_its_request(bench: Bench, how: str) -> None:
    client = bench.post("/large", content(2 * MIB), sized=True)
    (exchange,) = bench.seen
    assert exchange.spool is not None
    if how == "left":
        client.leave()
    else:
        exchange.respond(200, [], b"")
    assert exchange.spool is None
