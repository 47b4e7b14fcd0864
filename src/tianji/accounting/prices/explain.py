"""How a cost comes about, for the ledger and for people."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct

from tianji._core.journal.meter import MOST, Measures, Rates
from tianji._core.streams.usage import Usage
from tianji.accounting.prices.exact import ATTO

NANO: Final = 10**9
Factor = tuple[int, int, int]
"""Numerator, denominator, nano-dollars on top."""


class Line(Struct, frozen=True):
    """So many of a kind, atto-dollars for one."""

    kind: str
    quantity: int
    price: int

    @property
    def amount(self) -> int:
        """Atto-dollars."""
        return self.quantity * self.price

    def __str__(self) -> str:
        """Return it as a term of the formula, in dollars."""
        return f"{self.kind} {self.quantity} * {_dollars(self.price, ATTO)}"


class Explanation(Struct, frozen=True):
    """The lines of a cost, what they are multiplied with and what comes on top; all costs in nano-dollars."""

    lines: tuple[Line, ...]
    factor: Fraction
    list_factor: Fraction
    fixed: int
    total: int
    list_total: int

    @property
    def difference(self) -> int:
        """What discount and margin changed; negative: it became cheaper."""
        return self.total - self.list_total

    @property
    def formula(self) -> str:
        """Return the whole as one line, in dollars."""
        text = " + ".join(map(str, self.lines)) or "nothing"
        if self.factor != 1:
            text = f"({text}) * {self.factor}"
        if self.fixed:
            text += f" + {_dollars(self.fixed, NANO)}"
        return f"{text} = {_dollars(self.total, NANO)}"

    def part(self, *kinds: str) -> int:
        """Return what these kinds come to in nano-dollars, at list prices."""
        return _nano(sum(line.amount for line in self.lines if line.kind in kinds), self.list_factor, 0)


def explain_cost(
    rates: Rates, usage: Usage | None, when: int, measures: Measures | None = None, tier: int = 0
) -> Explanation:
    """Return how `_core.journal.meter.cost` comes to its figure for the same arguments."""
    return explanation(rates.itemized(usage, when, measures, tier), rates.factor)


def explanation(items: Sequence[tuple[str, int, int]], factors: tuple[Factor, Factor]) -> Explanation:
    """Return what these, kept from `Rates.itemized` and `Rates.factor`, come to."""
    lines = tuple(Line(*item) for item in items if item[2])
    (numerator, denominator, fixed), (list_numerator, list_denominator, _) = factors
    factor, list_factor = Fraction(numerator, denominator), Fraction(list_numerator, list_denominator)
    amount = sum(line.amount for line in lines)
    total, list_total = _nano(amount, factor, fixed), _nano(amount, list_factor, 0)
    return Explanation(lines, factor, list_factor, fixed, total, list_total)


def _nano(amount: int, factor: Fraction, fixed: int) -> int:
    exact = min(amount, MOST * NANO) * factor / NANO + fixed
    return min(MOST, (2 * exact.numerator + exact.denominator) // (2 * exact.denominator))


def _dollars(amount: int, unit: int) -> str:
    return f"{(Decimal(amount) / unit).normalize():f}"
