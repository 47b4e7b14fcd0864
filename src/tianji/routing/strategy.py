"""The strategies by all their names, and their arguments as numbers for the core."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from tianji.config.decode import number

CORE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "shuffle",
        "simple-shuffle": "shuffle",
        "provider-budget-routing": "shuffle",  # LiteLLM's old name for budgets beside simple-shuffle
        "priority": "shuffle",  # tiers and queues come before any strategy
        "region-based": "shuffle",  # regions are heeded whatever the strategy
        "lar1": "shuffle",
        "least-busy": "busy",
        "latency-based-routing": "latency",
        "lowest-latency": "latency",
        "usage-based-routing": "usage",
        "usage-based-routing-v2": "usage",
        "usage-based": "usage",
        "lowest-tpm-rpm": "usage",
        "cost-based-routing": "cost",
        "lowest-cost": "cost",
    }
)
LIMITED: Final = frozenset({"latency", "usage", "cost"})
"""Strategies of the core under which `rpm` and `tpm` are limits and no shares."""


class Strategy(Struct, frozen=True):
    """What a Selection is told; see there."""

    core: str = "shuffle"
    buffer: float = 0.0
    samples: int = 10
    lifetime: float = 3600.0
    percentile: float = 0.0

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of a Selection beside strategy, dice and candidates."""
        return {
            "buffer": self.buffer,
            "samples": self.samples,
            "lifetime": self.lifetime,
            "percentile": self.percentile,
        }


def strategy_of(name: str, arguments: Mapping[str, object]) -> Strategy:
    """Read `routing_strategy` and `routing_strategy_args`. KeyError for a name that no check let through."""

    def figure(key: str, default: float) -> float:
        value = number(arguments.get(key))
        return default if value is None else value

    return Strategy(
        core=CORE[name],
        buffer=figure("lowest_latency_buffer", 0.0),
        samples=int(figure("max_latency_list_size", 10)),
        lifetime=figure("ttl", 3600.0),
        percentile=figure("ttft_percentile", 0.0),
    )
