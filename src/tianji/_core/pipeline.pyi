from collections.abc import Callable, Iterator
from typing import Protocol, final, type_check_only

from tianji._core.exchange import Exchange
from tianji._core.pool import Pool
from tianji._core.router import Deployment, Table
from tianji.errors import TianjiError

@final
class Operation:
    def __init__(
        self,
        name: str,
        *,
        members: tuple[tuple[bytes, bytes, bool], ...],
        complain: Callable[[dict[str, int], bool], None],
        default_model: str | None = None,
        streams: bool = False,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def members(self) -> tuple[tuple[bytes, bytes, bool], ...]: ...
    @property
    def complain(self) -> Callable[[dict[str, int], bool], None]: ...
    @property
    def default_model(self) -> str | None: ...
    @property
    def streams(self) -> bool: ...

@type_check_only
class _Failures(Protocol):
    def body(self, error: TianjiError) -> bytes: ...
    def event(self, error: TianjiError) -> bytes: ...
    def unready(self, deployment: Deployment) -> TianjiError: ...
    def refused(self, status: int, body: bytes, deployment: Deployment) -> TianjiError: ...
    def in_band(self, payload: bytes | None, deployment: Deployment) -> TianjiError: ...

@type_check_only
class _Canned(Protocol):
    def answer(self, operation: str, model: str, text: str, call_id: str) -> dict[str, object]: ...
    def events(self, operation: str, model: str, text: str, call_id: str) -> Iterator[bytes]: ...

@final
class Pipeline:
    table: Table
    def __init__(
        self,
        *,
        table: Table,
        pool: Pool,
        failures: _Failures,
        steering: Callable[[Exchange, Table], object],
        canned: _Canned,
        call_prefix: bytes,
    ) -> None: ...
    @property
    def pool(self) -> Pool: ...
