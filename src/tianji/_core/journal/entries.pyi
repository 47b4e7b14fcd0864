from collections.abc import Callable
from typing import Any, Protocol, final

from tianji._core.journal.page import Page
from tianji._core.requests.asked import Asked

class _Journal(Protocol):
    @property
    def page(self) -> Page | None: ...
    def prepare(self) -> object: ...
    def append(self, entry: list[Any]) -> None: ...
    def keep(self, body: bytes) -> None: ...

@final
class Caller: ...

@final
class Agent:
    def __init__(self, name: str, tags: tuple[str, ...]) -> None: ...

@final
class Entries:
    says: bool
    whole: int
    hides_peers: bool
    reads_limits: bool
    used: Callable[[list[tuple[bytes, bytes]]], int] | None
    def __init__(
        self,
        *,
        journal: _Journal,
        party: Callable[[Asked], object],
        agent: Callable[[bytes], tuple[str, tuple[str, ...]]],
        words: Callable[[Any], bool],
        said: Callable[[Any, bytes | list[bytes] | None], tuple[Any, ...]],
        confided: Callable[[Asked, str], str],
        call_types: dict[str, str],
        large: int,
    ) -> None: ...
    def forget(self) -> None: ...
