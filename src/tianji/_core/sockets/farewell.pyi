from tianji.errors import TianjiError

class Farewell(Exception):  # noqa: N818
    code: int
    reason: bytes
    event: bytes | None
    error: TianjiError | None
    def __init__(
        self, code: int, reason: bytes, event: bytes | None = None, error: TianjiError | None = None
    ) -> None: ...

def sendable(code: int) -> int: ...
