from collections.abc import Callable, Iterable
from typing import Any, final

def finished(
    begun: bytes,
    sign: Callable[[str, bytes], Iterable[tuple[bytes, bytes]]] | None,
    target: str,
    body: bytes,
) -> bytes | list[bytes]: ...
def digest_of(text: bytes, *, plain: bool = False) -> bytes: ...

@final
class Seal:
    def __init__(
        self,
        before: bytes,
        after: bytes,
        place: bytes,
        key: bytes,
        shown: bytes,
        added: tuple[tuple[bytes, bytes], ...],
    ) -> None: ...
    def headers(self, moment: bytes, body: bytes) -> list[tuple[bytes, bytes]]: ...

@final
class Sealer:
    def __init__(
        self,
        now: Callable[[], float],
        keys: Callable[[], Any],
        written: Callable[[int], bytes],
        seal: Callable[[Any, str, bytes], Seal],
    ) -> None: ...
    def __call__(self, target: str, body: bytes) -> list[tuple[bytes, bytes]]: ...
