from typing import final

@final
class RequestReader:
    def __init__(self, *, max_head: int, max_target: int) -> None: ...
