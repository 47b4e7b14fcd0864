from typing import final

from typing_extensions import disjoint_base

from tianji._core.exchange import Producer
from tianji._core.http1 import ResponseHandler

@disjoint_base
class Requester(Producer): ...

@final
class Attempt(ResponseHandler): ...
