"""A tiny application behind a real edge, run as a process of its own: `edge_app.py EDGE FILE OPTIONS`.

The process that is to take its place reads FILE and OPTIONS again, so that a test can give it others.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.application import EdgeSettings, Limits
from tianji.edge.control import Control
from tianji.edge.options import ServeOptions
from tianji.edge.processes.parent import Server
from tianji.edge.processes.succession import inherit
from tianji.edge.routes import Match, Route, RouteTable
from tianji.errors import AuthenticationFailed, ConfigurationError

PLACES = {  # by what stands in FILE
    "narrow": {"most_inside": 2, "most_waiting": 1, "patience": 60.0},
    "impatient": {"most_inside": 1, "most_waiting": 9, "patience": 0.02},
}


def limited(content: str) -> EdgeSettings:
    places = PLACES.get(content, {})
    return EdgeSettings(limits=Limits(max_body=100_000, max_upload=300_000, body_timeout=0.2, **places))


class Doubt:
    """Refuses whoever waits to be let in, once it is told to."""

    def __init__(self) -> None:
        self.begun, self.told = asyncio.Event(), asyncio.Event()

    async def refuse(self):
        self.begun.set()
        await self.told.wait()
        raise AuthenticationFailed("nobody knows this key")

    async def wait(self, exchange: Exchange, match: Match) -> None:
        """Answer when somebody waits."""
        await self.begun.wait()
        respond_json(exchange, "somebody waits")

    def tell(self, exchange: Exchange, match: Match) -> None:
        self.told.set()
        respond_json(exchange, "told")


class Tiny:
    """Answers, streams, waits and remembers."""

    def __init__(self, control: Control, file: Path) -> None:
        self.control = control
        self.file = file
        self.reloads = 0
        self.refused = 0
        self.content = self.read()
        self.edge_settings = limited(self.content)
        self.handled: list[str] = []
        self.doubt = Doubt()
        self.gone: dict[str, float] = {}  # path: monotonic time
        self.route_table = RouteTable(self.routes())

    def routes(self):
        def row(methods, path, handler, access=Access.OPEN, **more):
            return Route(tuple(methods.split()), path, handler, access, Tenant.NONE, "", **more)

        return [
            row("GET", "/", lambda x, m: respond_json(x, {"status": "ok"}), always=True),
            row("POST", "/echo", self.echo),
            row("POST", "/locked", self.echo, Access.KEY),
            row("POST", "/upload", measure, Access.KEY, large=True),
            row("GET", "/slow/{ms}", self.slow),
            row("GET", "/wait", self.wait),
            row("GET", "/stream/{seconds}", self.stream),
            row("GET", "/stream-until/{name}", self.stream_until),
            row("GET", "/flood/{mib}", self.flood),
            row("GET", "/fail", self.fail),
            row("GET", "/doubt", self.doubt.wait),
            row("GET", "/tell", self.doubt.tell),
            row("GET", "/cut", self.cut),
            row("GET", "/nothing", self.nothing),
            row("GET", "/state", self.state, always=True),
            row("GET", "/content", lambda x, m: respond_json(x, self.content)),
        ]

    def authorize(self, exchange: Exchange, match: Match):
        if exchange.header(b"authorization") == b"later":
            return self.authorize_later()
        if exchange.header(b"authorization") == b"by the body":
            return self.authorize_by_body(exchange)
        if exchange.header(b"authorization") == b"in doubt":
            return self.doubt.refuse()
        if exchange.header(b"authorization") != b"Bearer sk-right":
            raise AuthenticationFailed("send a key")
        return "somebody"

    async def authorize_later(self):
        await asyncio.sleep(0)
        return "late"

    async def authorize_by_body(self, exchange: Exchange):
        """Let in by a body that begins with `open`; with `early`, by what has come of it when it begins to come."""
        if exchange.header(b"x-early"):
            exchange.ahead()
            return "early"
        body = await exchange.ahead()
        if not body.startswith(b"open"):
            raise AuthenticationFailed("the body says nothing that opens")
        return f"whoever sent {len(body)} bytes"

    def closed(self, exchange: Exchange) -> None:
        if exchange.gone:
            self.gone[exchange.path] = time.monotonic()

    def echo(self, exchange: Exchange, match: Match) -> None:
        self.handled.append(exchange.path)
        who = str(exchange.identity).encode()
        exchange.respond(200, [(b"content-type", b"text/plain"), (b"x-who", who)], exchange.body)

    async def slow(self, exchange: Exchange, match: Match) -> None:
        await asyncio.sleep(float(match.params["ms"]) / 1000)
        respond_json(exchange, "slept")

    def wait(self, exchange: Exchange, match: Match) -> None:
        """Never answers."""

    async def stream(self, exchange: Exchange, match: Match) -> None:
        end = time.monotonic() + float(match.params["seconds"])
        await count(exchange, lambda: time.monotonic() >= end)

    async def stream_until(self, exchange: Exchange, match: Match) -> None:
        """Go on until there is a file of that name."""
        await count(exchange, self.file.with_name(match.params["name"]).exists)

    async def flood(self, exchange: Exchange, match: Match) -> None:
        exchange.start(200, [(b"content-type", b"application/octet-stream")])
        full = 0
        for number in range(int(match.params["mib"]) * 64):
            while exchange.full:
                full += 1
                await asyncio.sleep(0.001)
            exchange.write(number.to_bytes(4, "big") * 4096)
        self.handled.append(f"flood waited {full > 0}")
        exchange.finish()

    def fail(self, exchange: Exchange, match: Match) -> None:
        raise RuntimeError("secret detail")

    async def cut(self, exchange: Exchange, match: Match) -> None:
        exchange.start(200, [(b"content-type", b"text/plain")])
        exchange.write(b"half")
        raise RuntimeError("in the middle")

    async def nothing(self, exchange: Exchange, match: Match) -> None:
        """Ends without an answer."""

    def state(self, exchange: Exchange, match: Match) -> None:
        told = {
            "handled": self.handled,
            "gone": self.gone,
            "load": self.control.load,
            "reloads": self.reloads,
            "refused": self.refused,
            "parent": os.getppid(),
        }
        respond_json(exchange, told)

    async def startup(self) -> None:
        """The first worker that finds `hold` waits until the test takes `held` away."""
        hold, held = self.file.with_name("hold"), self.file.with_name("held")
        try:
            hold.rename(held)
        except FileNotFoundError:
            self.file.with_name(f"started-{os.getpid()}").touch()
            return
        while held.exists():  # noqa: ASYNC110 - another process takes it away
            await asyncio.sleep(0.002)

    def read(self) -> str:
        content = self.file.read_text()
        if content == "bad":
            self.refused += 1
            raise ConfigurationError("the file is bad")
        return content

    async def reload(self) -> None:
        self.content = self.read()
        self.edge_settings = limited(self.content)
        self.reloads += 1

    async def close(self) -> None:
        pass


def measure(exchange: Exchange, match: Match) -> None:
    """Say how large the body is, and whether it is in a file."""
    who = str(exchange.identity).encode()
    exchange.respond(200, [(b"x-who", who)], b"%d %d" % (exchange.size, exchange.spool is not None))


async def count(exchange: Exchange, over: Callable[[], bool]) -> None:
    """Stream events with numbers until it is over."""
    exchange.start(200, [(b"content-type", b"text/event-stream"), (b"x-worker", b"%d" % os.getpid())])
    number = 0
    while not over():
        exchange.write(b"data: %d\n\n" % number)
        number += 1
        await asyncio.sleep(0.005)
    exchange.write(b"data: [DONE]\n\n")
    exchange.finish()


def main() -> None:
    edge, file, settings = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    inheritance = inherit(os.environ)
    options = msgspec.json.decode(settings.read_bytes(), type=ServeOptions, dec_hook=lambda kind, text: kind(text))
    options = msgspec.structs.replace(options, watched=(file,), inheritance=inheritance)
    server = Server(edge, lambda control: Tiny(control, file), options)
    server.run(
        lambda address: print(address, flush=True)  # noqa: T201 - the test reads it
    )


if __name__ == "__main__":
    main()
