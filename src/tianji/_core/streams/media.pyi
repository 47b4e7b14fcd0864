from collections.abc import Callable
from typing import final

from tianji._core.streams.events import EventStream
from tianji._core.streams.stream import AnswerStream

@final
class MediaEvents(EventStream): ...

@final
class MediaBytes(AnswerStream):
    def __init__(self, content_type: bytes) -> None: ...

@final
class MediaWhole(AnswerStream):
    def __init__(self, content_type: bytes, convert: Callable[[bytes], bytes]) -> None: ...
