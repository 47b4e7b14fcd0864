from collections.abc import Callable
from typing import Any, final

from typing_extensions import disjoint_base

from tianji._core.bodies.frames import Sighting
from tianji._core.requests.passing import Passing
from tianji._core.routing.router import Plan
from tianji._core.streams.remembered import RememberedAnswers, Telling
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage

@disjoint_base
class SameForm:
    def __init__(
        self,
        named: bool,
        carries: frozenset[bytes],
        arrays: bool,
        sign: Callable[[str, bytes], Any] | None,
        notes: RememberedAnswers | None = None,
        telling: Telling | None = None,
    ) -> None: ...
    def write_head(
        self, head: bytes, model: bytes, streamed: bool, carried: tuple[tuple[bytes, bytes], ...]
    ) -> tuple[bytes, str]: ...
    def read(self, sighting: Sighting | None, body: bytes) -> tuple[bool, Usage | None]: ...
    def stream(self, model: bytes, as_array: bool, content_type: bytes) -> AnswerStream | None: ...
    def begin(self, plan: Plan, sought: Any, model: bytes, head: bytes) -> Through: ...

@final
class Through(Passing): ...
