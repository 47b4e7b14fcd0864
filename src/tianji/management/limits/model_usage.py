"""How budgets of single models and windows stand, as programs are told."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tianji.limiting.history import entries_of_keys, sums_since
from tianji.limiting.model_budgets import Governed, budgets_of, told
from tianji.limiting.rows import Kind
from tianji.limiting.rules import rules_of
from tianji.management.desk import Call, Row


async def usage(call: Call, kind: Kind, holder: str, row: Mapping[str, Any], budget: Row | None = None) -> Row:
    """Return what was spent of each budget in the period under way, by model, as far as it is in the ledger.

    budget: of the holder's, where it says what his row does not
    """
    entries = row["model_max_budget"] or (budget or {}).get("model_max_budget") or {}
    now, made = call.office.clock.now(), {}
    for one in budgets_of(entries, rules_of(call.config)) if entries else ():
        sums = await sums_since(call.connection, kind, holder, one.span(now)[0])
        of_keys = await entries_of_keys(call.connection, {key for key, _, _ in sums}) if kind == "team" else {}
        governed = Governed(one.name, entries, call.office.fleet.snapshot().group_of)
        made[one.name] = told(one, governed.spent(sums, of_keys), now)
    return made


def windows(call: Call, stored: list[Row] | None) -> list[Row] | None:
    """Return windows with the ends of their periods under way; what is stored of each is that of its first."""
    if not stored:
        return stored
    rules, now = rules_of(call.config), call.office.clock.now()
    shown = []
    for one in stored:
        span = rules.spans(one.get("budget_duration"))
        ends = {} if span is None else {"reset_at": datetime.fromtimestamp(span(now)[1], UTC).isoformat()}
        shown.append({**one, **ends})
    return shown
