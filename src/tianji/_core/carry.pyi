from asyncio import Task
from collections.abc import Callable
from typing import final

from tianji._core.asked import Asked
from tianji._core.exchange import Handler
from tianji._core.lane import Lane, Way
from tianji._core.pipeline import Operation, Pipeline
from tianji._core.receiver import ResponseHandler

@final
class Carriage(Handler):
    def __init__(self, pipeline: Pipeline, operation: Operation, make: Callable[[], Way]) -> None: ...
    @property
    def pipeline(self) -> Pipeline: ...
    @property
    def operation(self) -> Operation: ...
    @property
    def way(self) -> Way | None: ...

@final
class Listener(ResponseHandler): ...

@final
class Carry(Asked):
    @property
    def way(self) -> Way: ...
    @property
    def lane(self) -> Lane: ...
    def stood_by(self, task: Task[object]) -> None: ...
