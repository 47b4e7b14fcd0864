"""Models that their makers give up, by the dates of the price catalogue."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from tianji.alerts.alert import Alert

SOON: Final = timedelta(days=30)


def deprecations(models: Iterable[tuple[str, str]], today: date) -> Iterator[Alert]:
    """Yield which of the models end soon, or have ended. `models`: what they are called, and YYYY-MM-DD."""
    dated = [(name, date.fromisoformat(day)) for name, day in models if _is_date(day)]
    for title, level, found in (
        ("Models that their makers have given up", "High", [(n, d) for n, d in dated if d <= today]),
        ("Models that their makers give up soon", "Medium", [(n, d) for n, d in dated if today < d <= today + SOON]),
    ):
        if found:
            lines = [f"• {name}: {day.isoformat()}" for name, day in sorted(found)]
            yield Alert(
                kind="model_deprecation_warnings",
                level="High" if level == "High" else "Medium",
                text="\n".join([f"{title}:", *lines]),
                key=f"model_deprecation_warnings:{level}:{today}",
            )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
