import asyncio
from collections.abc import Callable
from typing import final

from tianji._core.edges.exchange import Exchange, Producer
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji._core.upstreams.parcel import Parcel
from tianji._core.upstreams.pool import Pool
from tianji._core.upstreams.receiver import ResponseHandler
from tianji.errors import Header

@final
class Belt(Producer): ...

@final
class Conveyor(ResponseHandler):
    def __init__(
        self,
        exchange: Exchange,
        begin: Callable[[int, list[Header]], list[Header] | None],
        ended: asyncio.Future[tuple[int, list[Header], bytes | None]],
        most: int,
        through: Callable[[bytes | None], bytes] | None = None,
    ) -> None: ...
    def send(self, pool: Pool, origin: Origin, request: bytes | list[bytes] | Parcel, timeouts: Timeouts) -> None: ...
    def cancel(self) -> None: ...
