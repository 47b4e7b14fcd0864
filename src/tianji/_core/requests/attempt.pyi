from typing import final

from typing_extensions import disjoint_base

from tianji._core.edges.exchange import Producer
from tianji._core.requests.pipeline import Pipeline
from tianji._core.upstreams.receiver import ResponseHandler

@disjoint_base
class Requester(Producer):
    @property
    def pipeline(self) -> Pipeline: ...

@final
class Attempt(ResponseHandler): ...
