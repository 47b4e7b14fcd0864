from typing import final

def finished(begun: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes | list[bytes]: ...
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
    @property
    def added(self) -> tuple[tuple[bytes, bytes], ...]: ...
    def authorization(self, moment: bytes, body: bytes) -> bytes: ...
