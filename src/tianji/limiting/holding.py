"""From those whose limits hold to the rows of the table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tianji._core.limits.limiter import KIND_NAMES, Limit, LimitTable
from tianji.auth.limits import Limits
from tianji.limiting.easing import NO_END, Troubled, eased
from tianji.limiting.model_budgets import (
    Governed,
    GroupOf,
    budget_of,
    entry_of,
    governing,
    names_of,
    nanos,
)  # fmt: skip
from tianji.limiting.rows import Holder, Kind, Part, row_name
from tianji.limiting.rules import COUNTED, Renew, Rules, Span, Usual

_NONE: Final = Limits()
_FREE: Final = Usual()
_BUDGET: Final = KIND_NAMES.index("budget")


class Held(Struct, frozen=True):
    """One limit of a request, whose it is, and what is known of its budget: the spend and the end of its period."""

    limit: Limit
    kind: Kind
    id: str
    part: Part = ""
    of: str = ""
    spent: int = 0
    told: int = 0  # and at least this, whatever the database knows
    period_end: float | None = None
    span: Span | None = None  # gives beginning and end of the period at a moment; None: it never ends
    governs: Governed | None = None  # says what is spent of the budget of a model
    above: Limit | None = None  # the limit of the whole that this is a share of

    @property
    def has_budget(self) -> bool:
        """Whether money is counted."""
        return self.limit.ceiling(_BUDGET) is not None


class Holding:
    """Makes limits from what the database and the configuration say."""

    def __init__(self, table: LimitTable, rules: Rules, troubled: Troubled, group_of: GroupOf) -> None:
        self._table = table
        self._rules = rules
        self._troubled = troubled
        self._group_of = group_of

    def held(self, holders: Sequence[Holder], model: str, asked: str, since_1970: float) -> Iterator[Held]:
        """Yield all limits that hold for a request. Nothing is yielded for those who have none.

        model: the group that serves; asked: the name that the client sent, whose limits go before
        """
        of_team = any(holder.kind == "team" for holder in holders)
        names = names_of(asked, model)
        key, team = (next((one.limits for one in holders if one.kind == kind), _NONE) for kind in ("key", "team"))
        usual = self._usual(model, names, team)
        for holder in holders:
            pays = holder.kind != "user" or not of_team or self._rules.users_pay_for_teams
            yield from self._whole(holder, model, since_1970, pays=pays)
            yield from self._windows(holder, since_1970)
            above = key if holder.kind == "team" else _NONE
            yield from self._model(holder, model, names, since_1970, above, usual if holder.kind == "key" else _FREE)

    def _usual(self, model: str, names: Sequence[str], team: Limits) -> Usual:
        """Return what a key may have of a model of which neither it nor its team says anything."""
        usual = self._rules.usual.get(model, _FREE)
        if usual is _FREE:
            return usual
        return Usual(
            usual.requests if _first(team.model_rpm_limit, names) is None else None,
            usual.tokens if _first(team.model_tpm_limit, names) is None else None,
        )

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
        span = self._rules.spans(limits.budget_duration)
        renew = self._rules.renewal(limits.budget_duration)
        period_end = limits.budget_reset_at if renew else None
        if period_end is None and limits.budget_duration is not None and renew:
            period_end = self._rules.period_end(limits.budget_duration, since_1970)
        name = row_name(holder.kind, holder.id)
        limit = Limit(self._table, name, budget=budget, whole=self._rules.whole, renew=renew, **asked)
        if budget is not None and (renew is None or limits.budget_reset_at is not None):
            limit.agree(limits.spend, limits.spend_since, period_end, since_1970 - self._table.shift)
        if budget is not None and limits.told_spend:
            limit.learn(limits.told_spend, period_end, since_1970 - self._table.shift)
        yield Held(
            limit, holder.kind, holder.id,
            spent=limits.spend, told=limits.told_spend, period_end=period_end, span=span,
        )  # fmt: skip

    def _windows(self, holder: Holder, since_1970: float) -> Iterator[Held]:
        for window in holder.limits.budget_limits:
            duration = window.get("budget_duration")
            budget = nanos(window.get("max_budget"))
            if budget is None or not isinstance(duration, str):
                continue
            span = self._rules.spans(duration)
            renew = None if span is None else _renewal(span)
            name = row_name(holder.kind, holder.id, "window", duration)
            limit = Limit(self._table, name, budget=budget, whole=self._rules.whole, renew=renew)
            ends = None if span is None else span(since_1970)[1]
            yield Held(limit, holder.kind, holder.id, "window", duration, period_end=ends, span=span)

    def _model(
        self, holder: Holder, model: str, names: Sequence[str], since_1970: float, key: Limits, usual: Usual
    ) -> Iterator[Held]:
        """Yield what holds for the model. What `key` says of it goes before what its team says.

        usual: what holds where nothing else does
        """
        limits = holder.limits
        of_key, entry = entry_of(key.model_max_budget, names), entry_of(limits.model_max_budget, names)
        rates = (_first(key.model_rpm_limit, names), _first(key.model_tpm_limit, names))
        own = all(rate is None for rate in (*rates, of_key.get("rpm_limit"), of_key.get("tpm_limit")))
        requests = _first(limits.model_rpm_limit, names, entry.get("rpm_limit")) if own else None
        requests = usual.requests if requests is None else requests
        requests = eased(requests, limits.rpm_limit_type, model, self._troubled)
        tokens = _first(limits.model_tpm_limit, names, entry.get("tpm_limit")) if own else None
        tokens = usual.tokens if tokens is None else tokens
        tokens = eased(tokens, limits.tpm_limit_type, model, self._troubled)
        prompt, answer = (_first(rates, names) for rates in (limits.model_itpm_limit, limits.model_otpm_limit))
        if any(figure is not None for figure in (requests, tokens, prompt, answer)):
            counted = {"input_tokens": prompt, "output_tokens": answer}
            if tokens is not None:
                kind = COUNTED[self._rules.counted]
                beside = counted.get(kind)
                counted[kind] = tokens if beside is None else min(tokens, beside)
            name = row_name(holder.kind, holder.id, "model", model)
            limit = Limit(self._table, name, requests=requests, budget=None, whole=False, renew=None, **counted)
            yield Held(limit, holder.kind, holder.id, "model", model)
        if not of_key:
            yield from self._model_budget(holder, model, names, since_1970)

    def _model_budget(self, holder: Holder, model: str, names: Sequence[str], since_1970: float) -> Iterator[Held]:
        entries = holder.limits.model_max_budget
        budget = budget_of(entries, governing(entries, names), self._rules)
        if budget is None:
            return
        limit = Limit(
            self._table, row_name(holder.kind, holder.id, "money", budget.name),
            budget=budget.amount, whole=self._rules.whole, renew=_renewal(budget.span),
        )  # fmt: skip
        yield Held(
            limit, holder.kind, holder.id, "model", model,
            period_end=budget.span(since_1970)[1], span=budget.span,
            governs=Governed(budget.name, entries, self._group_of),
        )  # fmt: skip


def _first(limits: Mapping[str, int], names: Sequence[str], otherwise: int | None = None) -> int | None:
    return next((limits[name] for name in names[:2] if name in limits), otherwise)


def _renewal(span: Span) -> Renew:
    return lambda _, since_1970: span(since_1970)
