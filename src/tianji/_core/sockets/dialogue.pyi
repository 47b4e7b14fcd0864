from collections.abc import Callable
from typing import TypeAlias, final

from tianji._core.sockets.farewell import Farewell
from tianji._core.sockets.relay import Relay
from tianji._core.sockets.spread import Spread

_Said: TypeAlias = list[tuple[bool, bytes]]

@final
class Dialogue(Relay):
    overhears: Callable[[bytes], Farewell | None] | None
    def __init__(
        self,
        spread: Spread,
        *,
        hear: Callable[[bytes], Farewell | None],
        over: Callable[[Relay, Farewell], None],
        idle: float = 0,
        longest: float = 0,
        signs: tuple[bytes, ...] = ...,
        first: Callable[[bytes], None] | None = None,
        interpret: Callable[[bool, bytes], _Said] | None = None,
        overhears: Callable[[bytes], Farewell | None] | None = None,
        flows: Callable[[bool], None] | None = None,
    ) -> None: ...
    def open_with(self, message: bytes) -> None: ...
    def interpret_by(self, interpret: Callable[[bool, bytes], _Said]) -> None: ...
    def say(self, said: _Said) -> None: ...
