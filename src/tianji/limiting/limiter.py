"""Who calls, for which model: what he is held against, and whether he may go on."""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct, structs

from tianji._core.limits.admission import Admission
from tianji._core.limits.limiter import KIND_NAMES, LARGEST_SET, Limit, LimitSet, LimitTable
from tianji.auth.identity import Identity
from tianji.errors import Unacceptable
from tianji.limiting.easing import LOOKED_AGAIN, NO_END, Troubled
from tianji.limiting.holding import Held, Holding
from tianji.limiting.model_budgets import GroupOf
from tianji.limiting.refusal import refusal
from tianji.limiting.rows import Holder
from tianji.limiting.rules import Rules
from tianji.limiting.sharing import Lack

_UNLOADED: Final = KIND_NAMES.index("unloaded")
_UNLEASED: Final = KIND_NAMES.index("unleased")
_REMEMBERED: Final = 50_000  # combinations of a caller, a model and others


class Limits(Struct, frozen=True):
    """All that a request is held against: made once, used by many requests."""

    asked: LimitSet
    held: tuple[Held, ...]
    identity: Identity
    others: tuple[Holder, ...]
    pools: tuple[Held, ...]
    until: float | None  # monotonic: when one of them changes by itself; None: never
    parts: tuple[Held, ...] = ()  # budgets among them that no row of the database is of


class NotReady(Exception):  # noqa: N818 - nothing is wrong: somebody has to be asked first
    """Whether a request may go on is not known yet."""


class NotLeased(NotReady):
    """The machines that share limits have to be asked for more of some: have it granted and ask again."""

    def __init__(self, lacking: list[Lack]) -> None:
        super().__init__(*lacking)
        self.lacking = lacking


class NotLoaded(NotReady):
    """The table does not know what was spent of some budgets: load() them and ask again."""

    def __init__(self, held: tuple[Held, ...]) -> None:
        super().__init__(*held)
        self.held = held


class Limiter:
    """The limits of all callers, as one worker knows them."""

    def __init__(
        self,
        table: LimitTable,
        rules: Rules,
        troubled: Troubled,
        monotonic: Callable[[], float] = time.monotonic,
        group_of: GroupOf = str,
    ) -> None:
        """Hold requests against limits in `table`.

        troubled: whether a model group fails, for rates that hold only then
        monotonic: the clock of the table
        group_of: gives the model group that serves a name
        """
        self._table = table
        self._rules = rules
        self._holding = Holding(table, rules, troubled, group_of)
        self._monotonic = monotonic
        self._known: dict[tuple[object, ...], Limits] = {}

    def limits(
        self,
        identity: Identity,
        model: str,
        asked: str,
        others: tuple[Holder, ...] = (),
        pools: tuple[Held, ...] = (),
    ) -> Limits:
        """Return what a request is held against, remembered as long as it is asked for with the same objects.

        model: the group that serves; asked: the name that the client sent
        others: the customer, tags and the like that the request names, after those above the key
        pools: limits of the model itself

        Raises Unacceptable (400) for more than 32 limits, and for a duration that is none.
        """
        name = (identity.key, model, asked, *((other.kind, other.id) for other in others), *map(id, pools))
        known = self._known.get(name)
        if (
            known is not None
            and known.identity is identity
            and all(map(_same, known.others, others))
            and (known.until is None or self._monotonic() < known.until)
        ):
            return known
        return self._remember(name, identity, model, asked, others, pools)

    def purses(self, identity: Identity, model: str, others: tuple[Holder, ...]) -> Limits:
        """Return the budgets of a caller and of others for a model, as such that no spend is too much for."""
        limits = self.limits(identity, model, model, others)
        held = tuple(
            structs.replace(one, limit=Limit(self._table, one.limit.name, budget=NO_END, renew=one.limit.renew))
            for one in limits.held
            if one.has_budget
        )
        return structs.replace(limits, asked=LimitSet(tuple(one.limit for one in held)), held=held)

    def refusal(self, limits: Limits, admission: Admission) -> Exception:
        """Return what to raise for an admission that was refused: RateLimited, BudgetExceeded or a NotReady."""
        now = self._monotonic()
        if admission.refused_kind == _UNLEASED:
            return NotLeased(admission.lacks(now))
        if admission.refused_kind == _UNLOADED:
            return NotLoaded(tuple(held for held in limits.held if held.has_budget and held.limit.money(now) is None))
        held = next(held for held in limits.held if held.limit is admission.refused_by)
        return refusal(held, admission, self._rules, now, now + self._table.shift)

    def load(self, held: Held, spent: int, period_end: float | None, asked: float | None = None) -> None:
        """Let the table know what was spent of a budget, unless it was told before. Nano-dollars; since 1970.

        asked: when that was looked up, by the clock of the table; it holds for all that was said until then
        """
        now = self._monotonic()
        if held.limit.restore(spent, period_end, now):
            since = (now if asked is None else asked) + self._table.shift
            held.limit.agree(spent, since, period_end, now)

    def _remember(
        self,
        name: tuple[object, ...],
        identity: Identity,
        model: str,
        asked: str,
        others: tuple[Holder, ...],
        pools: tuple[Held, ...],
    ) -> Limits:
        now = self._monotonic()
        above = (Holder(one.kind, one.id, one.limits) for one in identity.scopes)
        holders = {(one.kind, one.id): one for one in (*above, *others)}  # a tag that is named twice counts once
        since_1970 = now + self._table.shift
        held = (*self._holding.held(tuple(holders.values()), model, asked, since_1970), *pools)
        if len(held) > LARGEST_SET:
            raise Unacceptable(f"a request is held against {LARGEST_SET} limits at most: send fewer tags")
        ends = [moment for one in holders.values() if (moment := one.limits.raised_until) > since_1970]
        if any(one.limits.dynamic for one in holders.values()):
            ends.append(since_1970 + LOOKED_AGAIN)
        until = min(ends) - self._table.shift if ends else None
        parts = tuple(one for one in held if one.part in ("model", "window") and one.has_budget)
        found = Limits(LimitSet(tuple(one.limit for one in held)), held, identity, others, pools, until, parts)
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[name] = found
        return found


def _same(one: object, other: object) -> bool:
    return one is other
