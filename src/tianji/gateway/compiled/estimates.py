"""What the deployments of a group cost, and on what terms callers are let in to it."""

import functools
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from tianji._core.journal.meter import UNITS, Measures, Rates, estimate
from tianji._core.limits.terms import UNBOUND, Terms
from tianji._core.requests.asked import Asked
from tianji._core.routing.router import Deployment, Group
from tianji._core.streams.usage import TIERS_BY_NUMBER
from tianji.auth.identity import Identity
from tianji.dialects.rows import ROWS
from tianji.gateway.compiled.snapshot import Members
from tianji.gateway.translation.measuring import expected_of
from tianji.limiting.limiter import Limits
from tianji.routing.resolution import Resolution

MANY: Final = 1024  # groups and models whose prices are remembered
SILENT: Final = frozenset(
    {"embeddings", "moderations"} | {row.operation for row in ROWS if row.media}
)  # operations whose answers have no tokens
MEASURES: Final[Mapping[str, Callable[[bytes], Measures]]] = {
    row.operation: functools.partial(expected_of, row.operation) for row in ROWS if row.media
}
_BOUNDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "completions": (b"max_tokens",),
    "messages": (b"max_tokens",),
    "responses": (b"max_output_tokens",),
}  # members that say how many tokens an answer may have, by operation,
_USUAL_BOUNDS: Final = (b"max_completion_tokens", b"max_tokens")  # and of all others
_PROMPTS: Final = {"completions": b"prompt"}  # members that may hold several prompts, each of which is answered
_ONE: Final = 1_000_000  # tokens, to tell whether a price is nothing,
_EACH: Final = Measures(**dict.fromkeys(UNITS, 1))  # and that of anything else


class Prices(Struct, frozen=True):
    """What the deployments of a group cost, each price once, and the most that any of their models can write.

    most_output: tokens; 0 where that is not known of one of them
    """

    group: Group
    rates: tuple[Rates, ...]
    free: bool
    most_output: int


class Estimates:
    """Reckons for the deployments of one configuration."""

    def __init__(self, members: Members) -> None:
        self._most = {
            deployment.id: entry.info.max_output_tokens or entry.info.max_tokens or 0
            for pairs in members.values()
            for entry, deployment in pairs
        }
        self._prices: dict[tuple[int, str], Prices] = {}  # by the group, which it holds, and the model

    def terms(self, asked: Asked, limits: Limits, *, smallest: int | None, reserves: bool) -> Terms:
        """Return on what terms a caller is let in. `smallest`: the smallest of his limits of tokens a minute."""
        prices = self._of_group(asked.group, asked.resolution, asked.routed)
        operation = asked.operation.name
        return Terms(
            limits.asked,
            table=asked.table,
            model=asked.model,
            until=limits.until,
            rates=prices.rates,
            free=prices.free,
            silent=operation in SILENT,
            reserves=reserves,
            most_output=prices.most_output,
            expected=expected(asked),
            smallest=smallest,
            bounds=_BOUNDS.get(operation, _USUAL_BOUNDS),
            prompts=_PROMPTS.get(operation),
            measures=MEASURES.get(operation),
        )

    def free(self, group: Group) -> bool:
        """Whether everything that serves a group has a price, and it is nothing."""
        return self._of_group(group, None, "").free

    def priced(self, asked: Asked) -> bool:
        """Whether one of the deployments that may serve a request has a price, be it nothing."""
        return any(one.known for one in self._of_group(asked.group, asked.resolution, asked.routed).rates)

    def _of_group(self, group: Group, resolution: Resolution | None, routed: str) -> Prices:
        # behind a pattern, what it costs depends on the model that was captured
        name = (id(group), "" if resolution is None else routed)
        known = self._prices.get(name)
        if known is None:
            if len(self._prices) >= MANY:
                self._prices.clear()
            found = (rates_of(deployment, resolution) for deployment in group.deployments)
            most = [self._most.get(one.id, 0) for one in group.deployments]
            rates = tuple(dict.fromkeys(one for one in found if one is not None))
            known = self._prices[name] = Prices(
                group=group,
                rates=rates,
                free=bool(rates) and all(map(_costs_nothing, rates)),
                most_output=0 if 0 in most else max(most, default=0),
            )
        return known


def _costs_nothing(rates: Rates) -> bool:
    return rates.known and all(estimate(rates, _ONE, _ONE, _EACH, tier) == 0 for tier in range(len(TIERS_BY_NUMBER)))


def expected(asked: Asked) -> int:
    """Return how many tokens the answers to this caller are known to have by his metadata; 0: nobody says."""
    identity = asked.exchange.identity
    if not isinstance(identity, Identity):
        return 0
    for metadata in (identity.metadata, identity.team_metadata):
        by_model = metadata.get("default_estimated_output_tokens_per_model")
        own = by_model.get(asked.routed) if isinstance(by_model, Mapping) else None
        for found in (own, metadata.get("default_estimated_output_tokens")):
            if isinstance(found, int) and not isinstance(found, bool) and found > 0:
                return min(found, UNBOUND)
    return 0


def rates_of(deployment: Deployment, resolution: Resolution | None) -> Rates | None:
    """Return the prices of a deployment; behind a pattern, those of the model that it captured."""
    if deployment.rates is not None or deployment.prices is None:
        return deployment.rates
    named = deployment.model if resolution is None else resolution.upstream_model(deployment.model)
    return deployment.prices(named)
