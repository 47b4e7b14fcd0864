import asyncio
from collections.abc import Callable
from typing import Any, final

from tianji._core.edges.edge import Edge, EdgeExchange

@final
class AsgiEdge(Edge):
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        websocket: Callable[[AsgiEdge, Any], None],
        **shared: Any,  # as Edge takes them
    ) -> None: ...
    def schedule(self, watcher: Any) -> None: ...
    def look_after_early(self, patience: float = 0.05) -> None: ...

@final
class AsgiExchange(EdgeExchange): ...
