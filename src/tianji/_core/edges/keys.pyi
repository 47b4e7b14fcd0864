from collections.abc import Callable
from typing import Any, final

from tianji._core.edges.exchange import Exchange
from tianji._core.sharing.revision import Revisions

@final
class Known: ...

@final
class KeyRing:
    def __init__(
        self,
        identities: dict[bytes, Any],
        gate: Callable[[Exchange, Any], object],
        key_header: str | None = None,
        revisions: Revisions | None = None,
        forget: Callable[[list[int] | None], object] | None = None,
        guarded: bool = False,
        anyone: Any = None,
        sign: bytes = b"",
    ) -> None: ...
    def adopt(self, other: KeyRing) -> None: ...
    def __call__(self, exchange: Exchange, match: Any) -> object: ...
    def heed(self) -> None: ...

def keyed_digest(secret: bytes, text: bytes) -> bytes: ...
