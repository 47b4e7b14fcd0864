"""Budgets of deployments and of providers: who has spent what it may is left out until its period ends.

What is spent is counted in memory that all workers share. What was spent before that began is in the ledger, and comes
to it when that was read (`upkeep.earlier`); what other machines spend, when they say so (`upkeep.elsewhere`). Both may
tell of the same spending, so the larger one counts. A request that is under way when a budget is used up is paid for
all the same.
"""

import time as clocks
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from tianji._core.routing.health import Health, HealthTable
from tianji.config.schema import Config, ModelEntry
from tianji.limiting.rules import Rules, rules_of

NANO: Final = 10**9
LARGEST: Final = 1 << 36  # that a count can hold
WINDOW: Final = 16  # seconds that a period has at least, so that two have two numbers
NEVER: Final = 1e10  # seconds; a budget of nothing is never anew
USUAL: Final = "1d"  # where no period is written

Kind = Literal["deployment", "provider"]


class Budget(Struct, frozen=True):
    """So many nano-dollars for each period of the calendar, in the time zone of the configuration."""

    limit: int
    period: str
    rules: Rules = Rules()


class Account:
    """One budget, who spends it, and what was spent."""

    def __init__(self, kind: Kind, holder: str, budget: Budget, spenders: Iterable[Health], table: HealthTable) -> None:
        """`holder` is the same everywhere. A budget whose figure was changed begins with what it learns."""
        self.kind: Final = kind
        self.holder: Final = holder
        self._limit = budget.limit
        self._budget = budget
        self._unit = max(1, 4 * budget.limit // LARGEST)  # nano-dollars that one count stands for
        self.name: Final = f"{kind} {holder} {budget.period} {budget.limit}"
        self._health = table.health(f"budget {self.name}")
        self._learned = table.health(f"budget before {self.name}")  # what of it was not spent from this memory
        self._spenders = tuple(spenders)
        self._ends = 0.0  # seconds since 1970

    def spend(self, nano_dollars: int, now: float, monotonic: float) -> None:
        """Count what a request cost, or look what was spent so far, for 0. Times: since 1970, and of choices."""
        if self._limit == 0:
            self._leave_out(NEVER)
        elif self._count(nano_dollars, now) >= self._limit:
            self._leave_out(monotonic + self._ends - now)

    def learn(self, earlier: int, period_end: float, now: float, monotonic: float) -> None:
        """Take what was spent earlier or elsewhere, of the period that ends then. Times as above, and an end.

        The amount is all that is known of it; what was not known when somebody learned of it last is added.
        """
        if self.period(now)[1] != period_end:
            return
        window = int(period_end) // WINDOW
        more = self._units(earlier) - self._learned.spend(window, 0)
        if more > 0:
            self._learned.spend(window, more)
            self.spend(more * self._unit, now, monotonic)

    def period(self, now: float) -> tuple[float, float]:
        """Return when the period begins that is under way, and when it ends: seconds since 1970."""
        return self._budget.rules.span(self._budget.period, now)

    def spent(self, now: float) -> int:
        """Return the nano-dollars that were spent in the period."""
        return self._count(0, now)

    def spent_here(self, now: float) -> int:
        """Return the nano-dollars that this machine spent in the period since its memory is there."""
        spent = self._count(0, now)
        return max(0, spent - self._learned.spend(int(self._ends) // WINDOW, 0) * self._unit)

    @property
    def ends(self) -> float:
        """When the period ends that somebody asked of last, seconds since 1970."""
        return self._ends

    def _count(self, nano_dollars: int, now: float) -> int:
        """Count an amount, and return what was spent in the period."""
        if now >= self._ends:
            self._ends = self.period(now)[1]
        return self._health.spend(int(self._ends) // WINDOW, self._units(nano_dollars)) * self._unit

    def _units(self, nano_dollars: int) -> int:
        return min((nano_dollars + self._unit // 2) // self._unit, LARGEST - 1)

    def _leave_out(self, until: float) -> None:
        for health in self._spenders:
            health.break_until(until)


class Purse(Struct, frozen=True):
    """The accounts that a deployment spends from."""

    accounts: tuple[Account, ...]

    def spend(self, nano_dollars: int) -> None:
        """Count what a request of the deployment cost."""
        now, monotonic = clocks.time(), clocks.monotonic()
        for account in self.accounts:
            account.spend(nano_dollars, now, monotonic)


def purses(
    config: Config,
    members: Iterable[tuple[ModelEntry, str]],
    table: HealthTable,
    *,
    now: Callable[[], float] = clocks.time,
    monotonic: Callable[[], float] = clocks.monotonic,
) -> dict[str, Purse]:
    """Return the purses of the deployments that have one, by id. `members`: entries with their providers.

    Who has spent everything already is left out from the beginning.
    """
    found: dict[str, list[Account]] = {}
    pairs, rules = list(members), rules_of(config)
    for entry, _ in pairs:
        limit = entry.params.max_budget
        if limit is not None:
            budget = Budget(_nano(limit), entry.params.budget_duration or USUAL, rules)
            found[entry.id] = [Account("deployment", entry.id, budget, [table.health(entry.id)], table)]
    for provider, budget in provider_budgets(config).items():
        ids = dict.fromkeys(entry.id for entry, named in pairs if named == provider)
        account = _of_provider(provider, budget, map(table.health, ids), table)
        for name in ids:
            found.setdefault(name, []).append(account)
    for name, accounts in found.items():
        table.health(name).mend()
        for account in accounts:
            account.spend(0, now(), monotonic())
    return {name: Purse(tuple(accounts)) for name, accounts in found.items()}


def _of_provider(provider: str, budget: Budget, spenders: Iterable[Health], table: HealthTable) -> Account:
    return Account("provider", provider, budget, spenders, table)


class Standing(Struct, frozen=True):
    """How a budget stands: what was spent of it, nano-dollars, and when it begins anew, seconds since 1970."""

    budget: Budget
    spent: int
    ends: float

    @property
    def left(self) -> int:
        """The nano-dollars that are left."""
        return max(0, self.budget.limit - self.spent)


def standings(config: Config, table: HealthTable, now: float) -> dict[str, Standing]:
    """Return how the budgets of providers stand, by provider. `now`: seconds since 1970."""
    found = {}
    for name, budget in provider_budgets(config).items():
        account = _of_provider(name, budget, (), table)
        spent = account.spent(now)
        found[name] = Standing(budget, spent, account.ends)
    return found


def provider_budgets(config: Config) -> Mapping[str, Budget]:
    """Read `provider_budget_config`; an entry without a limit is none."""
    found, rules = {}, rules_of(config)
    for provider, written in config.router_settings.provider_budget_config.items():
        if written.limit is not None:
            found[provider] = Budget(_nano(written.limit), written.period or USUAL, rules)
    return found


def _nano(dollars: float) -> int:
    return round(dollars * NANO)
