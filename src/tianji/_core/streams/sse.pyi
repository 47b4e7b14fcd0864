from typing import final

from tianji._core.streams.stream import AnswerStream

@final
class ChatStream(AnswerStream):
    def __init__(self, model: bytes | None = None, hide_usage: bool = False, max_event: int = 8388608) -> None: ...
    @property
    def first_model(self) -> str | None: ...

def encode_event(payload: bytes) -> bytes: ...
