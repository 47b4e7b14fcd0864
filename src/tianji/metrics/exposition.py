"""Writes what cells hold, family by family, with a bound on how many series one has."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Final

from tianji._core.routing.stats import escape_label
from tianji.ledger.entry import SUCCESS
from tianji.metrics.cells import Cell, Cells
from tianji.metrics.facts import NONE, OTHER, Facts, Names, values
from tianji.metrics.families import COUNTED, FALLEN_BACK, LEFT, Family
from tianji.metrics.plan import Plan
from tianji.metrics.text import head, number

FEWER: Final = 10  # so many times fewer series has a histogram than a counter: each is some twenty lines
_SECOND: Final = 1_000_000

Values = Mapping[str, str]


def render(cells: Cells, plan: Plan, names: Names, groups: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of all families that are summed up out of entries."""
    known = [(values(facts, names, groups, plan.marks.labels), facts, cell) for facts, cell in cells.items()]
    for family in COUNTED:
        told = plan.families.get(family.name)
        if told is None:
            continue
        of = cells.place(told.of)
        rows = [(row, cell[of]) for row, facts, cell in known if _counts(told, facts)]
        if told.kind == "histogram":
            yield from _histograms(told, _grouped(told, rows, plan.most // FEWER), cells.bounds(told.of))
        else:
            yield from counters(told, _grouped(told, rows, plan.most))
    for family, well in zip(FALLEN_BACK, (True, False), strict=True):
        if family.name in plan.families:
            told = plan.families[family.name]
            yield from counters(told, _grouped(told, _fallbacks(cells, plan, names, groups, well=well), plan.most))
    for which, family in enumerate(LEFT):
        if family.name in plan.families:
            told = plan.families[family.name]
            yield from gauges(told, _left(cells, plan, names, groups, which)[-plan.most :])


def _counts(family: Family, facts: Facts) -> bool:
    """Whether entries that are alike count for a family."""
    well = not family.status or (family.status == SUCCESS) is (facts.status == SUCCESS)
    return well and family.call_type in ("", facts.call_type)


def _left(cells: Cells, plan: Plan, names: Names, groups: Mapping[str, str], which: int) -> list[tuple[Values, float]]:
    told = ((facts, left[which]) for facts, left in cells.left.items())
    return [(values(facts, names, groups, plan.marks.labels), figure) for facts, figure in told if figure >= 0]


def _fallbacks(
    cells: Cells, plan: Plan, names: Names, groups: Mapping[str, str], *, well: bool
) -> list[tuple[Values, Cell]]:
    return [
        ({**values(facts, names, groups, plan.marks.labels), "fallback_model": group}, array("q", [count]))
        for (facts, group, succeeded), count in cells.fallbacks.items()
        if succeeded is well
    ]


def _grouped(family: Family, rows: Iterable[tuple[Values, Cell]], most: int) -> dict[tuple[str, ...], Cell]:
    """Return the sums by the values of a family's labels; beyond so many all others are one."""
    labels = family.labels
    missing = dict.fromkeys(labels, NONE)
    pick = itemgetter(*labels) if len(labels) > 1 else None
    sums: dict[tuple[str, ...], Cell] = {}
    for row, figures in rows:
        if not any(figures):
            continue
        whole = row if row.keys() >= missing.keys() else {**missing, **row}
        name = pick(whole) if pick is not None else tuple(whole[label] for label in labels)
        if name not in sums and len(sums) >= most:
            name = (OTHER,) * len(labels)
        held = sums.get(name)
        if held is None:
            sums[name] = array("q", figures)
        else:
            for place, figure in enumerate(figures):
                held[place] += figure
    return sums


def counters(family: Family, sums: Mapping[tuple[str, ...], Cell]) -> Iterator[str]:
    """Yield the lines of a family of plain numbers; nothing where there are none."""
    if sums:
        yield from head(family.name, family.kind, family.help)
    for name, (figure,) in sums.items():
        yield f"{family.name}{_braces(_pairs(family.labels, name))} {number(figure * family.scale)}"


def _histograms(family: Family, sums: Mapping[tuple[str, ...], Cell], bounds: tuple[int, ...]) -> Iterator[str]:
    if sums:
        yield from head(family.name, family.kind, family.help)
    ends = [f'le="{end / _SECOND}"' for end in bounds] + ['le="+Inf"']
    for name, figures in sums.items():
        pairs = _pairs(family.labels, name)
        inner, braces = f"{family.name}_bucket{{{pairs}{',' if pairs else ''}", _braces(pairs)
        seen = 0
        for end, figure in zip(ends, figures, strict=False):
            seen += figure
            yield f"{inner}{end}}} {seen}"
        yield f"{family.name}_sum{braces} {number(figures[-1] * family.scale)}"
        yield f"{family.name}_count{braces} {seen}"


def _pairs(labels: tuple[str, ...], name: tuple[str, ...]) -> str:
    return ",".join(f'{label}="{escape_label(value)}"' for label, value in zip(labels, name, strict=True))


def _braces(pairs: str) -> str:
    return f"{{{pairs}}}" if pairs else ""


def gauges(family: Family, rows: Iterable[tuple[Values, float]]) -> Iterator[str]:
    """Yield the lines of a family of numbers that are as they are now; of rows that are alike the last."""
    found = {tuple(row.get(label) or NONE for label in family.labels): value for row, value in rows}
    if found:
        yield from head(family.name, family.kind, family.help)
    for name, value in found.items():
        yield f"{family.name}{_braces(_pairs(family.labels, name))} {number(value)}"
