from collections.abc import Callable
from typing import Any, TypeAlias, final

from tianji._core.journal.meter import Rates
from tianji._core.routing.selection import Selection
from tianji._core.routing.stats import DeploymentStats
from tianji._core.upstreams.http1 import Timeouts
from tianji._core.upstreams.origin import Origin

_Pairs: TypeAlias = tuple[tuple[bytes, bytes], ...]

@final
class Plan:
    def __init__(
        self,
        *,
        origin: Origin,
        path: str,
        head: bytes,
        model: bytes | None,
        fields: dict[bytes, int],
        renames: dict[bytes, bytes],
        conditions: tuple[tuple[bytes, bytes, bytes | None], ...],
        defaults: _Pairs,
        overrides: _Pairs,
        passage: Any,
        adapt: Callable[[dict[str, object]], dict[str, object]] | None,
        adapt_always: bool,
        needles: tuple[tuple[bytes, ...], ...],
        shaping: Any,
        asks_usage: bool,
        timeouts: Timeouts,
        stream_timeouts: Timeouts,
        tiers: dict[str, tuple[Timeouts, Timeouts]],
        canned: str | None,
    ) -> None: ...
    @property
    def origin(self) -> Origin: ...
    @property
    def path(self) -> str: ...
    @property
    def head(self) -> bytes: ...
    @property
    def model(self) -> bytes | None: ...
    @property
    def fields(self) -> dict[bytes, int]: ...
    @property
    def renames(self) -> dict[bytes, bytes]: ...
    @property
    def conditions(self) -> tuple[tuple[bytes, bytes, bytes | None], ...]: ...
    @property
    def defaults(self) -> _Pairs: ...
    @property
    def overrides(self) -> _Pairs: ...
    @property
    def passage(self) -> Any: ...
    @property
    def adapt(self) -> Callable[[dict[str, object]], dict[str, object]] | None: ...
    @property
    def adapt_always(self) -> bool: ...
    @property
    def needles(self) -> tuple[tuple[bytes, ...], ...]: ...
    @property
    def shaping(self) -> Any: ...
    @property
    def asks_usage(self) -> bool: ...
    @property
    def streams(self) -> bool: ...
    @property
    def timeouts(self) -> Timeouts: ...
    @property
    def stream_timeouts(self) -> Timeouts: ...
    @property
    def tiers(self) -> dict[str, tuple[Timeouts, Timeouts]]: ...
    @property
    def canned(self) -> str | None: ...

@final
class Deployment:
    purse: Any
    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - the gateway's word for it everywhere
        group: str,
        provider: str,
        model: str,
        api_base: str,
        plans: dict[str, Plan],
        secrets: tuple[str, ...],
        unready: str | None,
        answer_headers: list[tuple[bytes, bytes]],
        stats: DeploymentStats,
        rates: Rates | None,
        prices: Callable[[str], Rates] | None,
        hedge: Any,
        silent: Any,
    ) -> None: ...
    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def api_base(self) -> str: ...
    @property
    def plans(self) -> dict[str, Plan]: ...
    @property
    def secrets(self) -> tuple[str, ...]: ...
    @property
    def unready(self) -> str | None: ...
    @property
    def answer_headers(self) -> list[tuple[bytes, bytes]]: ...
    @property
    def stats(self) -> DeploymentStats: ...
    @property
    def rates(self) -> Rates | None: ...
    @property
    def prices(self) -> Callable[[str], Rates] | None: ...
    @property
    def hedge(self) -> Any: ...
    @property
    def silent(self) -> Any: ...

@final
class Group:
    def __init__(
        self,
        name: str,
        deployments: list[Deployment],
        selection: Selection,
        label: tuple[bytes, bytes],
        line: Any = None,
        limits: tuple[int, int] | None = None,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def deployments(self) -> list[Deployment]: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def label(self) -> tuple[bytes, bytes]: ...
    @property
    def line(self) -> Any: ...
    @property
    def limits(self) -> tuple[int, int] | None: ...
    def label_as(self, shown: str) -> tuple[bytes, bytes]: ...

@final
class Table:
    def __init__(
        self,
        *,
        groups: dict[str, Group],
        autos: dict[str, Any],
        teams: dict[tuple[str, str], Group],
        resolve: Callable[[str], tuple[Group, Any]],
        watched: frozenset[bytes],
        default_model: str | None,
        shows_usage: bool,
        tells_cost: bool,
        compat: bool,
        trusts_clients: bool,
        forwarding: Any,
        max_answer: int,
        router: Any,
        steers_all: bool,
        scoped: bool,
        affine: bool,
        recovers: bool,
        meters: bool,
        heeds_filter: bool,
        window: int,
        total_timeout: float,
        enforced: tuple[str, ...],
        enforced_of_accounts: tuple[str, ...],
    ) -> None: ...
    @property
    def groups(self) -> dict[str, Group]: ...
    @property
    def autos(self) -> dict[str, Any]: ...
    @property
    def resolve(self) -> Callable[[str], tuple[Group, Any]]: ...
    @property
    def watched(self) -> frozenset[bytes]: ...
    @property
    def default_model(self) -> str | None: ...
    @property
    def shows_usage(self) -> bool: ...
    @property
    def tells_cost(self) -> bool: ...
    @property
    def compat(self) -> bool: ...
    @property
    def trusts_clients(self) -> bool: ...
    @property
    def forwarding(self) -> Any: ...
    @property
    def max_answer(self) -> int: ...
    @property
    def router(self) -> Any: ...
    @property
    def steers_all(self) -> bool: ...
    @property
    def teams(self) -> dict[tuple[str, str], Group]: ...
    @property
    def scoped(self) -> bool: ...
    @property
    def affine(self) -> bool: ...
    @property
    def recovers(self) -> bool: ...
    @property
    def meters(self) -> bool: ...
    @property
    def heeds_filter(self) -> bool: ...
    @property
    def window(self) -> int: ...
    @property
    def total_timeout(self) -> float: ...
    @property
    def enforced(self) -> tuple[str, ...]: ...
    @property
    def enforced_of_accounts(self) -> tuple[str, ...]: ...
