"""What was taken over and what was not. Nothing is left out without a word."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from tianji.money import NANOS

TOLD: Final = 5  # examples of each reason


class Part(Struct):
    """How it went with one of their tables."""

    read: int = 0
    taken: int = 0
    known: int = 0  # were here before, and were left as they are
    left_out: Counter[str] = field(default_factory=Counter)  # reason: how many rows
    changed: Counter[str] = field(default_factory=Counter)  # what became another value in how many rows
    unused: Counter[str] = field(
        default_factory=Counter
    )  # column that has no place here: rows that have something in it
    examples: dict[str, list[str]] = field(default_factory=dict)

    def leave_out(self, reason: str, name: object) -> None:
        """Note that a row was left out."""
        self.left_out[reason] += 1
        self._example(reason, name)

    def change(self, what: str, name: object) -> None:
        """Note that a row was taken with another value."""
        self.changed[what] += 1
        self._example(what, name)

    def miss(self, row: Mapping[str, Any], used: frozenset[str]) -> None:
        """Note the columns of a row that hold something and are not used."""
        self.unused.update(name for name, value in row.items() if name not in used and not _nothing(value))

    def _example(self, reason: str, name: object) -> None:
        examples = self.examples.setdefault(reason, [])
        if len(examples) < TOLD:
            examples.append(str(name)[:80])

    def lines(self) -> Iterator[str]:
        """Say it, without the table's name."""
        yield f"{self.read} read, {self.taken} taken, {self.known} here before, {self.left_out.total()} left out"
        for label, counts in (("left out", self.left_out), ("taken with another value", self.changed)):
            for reason, count in counts.items():
                yield f"{label}: {count} x {reason} ({', '.join(self.examples.get(reason, ()))})"
        for column, count in self.unused.items():
            yield f"column {column} of {count} rows has no place here"


class Report(Struct):
    """How it went with all of them."""

    parts: dict[str, Part] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)  # tables that were looked for and are not there
    others: dict[str, int] = field(default_factory=dict)  # tables that hold rows and are not read
    # nano-dollars of the requests that were read, of the days before them, and of the days that both tell of
    of_rows: int = 0
    of_days: int = 0
    of_sums: int = 0

    def part(self, table: str) -> Part:
        """Return the part of a table."""
        return self.parts.setdefault(table, Part())

    def lines(self) -> Iterator[str]:
        """Say it, one line each."""
        for table, part in self.parts.items():
            for number, line in enumerate(part.lines()):
                yield f"{table}: {line}" if number == 0 else f"  {line}"
        for table in self.absent:
            yield f"{table}: not there"
        for table, count in self.others.items():
            yield f"{table}: {count} rows, not taken over"
        for label, amount in (("requests", self.of_rows), ("days before them", self.of_days)):
            yield f"spend of {label}: {amount // NANOS}.{amount % NANOS:09d} US dollars"


def _nothing(value: object) -> bool:
    return value is None or value in ("", "[]", "{}", "null", 0, [], {})
