from collections.abc import Callable
from typing import final

from tianji._core.asked import Asked

@final
class Entries:
    says: bool
    def __init__(
        self,
        *,
        prepare: Callable[[], object],
        keep: Callable[[list[object]], None],
        party: Callable[[Asked], object],
        said: Callable[[bytes | None, bytes | list[bytes] | None], tuple[bytes, bytes, bytes, bool]],
        call_types: dict[str, str],
    ) -> None: ...
