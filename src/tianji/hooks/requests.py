"""A request as code of the operator's own is shown it: what such code uses of Starlette's `Request`.

https://www.starlette.io/requests/
"""

from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from tianji._core.edges.exchange import Exchange


class Headers(dict[str, str]):
    """Headers whose names may be written in either case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return one, or a default."""
        return super().get(name.lower(), default)


class URL(str):
    """An address, with its parts as attributes."""

    __slots__ = ()

    @property
    def parts(self) -> SplitResult:
        """All of them."""
        return urlsplit(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(urlsplit(self), name)


class Client(Struct, frozen=True):
    """Where a connection comes from: the nearest proxy, where there is one."""

    host: str
    port: int


class State:
    """What code notes down about a request."""


class Request:
    """One request. `body` and `json` wait for its body, which nobody else reads before it is known who sends it."""

    def __init__(self, exchange: Exchange, read: Callable[[], Awaitable[bytes]]) -> None:
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in exchange.headers]
        query = exchange.query.decode("latin-1")
        self.method = exchange.method
        self.headers = Headers(reversed(pairs))  # of several with one name the first
        self.query_params: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True))
        self.path_params: Mapping[str, str] = {}
        self.client = None if exchange.peer is None else Client(*exchange.peer[:2])
        self.state = State()
        host = self.headers.get("host", "")
        self.base_url = URL(f"http://{host}/")
        self.url = URL(f"http://{host}{exchange.path}" + (f"?{query}" if query else ""))
        self.scope: Mapping[str, Any] = {
            "type": "http",
            "method": exchange.method,
            "path": exchange.path,
            "query_string": exchange.query,
            "headers": list(exchange.headers),
            "client": exchange.peer,
        }
        self._read = read

    @property
    def cookies(self) -> dict[str, str]:
        """What a browser sends along."""
        try:
            return {name: one.value for name, one in SimpleCookie(self.headers.get("cookie", "")).items()}
        except CookieError:
            return {}

    async def body(self) -> bytes:
        """Return the body. Raises PayloadTooLarge for one that has no room in memory."""
        return await self._read()

    async def json(self) -> Any:
        """Return what the body says as JSON. Raises ValueError where it is none."""
        return msgspec.json.decode(await self._read())
