from typing import final

@final
class Reply:
    def __init__(self) -> None: ...
