"""Shares of a model group's capacity by the priority of whoever asks (callback `dynamic_rate_limiter_v3`).

The limits of the group's deployments together always hold. While less than a threshold of them is used, what each
priority uses is only counted; above it each is held to its share.
"""

from collections.abc import Mapping
from typing import Any, Final

from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitTable
from tianji.auth.identity import Identity
from tianji.config.schema import Config
from tianji.limiting.easing import COUNTED_ONLY
from tianji.limiting.holding import Held
from tianji.limiting.rows import row_name
from tianji.limiting.rules import COUNTED, Rules

CALLBACKS: Final = frozenset({"dynamic_rate_limiter", "dynamic_rate_limiter_v3"})
DEFAULT: Final = "default_pool"
_REQUESTS: Final = KIND_NAMES.index("requests")


class Priorities:
    """The shares of all groups. `limits`: requests and tokens a minute by group, 0 for no limit."""

    def __init__(self, table: LimitTable, rules: Rules, config: Config, limits: Mapping[str, tuple[int, int]]) -> None:
        settings = config.litellm_settings
        self._table = table
        self._kind = COUNTED[rules.counted]
        self._limits = limits
        self._written = settings.priority_reservation
        self._otherwise = settings.priority_reservation_settings.default_priority
        self._threshold = settings.priority_reservation_settings.saturation_threshold
        self._made: dict[tuple[str, str], tuple[Held, Held, Held]] = {}

    def pools(self, group: str, identity: Identity | None, now: float) -> tuple[Held, ...]:
        """Return what holds for a request of a caller: the group's limit, then that of his share."""
        limits = self._limits.get(group)
        if limits is None:
            return ()
        pool = self._pool(identity)
        made = self._made.get((group, pool))
        if made is None:
            made = self._made[group, pool] = self._make(group, pool, limits)
        whole, share, counted = made
        return whole, share if self.saturation(whole.limit, now) >= self._threshold else counted

    def saturation(self, limit: Limit, now: float) -> float:
        """Return which part of a group's limit is used, of requests or tokens, whichever is more."""
        parts = [
            limit.used(kind, now) / most
            for kind in (_REQUESTS, KIND_NAMES.index(self._kind))
            if (most := limit.ceiling(kind))
        ]
        return max(parts, default=0.0)

    def _pool(self, identity: Identity | None) -> str:
        for metadata in () if identity is None else (identity.team_metadata, identity.metadata):
            priority = metadata.get("priority")
            if isinstance(priority, str) and priority:
                return priority if priority in self._written else DEFAULT
        return DEFAULT

    def _make(self, group: str, pool: str, limits: tuple[int, int]) -> tuple[Held, Held, Held]:
        weight = self._weight(pool, limits)
        name = row_name("model", group, "priority", pool)
        whole = Held(self._limit(row_name("model", group), limits, limits), "model", group, of=pool)
        share = self._limit(name, (max(1, int(limits[0] * weight)), max(1, int(limits[1] * weight))), limits)
        counted = self._limit(name, (COUNTED_ONLY, COUNTED_ONLY), limits)
        return (
            whole,
            Held(share, "model", group, "priority", pool, above=whole.limit),
            Held(counted, "model", group, "priority", pool, above=whole.limit),
        )

    def _limit(self, name: str, figures: tuple[int, int], group: tuple[int, int]) -> Limit:
        """Make a limit of what the group has figures for."""
        requests, tokens = (figure if there else None for figure, there in zip(figures, group, strict=True))
        counted: dict[str, Any] = {self._kind: tokens}
        return Limit(self._table, name, requests=requests, **counted)

    def _weight(self, pool: str, limits: tuple[int, int]) -> float:
        shares = {name: _share(written, limits) for name, written in self._written.items()}
        total = sum(shares.values())
        if pool not in shares:
            return self._otherwise
        return shares[pool] / total if total > 1 else shares[pool]


def _share(written: float | Mapping[str, Any], limits: tuple[int, int]) -> float:
    if isinstance(written, int | float):
        return max(0.0, float(written))
    value = written.get("value", 0)
    figure = float(value) if isinstance(value, int | float) else 0.0
    most = {"rpm": limits[0], "tpm": limits[1]}.get(str(written.get("type")), 0)
    return max(0.0, figure / most if most else figure if written.get("type") == "percent" else 0.0)


def priorities_of(
    table: LimitTable, rules: Rules, config: Config, limits: Mapping[str, tuple[int, int]]
) -> Priorities | None:
    """Return the shares where the configuration asks for them."""
    written = config.litellm_settings.callbacks
    names = {written} if isinstance(written, str) else {name for name in written if isinstance(name, str)}
    return Priorities(table, rules, config, limits) if names & CALLBACKS else None
