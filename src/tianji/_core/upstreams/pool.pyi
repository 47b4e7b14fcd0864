import asyncio
from collections.abc import Callable
from typing import Protocol, final, type_check_only

from tianji._core.upstreams.http1 import Call, Connection, Owner, Timeouts
from tianji._core.upstreams.multiplex import Stream
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.parcel import Parcel
from tianji._core.upstreams.receiver import ResponseHandler

@type_check_only
class _Connector(Protocol):
    async def connect(
        self, origin: Origin, factory: Callable[[], Connection]
    ) -> tuple[asyncio.BaseTransport, Connection]: ...
    def settled(self, origin: Origin, transport: asyncio.BaseTransport) -> None: ...

@type_check_only
class _Multiplexer(Protocol):
    def carry(self, origin: Origin, stream: Stream) -> None: ...
    def close(self) -> None: ...

@final
class Shelf:
    def connection(self) -> Connection: ...

@final
class Limits:
    def __init__(
        self, *, max_connections: int = 0, max_waiting: int = 0, max_idle: int = 1024, idle_expiry: float = 55.0
    ) -> None: ...
    @property
    def max_connections(self) -> int: ...
    @property
    def max_waiting(self) -> int: ...
    @property
    def max_idle(self) -> int: ...
    @property
    def idle_expiry(self) -> float: ...

@final
class Pool(Owner):
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        connector: _Connector,
        multiplexer: _Multiplexer | None = None,
    ) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def active(self) -> int: ...
    @property
    def open(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def connecting(self) -> int: ...
    def send(
        self,
        origin: Origin,
        request: bytes | list[bytes] | Parcel,
        handler: ResponseHandler,
        timeouts: Timeouts,
        head_only: bool = False,
    ) -> Call: ...
    def close(self) -> None: ...
    def sweep(self, now: float) -> int: ...
