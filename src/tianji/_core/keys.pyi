from collections.abc import Callable
from typing import Any, final

from tianji._core.exchange import Exchange

@final
class KeyRing:
    def __init__(
        self, identities: dict[bytes, Any], gate: Callable[[Exchange, Any], object], key_header: str | None = None
    ) -> None: ...
    def adopt(self, other: KeyRing) -> None: ...
    def __call__(self, exchange: Exchange, match: Any) -> object: ...

def keyed_digest(secret: bytes, text: bytes) -> bytes: ...
