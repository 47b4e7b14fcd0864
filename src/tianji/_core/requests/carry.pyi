from asyncio import Task
from typing import final

from tianji._core.requests.asked import Asked
from tianji._core.requests.lane import Lane, Way
from tianji._core.upstreams.receiver import ResponseHandler

@final
class Listener(ResponseHandler): ...

@final
class Carry(Asked):
    @property
    def way(self) -> Way: ...
    @property
    def lane(self) -> Lane: ...
    def stood_by(self, task: Task[object]) -> None: ...
