"""How a body changes on its way, as a plan holds it, and the plan of a request that has its own word on that."""

import functools
from collections.abc import Iterable
from typing import Any, Final

from tianji._core.routing.router import Plan
from tianji.providers.steps.shaping import for_request
from tianji.providers.upstream import Shaping

DROP, REFUSE, RENAME, ADAPT = 1, 2, 4, 8  # bits of router.pxd's Field
MANY: Final = 1024


@functools.lru_cache(MANY)
def field_bits(
    drop: frozenset[str], refuse: frozenset[str], renamed: frozenset[str], adapt_on: frozenset[str]
) -> dict[bytes, int]:
    """Say what to do with which member of a client's body, as bits by name.

    Most deployments of a provider do the same with all of them, in each of their plans, and share the answer.
    """
    bits: dict[str, int] = {}
    for names, bit in ((drop, DROP), (refuse, REFUSE), (renamed, RENAME), (adapt_on, ADAPT)):
        for name in names:
            bits[name] = bits.get(name, 0) | bit
    bits.pop("*", None)
    return {name.encode(): value for name, value in bits.items()}


def shaping_arguments(shaping: Shaping) -> dict[str, Any]:
    """Return the arguments of Plan that say how a body changes."""
    return {
        "fields": field_bits(
            shaping.drop, shaping.refuse, frozenset(old for old, _ in shaping.rename), shaping.adapt_on
        ),
        "renames": {old.encode(): new.encode() for old, new in shaping.rename},
        "conditions": tuple((c.name.encode(), c.other.encode(), c.value) for c in shaping.conditions),
        "defaults": _encoded(shaping.defaults),
        "overrides": _encoded(shaping.override),
        "adapt": shaping.adapt,
        "adapt_always": "*" in shaping.adapt_on,
        "needles": shaping.adapt_bytes,
        "shaping": shaping,
    }


def reshaped(plan: Plan, *, drop_params: bool | None, additional: tuple[str, ...], allowed: tuple[str, ...]) -> Plan:
    """Return the plan of one request that has its own word on which parameters are dropped or let through."""
    shaping = for_request(plan.shaping, drop_params=drop_params, additional=additional, allowed=allowed)
    return Plan(
        origin=plan.origin,
        path=plan.path,
        head=plan.head,
        model=plan.model,
        passage=plan.passage,
        asks_usage=plan.asks_usage,
        timeouts=plan.timeouts,
        stream_timeouts=plan.stream_timeouts,
        tiers=plan.tiers,
        canned=plan.canned,
        **shaping_arguments(shaping),
    )


def _encoded(pairs: Iterable[tuple[str, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), raw) for name, raw in pairs)
