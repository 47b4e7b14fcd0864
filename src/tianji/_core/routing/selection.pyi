from collections.abc import Callable, Iterable
from typing import Any, Final, Self, final

from tianji._core.routing.candidate import Candidate
from tianji._core.routing.dice import Dice
from tianji._core.routing.health import Health
from tianji._core.routing.needs import Needs

REASONS: Final[tuple[str, ...]]
STRATEGIES: Final[tuple[str, ...]]
FIRST_OPERATION_BIT: Final[int]

@final
class Selection:
    def __new__(
        cls,
        strategy: str,
        dice: Dice,
        candidates: list[Candidate],
        *,
        admit: Callable[[Any], Iterable[int]] | None = None,
        buffer: float = 0,
        samples: int = 10,
        lifetime: float = 3600,
        percentile: float = 0,
        heeds_rests: bool = True,
        heeds_checks: bool = False,
        last_resort: bool = False,
    ) -> Self: ...
    def __len__(self) -> int: ...
    @property
    def healths(self) -> tuple[Health, ...]: ...
    @property
    def strategy(self) -> str: ...
    @property
    def lacking(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    def resting(self, now: float) -> bool: ...
    def minute_left(self, now: float) -> float: ...
    def order_of(self, position: int) -> int | None: ...
    def choose(self, needs: Needs, now: float) -> int: ...
    def take(self, needs: Needs, position: int, now: float) -> str: ...
    def explain(self, needs: Needs, now: float) -> tuple[int, list[tuple[str, float]]]: ...
    def verdicts(self, now: float) -> list[tuple[str, float]]: ...
