from typing import final

from tianji._core.exchange import Handler, Producer
from tianji._core.http1 import ResponseHandler
from tianji._core.pipeline import Operation, Pipeline

@final
class Endpoint(Handler):
    def __init__(self, pipeline: Pipeline, operation: Operation) -> None: ...
    @property
    def pipeline(self) -> Pipeline: ...
    @property
    def operation(self) -> Operation: ...

@final
class ClientSide(Producer): ...

@final
class Forward(ResponseHandler):
    @property
    def model(self) -> str | None: ...
    @property
    def call_id(self) -> bytes | None: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
