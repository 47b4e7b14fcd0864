from collections.abc import Callable
from typing import Any, final

from tianji._core.edges.exchange import Exchange, Handler
from tianji._core.requests.lane import Way
from tianji._core.requests.pipeline import Operation, Pipeline

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
