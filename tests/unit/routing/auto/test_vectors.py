"""Vectors by the name of a model: the gateway's own, else a static one, else none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tianji.errors import ConfigurationError
from tianji.gateway.vectors import VectorsOf


async def ask(model: str, texts: list[str]) -> list[list[float]]:
    return [[float(len(text))] for text in texts]


def vectors(folder: Path) -> VectorsOf:
    snapshot: Any = SimpleNamespace(serves=lambda name: name == "served")
    return VectorsOf(ask, lambda: snapshot, folder, {"HOME": str(folder)})


async def test_a_model_that_is_served_is_asked(tmp_path: Path) -> None:
    assert await vectors(tmp_path)("served", ["a", "bb"]) == [[1.0], [2.0]]


async def test_a_static_model_sees_all_of_a_text(static_model: Path) -> None:
    of = vectors(static_model.parent)
    short, long = await of(static_model.name, ["bake", "bake " + "x " * 3000 + "court"])
    assert len(short) == len(long)
    assert sum(value > 0 for value in short) == 1
    assert sum(value > 0 for value in long) == 2  # what stands far behind counts


async def test_a_model_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        await vectors(tmp_path)("nowhere", ["a"])
