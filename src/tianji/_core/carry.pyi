from asyncio import Task
from typing import final

from tianji._core.asked import Asked
from tianji._core.lane import Lane, Way
from tianji._core.receiver import ResponseHandler

@final
class Listener(ResponseHandler): ...

@final
class Carry(Asked):
    @property
    def way(self) -> Way: ...
    @property
    def lane(self) -> Lane: ...
    def stood_by(self, task: Task[object]) -> None: ...
