from typing import final

from typing_extensions import disjoint_base

from tianji._core.exchange import Producer
from tianji._core.pipeline import Pipeline
from tianji._core.receiver import ResponseHandler

@disjoint_base
class Requester(Producer):
    @property
    def pipeline(self) -> Pipeline: ...

@final
class Attempt(ResponseHandler): ...
