"""What single users spend: more than they are expected to, or much more than they usually do."""

from collections.abc import Iterator, Mapping, Sequence

from tianji.alerts.alert import Alert
from tianji.config.schema.alerting import AlertingArgs
from tianji.money import to_dollars

MOST = 20  # users of one message

Days = Mapping[str, int]
"""Nano-dollars by day."""


def thresholds(users: Mapping[str, Days], today: str, args: AlertingArgs) -> Iterator[Alert]:
    """Yield who spent more than is expected today or in this month, all of them in one message."""
    lines = []
    for user, days in sorted(users.items()):
        now = to_dollars(days.get(today, 0))
        month = to_dollars(sum(spend for day, spend in days.items() if day[:7] == today[:7]))
        if args.daily_spend_per_user_threshold is not None and now > args.daily_spend_per_user_threshold:
            lines.append(f"{user}: ${now:,.2f} today, more than ${args.daily_spend_per_user_threshold:,.2f}")
        if args.monthly_spend_per_user_threshold is not None and month > args.monthly_spend_per_user_threshold:
            lines.append(f"{user}: ${month:,.2f} this month, more than ${args.monthly_spend_per_user_threshold:,.2f}")
    yield from _one("user_spend_thresholds", "Users above their threshold", lines, today)


def anomalies(users: Mapping[str, Days], today: str, before: Sequence[str], args: AlertingArgs) -> Iterator[Alert]:
    """Yield who spends today much more than on the days `before`."""
    lines = []
    for user, days in sorted(users.items()):
        now = to_dollars(days.get(today, 0))
        usual = to_dollars(sum(days.get(day, 0) for day in before)) / max(1, len(before))
        if usual and now > args.spend_anomaly_min_spend and now > args.spend_anomaly_multiplier * usual:
            lines.append(f"{user}: ${now:,.2f} today, ${usual:,.2f} on a usual day")
    yield from _one("user_spend_anomalies", "Users who spend much more than usual", lines, today)


def _one(kind: str, title: str, lines: list[str], today: str) -> Iterator[Alert]:
    if lines:
        more = [f"… and {len(lines) - MOST} more"] if len(lines) > MOST else []
        text = "\n".join([f"{title}:", *(f"• {line}" for line in lines[:MOST]), *more])
        names = ",".join(line.partition(":")[0] for line in lines)
        yield Alert(kind=kind, text=text, key=f"{kind}:{today}:{names}")
