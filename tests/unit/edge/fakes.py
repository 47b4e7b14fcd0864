"""Granian's side of a request, with every step in the test's hand."""

from collections.abc import Callable

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.application import EdgeSettings
from tianji.edge.asgi import build_edge
from tianji.edge.control import Control
from tianji.edge.routes import Match, Route, RouteTable

DEFAULTS = EdgeSettings()


class Future:
    """As Granian's: one done-callback, called with the future."""

    def __init__(self) -> None:
        self.callback = None
        self._result = None

    def add_done_callback(self, callback) -> None:
        self.callback = callback

    def result(self):
        return self._result

    def resolve(self, result=None) -> None:
        self._result = result
        self.callback(self)


class Immediate:
    """As Granian's: the work is done, there is nothing to wait for."""


class Watcher:
    """One request: what came, what was sent, what waits."""

    def __init__(self, method="GET", path="/", headers=((b"host", b"t"),), query=b"", version="1.1", kind="http"):
        self.scope = {
            "type": kind,
            "http_version": version,
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": list(headers),
            "client": ("127.0.0.1", "1"),
        }
        self.proto = self
        self.sent: list[dict] = []
        self.receiving: list[Future] = []
        self.sending: list[Future] = []
        self.room = True
        self.broken_off = False

    def receive(self) -> Future:
        self.receiving.append(Future())
        return self.receiving[-1]

    def send(self, message):
        self.sent.append(message)
        if self.room or message["type"] == "http.response.start":
            return Immediate()
        self.sending.append(Future())
        return self.sending[-1]

    def done(self) -> None:
        self.broken_off = True

    def body(self, piece: bytes, *, more: bool = True) -> None:
        self.receiving.pop(0).resolve({"type": "http.request", "body": piece, "more_body": more})

    def leave(self) -> None:
        self.receiving.pop(0).resolve({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return self.sent[0]["headers"]

    @property
    def answer(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


class App:
    """An application of one handler at `/` and `/open`."""

    def __init__(self, handler: Callable, settings: EdgeSettings = DEFAULTS, methods="GET POST") -> None:
        names = tuple(methods.split())
        self.edge_settings = settings
        self.route_table = RouteTable(
            [
                Route(names, "/", handler, Access.KEY, Tenant.CALLER, ""),
                Route(names, "/always", handler, Access.OPEN, Tenant.NONE, "", always=True),
            ]
        )
        self.closed_exchanges: list[Exchange] = []
        self.identity: object = "me"

    def authorize(self, exchange: Exchange, match: Match):
        return self.identity

    def closed(self, exchange: Exchange) -> None:
        self.closed_exchanges.append(exchange)


class Loop:
    """Runs nothing by itself: calls are made at once, timers when the test says so."""

    def __init__(self, real) -> None:
        self._real = real
        self.timers: list[Callable] = []

    def call_soon_threadsafe(self, call, *args) -> None:
        call(*args)

    def call_later(self, _delay, call) -> None:
        self.timers.append(call)

    def tick(self) -> None:
        timers, self.timers = self.timers, []
        for call in timers:
            call()

    def __getattr__(self, name):
        return getattr(self._real, name)


class Bench:
    """An edge without a server."""

    def __init__(self, handler, real_loop, settings: EdgeSettings = DEFAULTS) -> None:
        self.app = App(handler, settings)
        self.loop = Loop(real_loop)
        self.control = Control(2).for_worker(1)
        self.edge = build_edge(self.app, self.loop, self.control)

    def request(self, **about) -> Watcher:
        watcher = Watcher(**about)
        self.edge.schedule(watcher)
        return watcher
