from asyncio import Future
from collections.abc import Callable
from typing import Any

from typing_extensions import disjoint_base

from tianji._core.journal.meter import Measures, Rates
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage
from tianji._core.upstreams.parcel import Parcel

@disjoint_base
class Passing:
    request: bytes | list[bytes] | Parcel
    measures: Measures | None
    rates: Rates | None
    filtered: bool
    takes_lists: bool
    names_model: bool
    waits: Future[Any] | None
    lost: Callable[[bytes], bool] | None
    def stream(self, content_type: bytes) -> AnswerStream | None: ...
    def answer(self, body: bytes) -> tuple[bytes, Usage | None]: ...
