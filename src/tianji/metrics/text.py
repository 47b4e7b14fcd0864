"""Numbers for Prometheus, in its text format 0.0.4.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from tianji._core.routing.stats import escape_label
from tianji.errors import Header

CONTENT_TYPE: Final[Header] = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_HISTOGRAM_PARTS: Final = ("_bucket", "_sum", "_count")

Sample = tuple[str, float]  # a series, as `series` writes it, and its value


class Metric(msgspec.Struct, frozen=True):
    """What a family of series means."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str


def series(name: str, labels: Mapping[str, str] | None = None) -> str:
    """Write a series name, labels escaped: `requests_total{model="a"}`."""
    if not labels:
        return name
    pairs = ",".join(f'{label}="{escape_label(value)}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def render(metrics: Iterable[Metric], samples: Iterable[Sample]) -> bytes:
    """Write all samples, each family together under its HELP and TYPE, in the order of `metrics`.

    Raises ValueError for a sample of no family.
    """
    families = {metric.name: metric for metric in metrics}
    lines: dict[str, list[str]] = {name: [] for name in families}
    for sample, value in samples:
        lines[_family(sample, families)].append(f"{sample} {number(value)}")
    out: list[str] = []
    for name, metric in families.items():
        if lines[name]:
            out.extend(head(name, metric.kind, metric.help))
            out.extend(lines[name])
    return ("\n".join(out) + "\n").encode() if out else b""


def head(name: str, kind: str, meaning: str) -> Iterable[str]:
    """Write the lines that a family begins with."""
    yield f"# HELP {name} {meaning.replace(chr(92), chr(92) * 2).replace(chr(10), chr(92) + 'n')}"
    yield f"# TYPE {name} {kind}"


def _family(sample: str, families: Mapping[str, Metric]) -> str:
    name = sample.partition("{")[0]
    if name in families:
        return name
    for part in _HISTOGRAM_PARTS:
        family = name.removesuffix(part)
        if family != name and family in families and families[family].kind == "histogram":
            return family
    raise ValueError(f"{name} belongs to no metric")


def number(value: float) -> str:
    """Write a value."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) else repr(float(value))
