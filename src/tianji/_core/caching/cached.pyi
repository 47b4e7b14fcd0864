from asyncio import Future
from typing import final

from typing_extensions import disjoint_base

from tianji._core.caching.memory import Answer
from tianji._core.requests.answering import Answering

@disjoint_base
class Cached(Answering):
    def heard(self, future: Future[list[tuple[str, Answer | None]]]) -> None: ...
    def landed(self, answer: Answer | None) -> None: ...
    def lead(self, flight: Flight) -> None: ...

@final
class Flight: ...

@final
class Seat:
    def cancel(self) -> None: ...
