from collections.abc import Callable
from typing import Any, final

from tianji._core.edges.exchange import Exchange
from tianji.errors import Header

@final
class SilentExchange(Exchange):
    def __init__(
        self,
        path: str,
        body: bytes,
        identity: Any,
        listener: Callable[[int, list[Header], bytes], object] | None = None,
        headers: list[Header] | None = None,
        copied: bool = False,
    ) -> None: ...
    @property
    def copied(self) -> bool: ...
    def leave(self) -> None: ...
