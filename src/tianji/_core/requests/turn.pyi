from collections.abc import Callable
from typing import final

from tianji._core.edges.exchange import Exchange
from tianji._core.routing.router import Deployment, Plan
from tianji._core.upstreams.origin import Origin

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
