"""Who calls, for which model: what he is held against, and whether he may go on."""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from tianji._core.admission import Admission
from tianji._core.limiter import KIND_NAMES, LARGEST_SET, LimitSet, LimitTable
from tianji.auth.identity import Identity
from tianji.errors import Overloaded, Unacceptable
from tianji.limiting.holding import Held, Holding
from tianji.limiting.refusal import refusal
from tianji.limiting.rows import Holder
from tianji.limiting.rules import Rules

_BUDGET: Final = KIND_NAMES.index("budget")
_UNLOADED: Final = KIND_NAMES.index("unloaded")
_REMEMBERED: Final = 50_000  # combinations of a caller, a model and others


class Limits(Struct, frozen=True):
    """All that a request is held against: made once, used by many requests."""

    asked: LimitSet
    held: tuple[Held, ...]
    identity: Identity
    others: tuple[Holder, ...]


class Limiter:
    """The limits of all callers, as one worker knows them."""

    def __init__(
        self,
        table: LimitTable,
        rules: Rules,
        spent: Callable[[str], int] = lambda _: 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Hold requests against limits in `table`.

        spent: of the row of a model or window, nano-dollars of its period; asked when this machine does not know it
        monotonic: the clock of the table
        """
        self._table = table
        self._rules = rules
        self._holding = Holding(table, rules, spent)
        self._monotonic = monotonic
        self._known: dict[tuple[str, ...], Limits] = {}

    def limits(self, identity: Identity, model: str, asked: str, others: tuple[Holder, ...] = ()) -> Limits:
        """Return what a request is held against, remembered as long as caller and others are the same objects.

        model: the group that serves; asked: the name that the client sent
        others: the customer, tags and the like that the request names, after those above the key

        Raises Unacceptable (400) for more than 32 limits, and for a duration that is none.
        """
        name = (identity.key, model, asked, *(part for other in others for part in (other.kind, other.id)))
        known = self._known.get(name)
        if known is not None and known.identity is identity and all(map(_same, known.others, others)):
            return known
        return self._remember(name, identity, model, asked, others)

    def admit(self, limits: Limits, *, input_tokens: int = 0, output_tokens: int = 0, nano: int = -1) -> Admission:
        """Let a request through and reserve what it may use and cost at most; negative `nano`: it costs nothing.

        Settle or release what is returned; freed, it gives everything back. Raises RateLimited, BudgetExceeded, and
        Overloaded when the table cannot be written to.
        """
        now = self._monotonic()
        admission = Admission(limits.asked, input_tokens, output_tokens, nano)
        while not admission.admit(now):
            held = next(held for held in limits.held if held.limit is admission.refused_by)
            if admission.refused_kind != _UNLOADED:
                raise refusal(held, admission, self._rules, now, now + self._table.shift)
            if not self._load(held, now):
                raise Overloaded("the budget of this caller cannot be looked up at the moment: try again")
        return admission

    def _load(self, held: Held, now: float) -> bool:
        """Let the table know the spend; whether it does now, by whomever."""
        return held.limit.restore(held.spent, held.period_end, now) or held.limit.money(now) is not None

    def _remember(
        self, name: tuple[str, ...], identity: Identity, model: str, asked: str, others: tuple[Holder, ...]
    ) -> Limits:
        now = self._monotonic()
        above = (Holder(one.kind, one.id, one.limits) for one in identity.scopes)
        holders = {(one.kind, one.id): one for one in (*above, *others)}  # a tag that is named twice counts once
        held = tuple(self._holding.held(tuple(holders.values()), model, asked, now + self._table.shift))
        if len(held) > LARGEST_SET:
            raise Unacceptable(f"a request is held against {LARGEST_SET} limits at most: send fewer tags")
        for one in held:
            if one.limit.ceiling(_BUDGET) is not None:
                self._load(one, now)
        found = Limits(LimitSet(tuple(one.limit for one in held)), held, identity, others)
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[name] = found
        return found


def _same(one: object, other: object) -> bool:
    return one is other
