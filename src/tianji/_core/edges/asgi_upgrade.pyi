from typing import Any, final

from picows import WSListener, WSTransport
from typing_extensions import disjoint_base

from tianji._core.edges.edge import Edge, EdgeExchange

@disjoint_base
class AsgiTransport(WSTransport):
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

@final
class AsgiUpgrade(EdgeExchange):
    def begin(self, edge: Edge, watcher: Any) -> None: ...
    @property
    def upgrades(self) -> bool: ...
    def upgrade(self, listener: WSListener, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None: ...
