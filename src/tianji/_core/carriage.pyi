from collections.abc import Callable
from typing import Any, final

from tianji._core.exchange import Exchange, Handler
from tianji._core.lane import Way
from tianji._core.pipeline import Operation, Pipeline

@final
class Carriage(Handler):
    def __init__(
        self,
        pipeline: Pipeline,
        operation: Operation,
        make: Callable[[], Way],
        upgrade: Callable[[Carriage, Exchange, Any], None] | None = None,
    ) -> None: ...
    @property
    def pipeline(self) -> Pipeline: ...
    @property
    def operation(self) -> Operation: ...
    @property
    def way(self) -> Way | None: ...
