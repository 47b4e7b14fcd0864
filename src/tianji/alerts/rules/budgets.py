"""Budgets: crossed, nearly, softly, or to be crossed before they begin anew; each of it is told once a period."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from tianji.alerts.alert import Alert
from tianji.money import to_dollars

LEFT: Final = (0.05, 0.15)  # shares of a budget, which are told of when less is left
USUAL_PERCENT: Final = 80.0  # of a budget that is spent, from which its owner is written to
ENOUGH: Final = 0.2  # of a period that has to be over before what it will come to is foretold
GROUPS: Final = {"customer": "end_user"}  # kinds of holders that events call by another name
IDS: Final = {  # kinds of holders, and the members of an event that name them
    "key": "token",
    "user": "user_id",
    "team": "team_id",
    "organization": "organization_id",
    "customer": "customer_id",
}


class Holder(Struct, frozen=True, kw_only=True):
    """Whoever has a budget. Amounts are nano-dollars, times seconds since 1970.

    of: further members of an event; percents: addresses of mail by the percents of the budget that they hear at
    people: who hears otherwise; softly: who hears of the soft budget
    """

    kind: str
    id: str
    name: str
    spend: int
    most: int | None
    soft: int | None = None
    resets: float | None = None
    period: float | None = None  # seconds
    of: Mapping[str, object] = {}
    percents: Mapping[float, tuple[str, ...]] = {}
    people: tuple[str, ...] = ()
    softly: tuple[str, ...] = ()


def judge(holder: Holder, now: float, ttl: float, usual: float = USUAL_PERCENT) -> Iterator[Alert]:
    """Yield what there is to tell of a budget.

    ttl: seconds after which it is told again; usual: percent from which its owner is written to
    """
    if holder.soft is not None and holder.spend >= holder.soft:
        text = f"soft budget of {_money(holder.soft)} crossed"
        yield _alert(holder, "soft_budget_crossed", text, ttl, people=holder.softly or holder.people)
    if not holder.most:
        return
    share = holder.spend / holder.most
    if share >= 1:
        yield _alert(holder, "budget_crossed", f"budget of {_money(holder.most)} crossed", ttl, people=holder.people)
        return
    for left in LEFT:
        if 1 - share <= left:
            text = f"less than {left:.0%} of the budget of {_money(holder.most)} are left"
            yield _alert(holder, "threshold_crossed", text, ttl, part=f"{left:.0%}")
            break
    yield from _percents(holder, share, ttl, usual)
    yield from _projected(holder, now, ttl)


def _percents(holder: Holder, share: float, ttl: float, usual: float) -> Iterator[Alert]:
    """Yield that so many percent are spent, to those who want to hear of that."""
    wanted = holder.percents or ({usual: holder.people} if holder.people else {})
    reached = [percent for percent in wanted if share * 100 >= percent]
    if reached:
        percent = max(reached)
        text = f"{percent:g}% of the budget of {_money(holder.most)} are spent"
        yield _alert(holder, "max_budget_alert", text, ttl, part=f"{percent:g}", people=tuple(wanted[percent]))


def _projected(holder: Holder, now: float, ttl: float) -> Iterator[Alert]:
    """Yield that what is left will not do until the budget begins anew, at the rate of this period."""
    if holder.resets is None or not holder.period or not holder.most:
        return
    passed = 1 - (holder.resets - now) / holder.period
    if not ENOUGH <= passed < 1:
        return
    projected = round(holder.spend / passed)
    if projected > holder.most:
        began = holder.resets - holder.period
        ends = began + (now - began) * holder.most / holder.spend
        day = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d")
        text = f"at this rate the budget of {_money(holder.most)} is spent on {day}"
        yield _alert(
            holder,
            "projected_limit_exceeded",
            text,
            ttl,
            more={"projected_exceeded_date": day, "projected_spend": to_dollars(projected)},
        )


def _alert(
    holder: Holder,
    event: str,
    text: str,
    ttl: float,
    *,
    part: str = "",
    people: Sequence[str] = (),
    more: Mapping[str, object] | None = None,
) -> Alert:
    group = GROUPS.get(holder.kind, holder.kind)
    name = f"{group.replace('_', ' ')} {holder.name}"
    message = f"{name}: {text}; spent are {_money(holder.spend)}"
    members = {
        "spend": to_dollars(holder.spend),
        "max_budget": None if holder.most is None else to_dollars(holder.most),
        "soft_budget": None if holder.soft is None else to_dollars(holder.soft),
        **dict.fromkeys((*IDS.values(), "team_alias", "user_email", "key_alias"), None),
        "projected_exceeded_date": None,
        "projected_spend": None,
        **({IDS[holder.kind]: holder.id} if holder.kind in IDS else {}),
        **holder.of,
        **(more or {}),
        "event_group": group,
        "event": event,
        "event_message": message,
    }
    return Alert(
        kind="budget_alerts",
        text=message,
        key=f"budget_alerts:{event}{part}:{group}:{holder.id}:{holder.resets or 0:.0f}",
        ttl=ttl,
        event=members,
        people=tuple(people),
    )


def _money(nanos: int | None) -> str:
    return f"${to_dollars(nanos or 0):,.2f}"
