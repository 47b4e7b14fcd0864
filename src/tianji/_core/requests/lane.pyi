from asyncio import Task
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, final, type_check_only

from tianji._core.edges.exchange import Exchange
from tianji._core.journal.meter import Measures, Rates
from tianji._core.requests.carry import Carry
from tianji._core.routing.router import Deployment, Group
from tianji._core.streams.stream import AnswerStream
from tianji._core.streams.usage import Usage
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin
from tianji.errors import Header

@type_check_only
class _Form(Protocol):
    @property
    def whole(self) -> Callable[[bytes, list[Header]], Measures | Usage | None] | None: ...
    @property
    def stream(self) -> Callable[[bytes], AnswerStream | None]: ...
    @property
    def operation(self) -> str: ...

_Sign: TypeAlias = Callable[[str, bytes, bytes, Callable[[bytes], bytes | None]], Iterable[Header]]
_Asked: TypeAlias = Callable[[Exchange], tuple[str, Measures | None, Rates | None]]

@final
class Lane:
    def __init__(
        self,
        *,
        origin: Origin,
        target: bytes,
        headers: list[Header],
        model: str | None = None,
        form: _Form | None = None,
        sign: _Sign | None = None,
        awaits: Callable[[], Task[Any] | None] | None = None,
        lacks: str | None = None,
        asked: _Asked | None = None,
    ) -> None: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def target(self) -> bytes: ...
    @property
    def fields(self) -> bytes: ...
    @property
    def sets(self) -> frozenset[bytes]: ...
    @property
    def model(self) -> str | None: ...
    @property
    def form(self) -> _Form | None: ...
    @property
    def sign(self) -> _Sign | None: ...
    @property
    def awaits(self) -> Callable[[], Task[Any] | None] | None: ...
    @property
    def lacks(self) -> str | None: ...
    @property
    def asked(self) -> _Asked | None: ...

@final
class Filter:
    def __init__(
        self,
        *,
        takes: frozenset[bytes] | None = None,
        drops: frozenset[bytes] = ...,
        known: Callable[[bytes], bool] | None = None,
    ) -> None: ...
    @property
    def takes(self) -> frozenset[bytes] | None: ...
    @property
    def drops(self) -> frozenset[bytes]: ...
    @property
    def known(self) -> Callable[[bytes], bool] | None: ...

@final
class Way:
    def __init__(
        self,
        *,
        group: Group,
        filter: Filter,  # noqa: A002
        timeouts: Timeouts,
        find: Callable[[bytes], Lane],
        price: Callable[[str], tuple[Any, Rates]],
        wishes: Callable[[Exchange], Any],
        flat: Rates | None = None,
        query: Callable[[bytes], bytes] | None = None,
        grant: Callable[[Exchange], None] | None = None,
        confine: Callable[[Carry], None] | None = None,
        entry: Any = None,
    ) -> None: ...
    @property
    def group(self) -> Group: ...
    @property
    def deployment(self) -> Deployment: ...
    @property
    def filter(self) -> Filter: ...
    @property
    def timeouts(self) -> Timeouts: ...
    @property
    def flat(self) -> Rates | None: ...
    @property
    def find(self) -> Callable[[bytes], Lane]: ...
    @property
    def query(self) -> Callable[[bytes], bytes] | None: ...
    @property
    def price(self) -> Callable[[str], tuple[Any, Rates]]: ...
    @property
    def grant(self) -> Callable[[Exchange], None] | None: ...
    @property
    def confine(self) -> Callable[[Carry], None] | None: ...
    @property
    def entry(self) -> Any: ...
    @property
    def wishes(self) -> Callable[[Exchange], Any]: ...
