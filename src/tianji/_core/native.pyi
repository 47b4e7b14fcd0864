from typing import Any, final

from typing_extensions import disjoint_base

from tianji._core.edge import EdgeExchange

@disjoint_base
class Line: ...

@final
class NativeExchange(EdgeExchange):
    @property
    def upgrades(self) -> bool: ...
    def upgrade(self, listener: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None: ...
