from collections.abc import Callable
from typing import Any, final

from tianji._core.bodies.spans import ObjectSpans
from tianji._core.journal.meter import Measures, Rates
from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import LimitSet

BYTES_A_TOKEN: int
UNBOUND: int
FLOOR: int

def bounded(body: ObjectSpans, names: tuple[bytes, ...]) -> int: ...

@final
class Terms:
    def __init__(
        self,
        limits: LimitSet,
        *,
        table: Any,
        model: str,
        until: float | None,
        rates: tuple[Rates, ...],
        free: bool,
        silent: bool,
        reserves: bool,
        most_output: int,
        expected: int,
        smallest: int | None,
        bounds: tuple[bytes, ...],
        prompts: bytes | None = None,
        measures: Callable[[bytes], Measures] | None = None,
    ) -> None: ...
    @property
    def limits(self) -> LimitSet: ...
    @property
    def table(self) -> Any: ...
    @property
    def model(self) -> str: ...
    def ask(self, body: ObjectSpans, now: float) -> Admission: ...
