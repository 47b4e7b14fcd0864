from typing import final

from tianji._core.router import Plan
from tianji._core.spans import ObjectSpans

@final
class Shaped:
    @property
    def body(self) -> bytes: ...
    @property
    def hides_usage(self) -> bool: ...

def shape_body(plan: Plan, spans: ObjectSpans, model: bytes | None, streamed: bool) -> Shaped: ...
