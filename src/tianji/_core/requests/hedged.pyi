from asyncio import Task

from typing_extensions import disjoint_base

from tianji._core.requests.asked import Asked
from tianji._core.routing.needs import Needs
from tianji._core.routing.router import Deployment

@disjoint_base
class Hedged(Asked):
    @property
    def deployment_id(self) -> str | None: ...
    def hedge(self) -> None: ...
    def readied(self, second: Needs, deployment: Deployment, task: Task[None]) -> None: ...
