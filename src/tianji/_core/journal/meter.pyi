from collections.abc import Callable
from typing import final

from tianji._core.streams.usage import Usage

MOST: int
KINDS: tuple[str, ...]
UNITS: tuple[str, ...]

@final
class Measures:
    def __init__(self, **counts: int) -> None: ...

@final
class Rates:
    catalogue: str
    def __init__(
        self,
        steps: tuple[tuple[tuple[int, tuple[int, ...]], ...], ...],
        *,
        factor: tuple[int, int] = (1, 1),
        list_factor: tuple[int, int] = (1, 1),
        fixed: int = 0,
        believes: bool = False,
        known: bool = True,
        off_peak: Rates | None = None,
        off_peak_at: Callable[[int], bool] | None = None,
    ) -> None: ...
    @property
    def known(self) -> bool: ...
    @property
    def believes(self) -> bool: ...
    @property
    def off_peak(self) -> Rates | None: ...
    @property
    def factor(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]: ...
    def itemized(
        self, usage: Usage | None, when: int, measures: Measures | None = None, tier: int = 0
    ) -> list[tuple[str, int, int]]: ...

def cost(rates: Rates, usage: Usage | None, when: int, measures: Measures | None = None, tier: int = 0) -> int: ...
def list_cost(rates: Rates, usage: Usage | None, when: int, measures: Measures | None = None, tier: int = 0) -> int: ...
def estimate(
    rates: Rates, prompt_tokens: int, completion_tokens: int, measures: Measures | None = None, tier: int = 0
) -> int: ...
def dollars(nano: int) -> bytes: ...
