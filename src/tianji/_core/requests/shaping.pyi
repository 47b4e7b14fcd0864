from typing import final

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.routing.router import Plan

@final
class Shaped:
    @property
    def body(self) -> bytes: ...
    @property
    def hides_usage(self) -> bool: ...

def shape_body(plan: Plan, spans: ObjectSpans, model: bytes | None, streamed: bool) -> Shaped: ...
