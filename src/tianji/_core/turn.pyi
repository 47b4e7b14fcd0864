from collections.abc import Callable
from typing import final

from tianji._core.exchange import Exchange
from tianji._core.origin import Origin
from tianji._core.router import Deployment, Plan

@final
class Turn(Exchange):
    def __init__(
        self,
        client: Exchange,
        body: bytes,
        heard: Callable[[int, bytes, bool], None],
        leads: Callable[[Plan, Deployment], Origin] | None = None,
    ) -> None: ...
    def leave(self) -> None: ...
    def wait(self) -> None: ...
    def go_on(self) -> None: ...
