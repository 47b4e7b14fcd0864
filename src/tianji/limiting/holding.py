"""From those whose limits hold to the rows of the table."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from tianji._core.limiter import KIND_NAMES, Limit, LimitTable
from tianji.auth.durations import length
from tianji.auth.limits import Limits
from tianji.errors import Unacceptable
from tianji.limiting.easing import NO_END, Troubled, eased
from tianji.limiting.rows import Holder, Kind, Part, row_name
from tianji.limiting.rules import COUNTED, Rules, rolling
from tianji.money import to_nanos

_NONE: Final = Limits()
_BUDGET: Final = KIND_NAMES.index("budget")

log = logging.getLogger(__name__)


class Held(Struct, frozen=True):
    """One limit of a request, whose it is, and what is known of its budget: the spend and the end of its period."""

    limit: Limit
    kind: Kind
    id: str
    part: Part = ""
    of: str = ""
    spent: int = 0
    period_end: float | None = None
    period: float | None = None  # seconds of the period; None: it never ends
    above: Limit | None = None  # the limit of the whole that this is a share of

    @property
    def has_budget(self) -> bool:
        """Whether money is counted."""
        return self.limit.ceiling(_BUDGET) is not None


class Holding:
    """Makes limits from what the database and the configuration say."""

    def __init__(self, table: LimitTable, rules: Rules, troubled: Troubled) -> None:
        self._table = table
        self._rules = rules
        self._troubled = troubled

    def held(self, holders: Sequence[Holder], model: str, asked: str, since_1970: float) -> Iterator[Held]:
        """Yield all limits that hold for a request. Nothing is yielded for those who have none.

        model: the group that serves; asked: the name that the client sent, whose limits go before
        """
        of_team = any(holder.kind == "team" for holder in holders)
        names = (asked, model, asked.rpartition("/")[2], model.rpartition("/")[2])
        key = next((holder.limits for holder in holders if holder.kind == "key"), _NONE)
        for holder in holders:
            pays = holder.kind != "user" or not of_team or self._rules.users_pay_for_teams
            yield from self._whole(holder, model, since_1970, pays=pays)
            yield from self._windows(holder, since_1970)
            yield from self._model(holder, model, names, since_1970, key if holder.kind == "team" else _NONE)

    def _whole(self, holder: Holder, model: str, since_1970: float, *, pays: bool) -> Iterator[Held]:
        limits = holder.limits
        budget = limits.budget_at(since_1970) if pays or limits.max_budget is None else NO_END
        asked = {
            "requests": eased(limits.rpm_limit, limits.rpm_limit_type, model, self._troubled),
            COUNTED[self._rules.counted]: eased(limits.tpm_limit, limits.tpm_limit_type, model, self._troubled),
            "parallel": limits.max_parallel_requests,
        }
        if budget is None and all(value is None for value in asked.values()):
            return
        renew = self._rules.renewal(limits.budget_duration)
        period_end = limits.budget_reset_at if renew else None
        if period_end is None and renew:
            period_end = renew(since_1970)
        name = row_name(holder.kind, holder.id)
        limit = Limit(self._table, name, budget=budget, whole=self._rules.whole, renew=renew, **asked)
        period = length(limits.budget_duration, "budget_duration").total_seconds() if limits.budget_duration else None
        yield Held(limit, holder.kind, holder.id, spent=limits.spend, period_end=period_end, period=period)

    def _windows(self, holder: Holder, since_1970: float) -> Iterator[Held]:
        for window in holder.limits.budget_limits:
            duration = window.get("budget_duration")
            budget = _nanos(window.get("max_budget"))
            if budget is None or not isinstance(duration, str):
                continue
            renew = self._rules.renewal(duration)
            name = row_name(holder.kind, holder.id, "window", duration)
            limit = Limit(self._table, name, budget=budget, whole=self._rules.whole, renew=renew)
            moment = window.get("reset_at")
            ends = (
                datetime.fromisoformat(moment).timestamp() if moment else self._rules.period_end(duration, since_1970)
            )
            seconds = length(duration, "budget_limits").total_seconds()
            yield Held(limit, holder.kind, holder.id, "window", duration, 0, ends, seconds)

    def _model(
        self, holder: Holder, model: str, names: Sequence[str], since_1970: float, key: Limits
    ) -> Iterator[Held]:
        """Yield what holds for the model. What `key` says of it goes before what its team says."""
        of_key, entry = _entry(key, names), _entry(holder.limits, names)
        rates = (_first(key.model_rpm_limit, names), _first(key.model_tpm_limit, names))
        own = all(rate is None for rate in (*rates, of_key.get("rpm_limit"), of_key.get("tpm_limit")))
        limits = holder.limits
        requests = _first(limits.model_rpm_limit, names, entry.get("rpm_limit")) if own else None
        requests = eased(requests, limits.rpm_limit_type, model, self._troubled)
        tokens = _first(limits.model_tpm_limit, names, entry.get("tpm_limit")) if own else None
        tokens = eased(tokens, limits.tpm_limit_type, model, self._troubled)
        budget, renew = (None, None) if of_key else _budget(entry)
        prompt, answer = (_first(rates, names) for rates in (limits.model_itpm_limit, limits.model_otpm_limit))
        if all(figure is None for figure in (requests, tokens, prompt, answer, budget)):
            return
        name = row_name(holder.kind, holder.id, "model", model)
        counted = {"input_tokens": prompt, "output_tokens": answer}
        if tokens is not None:
            kind = COUNTED[self._rules.counted]
            beside = counted.get(kind)
            counted[kind] = tokens if beside is None else min(tokens, beside)
        limit = Limit(
            self._table, name, requests=requests, budget=budget, whole=self._rules.whole, renew=renew, **counted
        )
        ends = renew(since_1970) if renew else None
        yield Held(limit, holder.kind, holder.id, "model", model, 0, ends, None if ends is None else ends - since_1970)


def _first(limits: Mapping[str, int], names: Sequence[str], otherwise: int | None = None) -> int | None:
    return next((limits[name] for name in names[:2] if name in limits), otherwise)


def _entry(limits: Limits, names: Sequence[str]) -> Mapping[str, Any]:
    """Return the first entry of model_max_budget that governs the model; one that is no mapping governs nothing."""
    found = next((limits.model_max_budget[name] for name in names if name in limits.model_max_budget), None)
    return found if isinstance(found, Mapping) else {}


def _budget(entry: Mapping[str, Any]) -> tuple[int | None, Callable[[float], float] | None]:
    """Read amount and period of an entry of model_max_budget; without either there is no budget."""
    amount = entry.get("budget_limit", entry.get("max_budget"))
    duration = entry.get("time_period", entry.get("budget_duration"))
    budget = _nanos(amount)
    if budget is None:
        return None, None
    try:
        return budget, rolling(str(duration), "model_max_budget")
    except Unacceptable as error:
        log.warning("a budget of a model holds nobody: %s", error.message)
        return None, None


def _nanos(dollars: object) -> int | None:
    """Convert an amount; None for what is none, a negative one among it, which has always meant no limit."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float):
        return None
    try:
        return to_nanos(dollars)
    except ValueError:
        return None
