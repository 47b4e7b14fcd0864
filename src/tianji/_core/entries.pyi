from collections.abc import Callable
from typing import Any, final

from tianji._core.asked import Asked

@final
class Entries:
    says: bool
    reads_limits: bool
    def __init__(
        self,
        *,
        prepare: Callable[[], object],
        keep: Callable[[list[object]], None],
        party: Callable[[Asked], object],
        said: Callable[[Any, bytes | list[bytes] | None], tuple[Any, ...]],
        call_types: dict[str, str],
    ) -> None: ...
