"""Whether a request may go on whose limits cannot be verified (`fail_closed_rate_limit_enforcement` and its kin).

A machine counts for itself, so what it enforces is always known. What may not be is how much other machines took of a
limit, while the Valkey or Redis that they share is away; and, where a budget or a customer is heard of for the first
time, what the database knows. Otherwise a machine goes on with its share of limits, and with what it knew last.
"""

from collections.abc import Iterable
from typing import Final

from tianji._core.limits.leases import Leases
from tianji._core.limits.limiter import KIND_NAMES, LimitTable
from tianji.config.schema import GeneralSettings
from tianji.errors import StoreUnavailable
from tianji.limiting.holding import Held

_RATES: Final = tuple(KIND_NAMES.index(name) for name in KIND_NAMES[: KIND_NAMES.index("budget")])


class Certainty:
    """What has to be certain by a configuration. It is true where anything has to."""

    def __init__(self, general: GeneralSettings, table: LimitTable) -> None:
        self.of_budgets = general.fail_closed_budget_enforcement
        self.of_rates = general.fail_closed_rate_limit_enforcement
        self._leases = Leases(table)

    def __bool__(self) -> bool:
        return self.of_budgets or self.of_rates

    def require(self, held: Iterable[Held]) -> None:
        """Raise StoreUnavailable (503) for limits that machines share while nobody can say what others took of them."""
        if not self or self._leases.mode != "alone":
            return
        for one in held:
            if (self.of_budgets and one.has_budget) or (self.of_rates and _has_rates(one)):
                raise StoreUnavailable("limits of this caller cannot be verified at the moment; try again later")


def _has_rates(held: Held) -> bool:
    return any(held.limit.ceiling(kind) is not None for kind in _RATES)
