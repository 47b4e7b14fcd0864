from array import array
from collections.abc import Callable, Mapping
from typing import Any, Final, final

from tianji._core.journal.sheet import Alike, Sheet

SUMS: Final[tuple[str, ...]]
TIMES: Final[tuple[str, ...]]

@final
class Form:
    def __init__(self, bounds: tuple[tuple[int, ...], ...]) -> None: ...
    @property
    def bounds(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def size(self) -> int: ...
    def empty(self) -> array[int]: ...
    def place(self, name: str) -> slice: ...
    def take(
        self,
        sheet: Sheet,
        found: Callable[[Alike, int, bool], tuple[Any, array[int]]],
        judge: Callable[[str, int, Any], None],
        failures: Mapping[str, Any],
        *,
        sizes: tuple[int, ...],
        streams: bool,
        caches: bool,
    ) -> dict[Any, tuple[int, int]]: ...
