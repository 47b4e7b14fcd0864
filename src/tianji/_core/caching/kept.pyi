from collections.abc import Callable
from typing import final

from tianji._core.edges.exchange import Exchange, Producer

@final
class Relay(Producer): ...

@final
class KeptExchange(Exchange):
    def __init__(
        self,
        client: Exchange,
        body: bytes,
        keeper: Callable[[bytes, str | None], object] | None = None,
        previous: bytes | None = None,
    ) -> None: ...
    def release(self) -> None: ...
