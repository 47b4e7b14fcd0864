"""Budgets of single models (`model_max_budget`): which entry governs a request, and what was spent of each.

An entry governs requests that name it, whose model group has its name, or that do so without a provider. All that it
governs spend of one budget, which begins anew by the calendar.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from tianji.errors import Unacceptable
from tianji.limiting.rules import Rules, Span
from tianji.money import to_dollars, to_nanos

GroupOf = Callable[[str], str]
"""Gives the model group that serves a name; the name itself for one that nothing serves."""
Entries = Mapping[str, Any]
"""What `model_max_budget` is: entries by names of models."""

log = logging.getLogger(__name__)


class ModelBudget(Struct, frozen=True):
    """One budget: what it is called, how much it is in nano-dollars, and for how long."""

    name: str
    amount: int
    duration: str
    span: Span


def names_of(asked: str, group: str) -> tuple[str, ...]:
    """Return what may be said of a model, the most specific first: what was asked for, and the group that serves it."""
    return asked, group, asked.rpartition("/")[2], group.rpartition("/")[2]


def governing(entries: Entries, names: Sequence[str]) -> str | None:
    """Return the name of the entry that governs a model with these names."""
    return next((name for name in names if name in entries), None)


def entry_of(entries: Entries, names: Sequence[str]) -> Entries:
    """Return the entry that governs a model; one that is no mapping governs nothing."""
    found = entries.get(governing(entries, names) or "")
    return found if isinstance(found, Mapping) else {}


def budget_of(entries: Entries, name: str | None, rules: Rules) -> ModelBudget | None:
    """Return the budget of an entry; None for one that has none, or that makes no sense."""
    entry = entries.get(name or "")
    if name is None or not isinstance(entry, Mapping):
        return None
    amount = nanos(entry.get("budget_limit", entry.get("max_budget")))
    if amount is None:
        return None
    duration = str(entry.get("time_period", entry.get("budget_duration")))
    try:
        rules.span(duration, 0, "model_max_budget")
    except Unacceptable as error:
        log.warning("a budget of a model holds nobody: %s", error.message)
        return None
    return ModelBudget(name, amount, duration, lambda now: rules.span(duration, now))


class Governed(Struct, frozen=True):
    """Says which spend an entry governs, by the names that clients asked for."""

    name: str
    entries: Entries
    group_of: GroupOf

    def __call__(self, asked: str, of_key: Entries) -> bool:
        """Whether it is of a budget; `of_key`: entries of the key that spent it, which go before those of its team."""
        names = names_of(asked, self.group_of(asked))
        return governing(self.entries, names) == self.name and not entry_of(of_key, names)

    def spent(self, sums: Iterable[tuple[str, str, int]], of_keys: Mapping[str, Entries]) -> int:
        """Return what was spent of the budget, of sums by key and by what was asked for."""
        return sum(cost for key, asked, cost in sums if self(asked, of_keys.get(key, {})))


def told(budget: ModelBudget, spent: int, now: float) -> dict[str, Any]:
    """Return how a budget stands, as programs know it. `now`: seconds since 1970."""
    return {
        "current_spend": to_dollars(spent),
        "budget_limit": to_dollars(budget.amount),
        "time_period": budget.duration,
        "budget_reset_at": datetime.fromtimestamp(budget.span(now)[1], UTC),
    }


def budgets_of(entries: Entries, rules: Rules) -> Iterator[ModelBudget]:
    """Yield all budgets that there are."""
    for name in entries:
        budget = budget_of(entries, name, rules)
        if budget is not None:
            yield budget


def nanos(dollars: object) -> int | None:
    """Convert an amount, which rows of others hold as text, too.

    None for what is none, a negative one among it, which has always meant no limit.
    """
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | str):
        return None
    try:
        return to_nanos(float(dollars))
    except ValueError:
        return None
