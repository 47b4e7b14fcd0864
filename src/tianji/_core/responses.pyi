from typing import final

from tianji._core.events import EventStream

@final
class ResponsesStream(EventStream):
    def __init__(self, model: bytes | None = None) -> None: ...
