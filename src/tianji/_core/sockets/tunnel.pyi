from collections.abc import Callable, Coroutine
from typing import Any, final

from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Measures
from tianji._core.requests.carriage import Carriage
from tianji._core.requests.lane import Lane, Way
from tianji._core.requests.session import Session
from tianji.errors import Header, TianjiError

@final
class Tunnel(Session):
    measures: Measures | None
    def __init__(
        self,
        carriage: Carriage,
        exchange: Exchange,
        opens: Callable[[Tunnel], Coroutine[Any, Any, None]],
        *,
        raw: bytes,
        model: str,
    ) -> None: ...
    @property
    def way(self) -> Way: ...
    @property
    def lane(self) -> Lane: ...
    def names(self, model: str) -> None: ...
    def call(self) -> bytes: ...
    def hand_on(self, status: int, headers: list[Header], body: bytes, error: TianjiError) -> None: ...
