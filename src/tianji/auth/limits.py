"""What somebody may use, and that a child never gets more than its parent.

A limit is None where there is none. Amounts are integers of a billionth US dollar.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

DYNAMIC: Final = "dynamic"  # the type of a rate that holds only while the model fails
GUARANTEED: Final = "guaranteed_throughput"  # of one that has to fit beside the others of the parent
BOUNDED: Final = ("max_budget", "tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Budgets and rates of one object, and what it has spent. `budget_reset_at`: seconds since the epoch."""

    spend: int = 0
    spend_since: float | None = None  # seconds since the epoch: what began before is not in `spend`
    told_spend: int = 0  # what was spent at least, as somebody else counts; a row of the database says none
    max_budget: int | None = None
    soft_budget: int | None = None
    budget_duration: str | None = None
    budget_reset_at: float | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    tpd_limit: int | None = None
    max_parallel_requests: int | None = None
    batch_enqueued_token_limit: int | None = None  # of all batches under way
    rpm_limit_type: str | None = None  # DYNAMIC, GUARANTEED or another one, which holds always
    tpm_limit_type: str | None = None
    throttles: bool = False  # a budget that is used up slows requests down instead of ending them
    budget_limits: tuple[Mapping[str, Any], ...] = ()  # windows: budget_duration, max_budget in dollars, reset_at
    model_max_budget: Mapping[str, Any] = {}
    model_rpm_limit: Mapping[str, int] = {}
    model_tpm_limit: Mapping[str, int] = {}
    model_itpm_limit: Mapping[str, int] = {}  # tokens of prompts, and of answers
    model_otpm_limit: Mapping[str, int] = {}
    raised_by: int = 0  # beyond max_budget, until `raised_until`, seconds since the epoch
    raised_until: float = 0.0

    def budget_at(self, since_1970: float) -> int | None:
        """Return the budget that holds at a moment."""
        if self.max_budget is None or since_1970 >= self.raised_until:
            return self.max_budget
        return self.max_budget + self.raised_by

    @property
    def dynamic(self) -> bool:
        """Whether a rate holds at some times only."""
        return DYNAMIC in (self.rpm_limit_type, self.tpm_limit_type)

    @property
    def limits(self) -> bool:
        """Whether it holds anybody to anything."""
        figures = (self.max_budget, self.tpm_limit, self.rpm_limit, self.max_parallel_requests)
        rates = (self.model_rpm_limit, self.model_tpm_limit, self.model_itpm_limit, self.model_otpm_limit)
        others = (self.budget_limits, self.model_max_budget, *rates)
        return any(figure is not None for figure in figures) or any(others)


def exceeded(child: Mapping[str, Any], parent: Mapping[str, Any]) -> str | None:
    """Name the first limit of `child` that is above that of `parent`, None when there is none.

    Limits that the child does not have are not judged: its parent's hold for it anyway, since every request is held
    against both.
    """
    for name in BOUNDED:
        own, above = child.get(name), parent.get(name)
        if own is not None and above is not None and own > above:
            return name
    return None
