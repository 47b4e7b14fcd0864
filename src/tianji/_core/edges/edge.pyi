import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from typing_extensions import disjoint_base

from tianji._core.edges.exchange import Exchange

_Header: TypeAlias = tuple[bytes, bytes]

class _Limits(Protocol):
    @property
    def max_body(self) -> int: ...
    @property
    def max_upload(self) -> int: ...
    @property
    def max_head(self) -> int: ...
    @property
    def max_target(self) -> int: ...
    @property
    def body_timeout(self) -> float: ...
    @property
    def most_inside(self) -> int: ...
    @property
    def most_waiting(self) -> int: ...
    @property
    def patience(self) -> float: ...

class _Control(Protocol):
    cells: memoryview[int]
    draining_cell: int
    load_cell: int

@disjoint_base
class Edge:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        exact: dict[bytes, dict[str, Any]],
        find: Callable[[str, bytes], Any],
        authorize: Callable[[Exchange, Any], object],
        on_error: Callable[[Exchange, Exception], None],
        on_close: Callable[[Exchange], None] | None,
        cors: Callable[[Exchange, bytes], list[_Header] | None] | None,
        fixed_headers: list[_Header],
        root: bytes,
        limits: _Limits,
        control: _Control,
    ) -> None: ...
    @property
    def open(self) -> int: ...
    def replace_routes(self, exact: dict[bytes, dict[str, Any]], find: Callable[[str, bytes], Any]) -> None: ...
    def limit(self, limits: _Limits) -> None: ...

@disjoint_base
class EdgeExchange(Exchange): ...
