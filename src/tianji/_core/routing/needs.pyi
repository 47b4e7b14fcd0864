from collections.abc import Hashable
from typing import final

from tianji._core.routing.health import Health

@final
class Needs:
    pin: Health | None
    affinity: int
    weights: bytes | None
    order_after: int | None
    def __init__(
        self,
        *,
        bits: int = 0,
        input_tokens: int = 0,
        tokens: int = 0,
        streamed: bool = False,
        scope: Hashable | None = None,
        pin: Health | None = None,
        affinity: int = 0,
        weights: bytes | None = None,
    ) -> None: ...
    @property
    def scope(self) -> Hashable | None: ...
    @property
    def holding(self) -> Health | None: ...
    @property
    def tried(self) -> int: ...
    def forget(self) -> None: ...
    def release(self, now: float) -> int: ...
    def failed(self, now: float, penalty: bool = False, overload: bool = False) -> Health | None: ...
    def succeeded(
        self,
        now: float,
        seconds: float = -1.0,
        first_token: float = -1.0,
        completion_tokens: int = 0,
        tokens: int = -1,
    ) -> int: ...
    def leave_out(self, health: Health) -> int: ...
    def again(self) -> Needs: ...
