from asyncio import Future
from typing import final

from typing_extensions import disjoint_base

from tianji._core.answering import Answering
from tianji._core.memory import Answer

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
