from typing import Any, final

from typing_extensions import disjoint_base

from tianji._core.edges.edge import EdgeExchange
from tianji._core.edges.wire import Wire

@disjoint_base
class Line(Wire): ...

@final
class NativeExchange(EdgeExchange):
    @property
    def upgrades(self) -> bool: ...
    def upgrade(self, listener: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None: ...
