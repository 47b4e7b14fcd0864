"""The table of guardrail types in docs/guardrails.md, held against the types."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.unit.guardrails.vendors.driver import modules

from tianji.guardrails.vendor import Params

PAGE = Path(__file__).parents[4] / "docs" / "guardrails.md"
BEGIN, END = "<!-- vendors:begin -->", "<!-- vendors:end -->"


def rows() -> Iterator[str]:
    """Yield the lines of the table, as the types say."""
    yield "| `guardrail` | its keys, in italics what may be left out | |"
    yield "|---|---|---|"
    for module in modules():
        row = module.TYPE
        names = ", ".join(f"`{name}`" for name in row.names)
        keys = sorted(msgspec.structs.fields(row.params), key=lambda key: not key.required)
        listed = ", ".join(key.name if key.required else f"*{key.name}*" for key in keys)
        yield f"| {names} | {listed} | {traits(row)} |"
        for preset in getattr(module, "PRESETS", ()):
            yield f"| `{preset.name}` | as `{preset.base}` | {traits(row)} |"


def traits(row: Any) -> str:
    said = {
        "asks a model of `model_list`": row.params.asks is not Params.asks,
        "masks": row.masks,
        "last turn": row.last_turn,
        "fails open": row.fails_open,
        "only notes": row.monitors,
    }
    return ", ".join(name for name, holds in said.items() if holds)


def test_the_table_says_what_there_is() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]

    assert table.strip().splitlines() == list(rows())
