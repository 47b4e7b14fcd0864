from collections.abc import Callable
from typing import Any, final

from tianji._core.exchange import Exchange

@final
class SilentExchange(Exchange):
    def __init__(
        self, path: str, body: bytes, identity: Any, listener: Callable[[int, bytes], object] | None = None
    ) -> None: ...
