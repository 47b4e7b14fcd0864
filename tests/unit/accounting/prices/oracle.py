"""Costs by rational arithmetic, written out by hand from the vendors' prices: what the meter is held against."""

from fractions import Fraction
from pathlib import Path

NANO = 10**9


def nano(dollars: Fraction) -> int:
    """Round to whole nano-dollars, halves up."""
    return (2 * dollars * NANO + 1).__floor__() // 2


def sums(text: str) -> Fraction:
    """Work out a sum of products, as `200 * 0.0000025 + 50 * 1e-05`, exactly; a term may have several factors."""
    total = Fraction(0)
    for term in text.split(" + "):
        product = Fraction(1)
        for factor in term.split(" * "):
            product *= Fraction(factor)
        total += product
    return total


def rows(file: str) -> list[tuple[str, str, str, Fraction]]:
    """Read a table: model, provider, what was used, dollars.

    answers.txt: what stands behind `"usage":` in an answer, the rest of the answer included. units.txt: measures.
    """
    found = []
    for line in Path(__file__).with_name(file).read_text().splitlines():
        left, _, right = line.rpartition(" = ")
        model, provider, used = left.split(" ", 2)
        found.append((model, provider, used, sums(right)))
    return found
