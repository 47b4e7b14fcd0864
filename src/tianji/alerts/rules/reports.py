"""Reports: of the day by deployment, of spend by team, tag and key, of fallbacks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from socket import gethostname
from typing import Final

from msgspec import Struct, field

from tianji.alerts.alert import Alert
from tianji.alerts.rules.requests import is_fault, who
from tianji.ledger.entry import SUCCESS, Entry
from tianji.money import to_dollars

TOP: Final = 5
_SUMS: Final = ("requests", "failures", "spend")
MOST: Final = 2000  # deployments that are told apart
_SECOND: Final = 1_000_000


class Line(Struct):
    """What a deployment did. Times are microseconds, amounts nano-dollars."""

    name: str
    requests: int = 0
    failures: int = 0
    tokens: int = 0
    took: int = 0  # with those tokens
    spend: int = 0


class Day(Struct):
    """What all deployments did since the last report, and which fallbacks were used."""

    lines: dict[str, Line] = field(default_factory=dict)
    fallbacks: dict[str, list[int]] = field(default_factory=dict)  # those that answered, and those that did not

    def hear(self, entry: Entry) -> None:
        """Take in an entry."""
        name = entry.deployment_id
        line = self.lines.get(name)
        if line is None:
            if len(self.lines) >= MOST:
                return
            line = self.lines[name] = Line(who(entry) if name else "no deployment")
        line.requests += 1
        line.failures += is_fault(entry)
        line.spend += entry.cost
        if entry.status == SUCCESS and entry.completion_tokens:
            line.tokens += entry.completion_tokens
            line.took += max(0, entry.ended_at - entry.started_at)

    def fell_back(self, asked: str, group: str, well: bool) -> None:
        """Note that a group stood in for another one."""
        counts = self.fallbacks.setdefault(f"{asked} → {group}", [0, 0])
        counts[not well] += 1


def daily(day: Day, since: str) -> Iterator[Alert]:
    """Yield the report of a day, if there is anything to tell."""
    lines = list(day.lines.values())
    if not lines:
        return
    failed = sorted((line for line in lines if line.failures), key=lambda line: -line.failures)
    timed = sorted((line for line in lines if line.tokens), key=lambda line: -line.took / line.tokens)
    requests, failures, spend = (sum(getattr(line, name) for line in lines) for name in _SUMS)
    text = [
        f"{gethostname()} since {since}: {requests} attempts, {failures} failures, {_money(spend)}",
        *_list("Most failures", [f"{line.name}: {line.failures} of {line.requests}" for line in failed[:TOP]]),
        *_list(
            "Slowest",
            [f"{line.name}: {line.took / line.tokens / _SECOND:.4f} s a token" for line in timed[:TOP]],
        ),
        *_list(
            "Most spend",
            [
                f"{line.name}: {_money(line.spend)}"
                for line in sorted(lines, key=lambda line: -line.spend)[:TOP]
                if line.spend
            ],
        ),
    ]
    yield Alert(kind="daily_reports", text="\n".join(text))


def fallbacks(counts: Mapping[str, Sequence[int]]) -> Iterator[Alert]:
    """Yield which fallbacks were used, if any was."""
    rows = sorted(counts.items(), key=lambda row: -sum(row[1]))
    lines = [f"{name}: {well} answered, {ill} failed" for name, (well, ill) in rows[:TOP]]
    if lines:
        yield Alert(kind="fallback_reports", text="\n".join(_list(f"Fallbacks of {gethostname()}", lines)))


class Spend(Struct, frozen=True):
    """What was spent in a period. Rows are names and nano-dollars, the most first."""

    total: int
    requests: int
    failures: int
    milliseconds: int
    teams: Sequence[tuple[str, int]]
    tags: Sequence[tuple[str, int]]
    keys: Sequence[tuple[str, int]]
    models: Sequence[tuple[str, int]]


def spent(spend: Spend, what: str, since: str, until: str) -> Iterator[Alert]:
    """Yield the report of what was spent from one day up to, and without, another one; nothing if nothing was asked."""
    if not spend.requests:
        return
    times = f"{spend.milliseconds / spend.requests:.0f} ms on average"
    text = [
        f"Spend from {since} to {until}: {_money(spend.total)}",
        f"{spend.requests} requests, {spend.failures} failures, {times}",
        *_list("Teams", _rows(spend.teams)),
        *_list("Tags", _rows(spend.tags)),
        *_list("Keys", _rows(spend.keys)),
        *_list("Models", _rows(spend.models)),
    ]
    key = f"{what}_spend_report_sent_{since}_{until}"
    yield Alert(kind="spend_reports", text="\n".join(text), key=key, ttl=30 * 86_400)


def _rows(rows: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{name or 'none'}: {_money(spend)}" for name, spend in rows]


def _list(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"• {line}" for line in lines)] if lines else []


def _money(nanos: int) -> str:
    return f"${to_dollars(nanos):,.4f}"
