from typing import final

from tianji._core.streams.verbatim import VerbatimStream

@final
class MessagesStream(VerbatimStream):
    def __init__(self, model: bytes | None = None) -> None: ...
