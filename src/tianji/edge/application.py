"""What the composition root offers to an edge."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.edge.answers import OnRefusal, OwnBody, no_own_body, unheard
from tianji.edge.control import Control
from tianji.edge.routes import Match, RouteTable


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a request may cost before anybody looks at it."""

    max_body: int = 64 * 1024 * 1024  # bytes of a body that is held in memory
    max_upload: int = 1024 * 1024 * 1024  # bytes of a body that is kept in a file, on routes that say so
    max_head: int = 64 * 1024  # bytes of all header names and values
    max_target: int = 16 * 1024  # bytes of path and query
    head_timeout: float = 10.0  # seconds for a head, from its first byte; native edge only: hyper has its own
    idle_timeout: float = 75.0  # seconds without a request; longer than load balancers keep theirs. Native edge only
    body_timeout: float = 60.0  # seconds between two pieces of a body
    body_rate: float = 240.0  # bytes a second, from `body_timeout` on; native edge only
    most_inside: int = 0  # requests that are under way at once, WebSockets and routes that are `always` aside; 0: any
    most_waiting: int = 0  # for a place among them
    patience: float = 1.0  # seconds that one waits


class Cors(msgspec.Struct, frozen=True, kw_only=True):
    """Which web pages may call. `origins` may hold `*`."""

    origins: tuple[str, ...] = ("*",)
    credentials: bool = False


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an edge is to behave, whatever it is made of."""

    limits: Limits = Limits()
    cors: Cors = Cors()
    root_path: str = ""  # prefix taken off every path: SERVER_ROOT_PATH
    compat_headers: bool = True  # `x-litellm-*` twins
    strict_transport: bool = False  # send strict-transport-security
    on_refusal: OnRefusal = unheard  # hears of requests that the edge answers with an error
    own_error_body: OwnBody = no_own_body  # says errors on paths where OpenAI's shape is not what clients know


class Application(Protocol):
    """One worker's gateway. Made in the worker, on its loop's thread, before the first request.

    Of `edge_settings` the limits may be others later; the rest is what they were when the edge was made.
    """

    route_table: RouteTable
    edge_settings: EdgeSettings

    @property
    def authorize(self) -> Callable[[Exchange, Match], object | Awaitable[object]]:
        """Says who calls, before the body is read. Raises AuthenticationFailed or PermissionDenied.

        Returns the identity, or a coroutine of it where a store has to be asked. Asked for once, when the edge is made.
        """

    @property
    def closed(self) -> Callable[[Exchange], None] | None:
        """Hears of an exchange whose last byte was handed on, or whose client left: access log, metrics."""

    async def startup(self) -> None:
        """Open connections, start periodic jobs."""

    async def reload(self) -> None:
        """Build a new state from the configuration and swap it in.

        Raises ConfigurationError and keeps the old state when the new configuration cannot be used. Afterwards
        `route_table` may be another one.
        """

    async def close(self) -> None:
        """Close what `startup` opened; no request runs any more."""


Factory = Callable[[Control], Application]
