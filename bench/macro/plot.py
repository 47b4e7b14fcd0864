"""A plot without a plotting library: bars on a logarithmic scale, one panel a figure."""

import math
from collections.abc import Mapping
from html import escape

WIDTH, LABEL, BAR, GAP, TOP = 720, 130, 18, 6, 46
COLOURS = ("#4269d0", "#97bbf5", "#9c6b4e", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#a463f2")


def svg(panels: Mapping[str, Mapping[str, float | None]], title: str) -> str:
    """Draw a panel for each title, with a bar for each name. A value of None is drawn as a failure."""
    parts: list[str] = []
    y = TOP
    for name, bars in panels.items():
        parts.append(f'<text x="10" y="{y}" class="h">{escape(name)}</text>')
        y += 10
        values = [value for value in bars.values() if value is not None and value > 0]
        low = 10 ** math.floor(math.log10(min(values))) if values else 1.0
        high = max(values, default=1.0)
        for number, (label, value) in enumerate(bars.items()):
            parts.append(_bar(y, number, label, value, (low, high)))
            y += BAR + GAP
        y += 34
    height = y - 14
    style = "text{font:12px sans-serif;fill:#222}.h{font-weight:bold}.t{font-size:15px;font-weight:bold}.f{fill:#b00}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}"><style>{style}</style><rect width="100%" height="100%" fill="white"/>'
        f'<text x="10" y="20" class="t">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def _bar(y: int, number: int, label: str, value: float | None, scale: tuple[float, float]) -> str:
    middle = y + BAR - 5
    name = f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>'
    if value is None:
        return f'{name}<text x="{LABEL}" y="{middle}" class="f">failed</text>'
    low, high = scale
    room = WIDTH - LABEL - 90
    width = room if high <= low else room * math.log10(max(value, low) / low) / math.log10(high / low)
    width = max(2.0, width)  # also of what noise made less than nothing
    return (
        f'{name}<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{COLOURS[number % len(COLOURS)]}"/>'
        f'<text x="{LABEL + width + 6:.1f}" y="{middle}">{value:,.4g}</text>'
    )
