from typing import final

from tianji._core.streams.noted import Notebook
from tianji._core.streams.verbatim import VerbatimStream

@final
class ResponsesStream(VerbatimStream):
    @property
    def unknown(self) -> int: ...
    def __init__(self, model: bytes | None = None, notebook: Notebook | None = None) -> None: ...
