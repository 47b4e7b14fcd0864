"""A tiny application behind the real edge, run as a process of its own by test_edge_*.py."""

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from tianji._core.exchange import Exchange
from tianji.auth.access import Access, Tenant
from tianji.edge.answers import respond_json
from tianji.edge.application import EdgeSettings, Limits, ServeOptions
from tianji.edge.control import Control
from tianji.edge.granian import Server
from tianji.edge.routes import Match, Route, RouteTable
from tianji.errors import AuthenticationFailed, ConfigurationError


class Tiny:
    """Answers, streams, waits and remembers."""

    def __init__(self, control: Control, file: Path) -> None:
        self.control = control
        self.file = file
        self.content = file.read_text()
        self.edge_settings = EdgeSettings(limits=Limits(max_body=100_000, body_timeout=0.2))
        self.refused = 0
        self.handled: list[str] = []
        self.gone: dict[str, float] = {}  # path: monotonic time
        self.route_table = RouteTable(self.routes())

    def routes(self):
        def row(methods, path, handler, access=Access.OPEN, always=False):
            return Route(tuple(methods.split()), path, handler, access, Tenant.NONE, "", always=always)

        return [
            row("GET", "/", lambda x, m: respond_json(x, {"status": "ok"}), always=True),
            row("POST", "/echo", self.echo),
            row("POST", "/locked", self.echo, Access.KEY),
            row("GET", "/slow/{ms}", self.slow),
            row("GET", "/wait", self.wait),
            row("GET", "/stream/{seconds}", self.stream),
            row("GET", "/flood/{mib}", self.flood),
            row("GET", "/fail", self.fail),
            row("GET", "/cut", self.cut),
            row("GET", "/nothing", self.nothing),
            row("GET", "/state", self.state, always=True),
            row("GET", "/content", lambda x, m: respond_json(x, self.content)),
        ]

    def authorize(self, exchange: Exchange, match: Match):
        if exchange.header(b"authorization") == b"later":
            return self.authorize_later()
        if exchange.header(b"authorization") != b"Bearer sk-right":
            raise AuthenticationFailed("send a key")
        return "somebody"

    async def authorize_later(self):
        await asyncio.sleep(0)
        return "late"

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
        exchange.start(200, [(b"content-type", b"text/event-stream")])
        end = time.monotonic() + float(match.params["seconds"])
        number = 0
        while time.monotonic() < end:
            exchange.write(b"data: %d\n\n" % number)
            number += 1
            await asyncio.sleep(0.005)
        exchange.write(b"data: [DONE]\n\n")
        exchange.finish()

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
        respond_json(
            exchange, {"handled": self.handled, "gone": self.gone, "load": self.control.load, "refused": self.refused}
        )

    async def websocket(self, scope, receive, send) -> None:
        await send({"type": "websocket.close", "code": 1008})

    async def startup(self) -> None:
        pass

    async def reload(self) -> None:
        content = self.file.read_text()
        if content == "bad":
            self.refused += 1
            raise ConfigurationError("the file is bad")
        self.content = content

    async def close(self) -> None:
        pass


def main() -> None:
    file = Path(sys.argv[1])
    options = msgspec.json.decode(sys.argv[2], type=ServeOptions, dec_hook=lambda kind, text: kind(text))
    server = Server(lambda control: Tiny(control, file), msgspec.structs.replace(options, watched=(file,)))
    server.run(
        lambda address: print(address, flush=True)  # noqa: T201 - the test reads it
    )


if __name__ == "__main__":
    main()
