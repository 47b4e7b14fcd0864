"""Vectors of texts: of a model that is served, else of a static one on this machine."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.static_model import save_static_model

from tianji._core.caching.memory import Answer
from tianji.cache.semantic.likeness import Likeness
from tianji.cache.semantic.meaning import Meaning
from tianji.errors import ConfigurationError
from tianji.gateway.vectors import VectorsOf


async def asked(group: str, texts: list[str]) -> Sequence[Sequence[float]]:
    return [[float(len(group)), float(len(text))] for text in texts]


@pytest.fixture
def vectors(tmp_path: Path) -> VectorsOf:
    save_static_model(tmp_path)
    snapshot: Any = SimpleNamespace(serves=lambda name: name == "served")
    return VectorsOf(asked, lambda: snapshot, tmp_path, {})


async def test_a_model_that_is_served_is_asked_and_another_is_on_this_machine(vectors: VectorsOf) -> None:
    assert await vectors("served", ["ab"]) == [[6.0, 2.0]]
    (code,), (law,) = await vectors("small-model", ["python bug"]), await vectors("small-model", ["lease"])
    assert code == pytest.approx([1, 0, 0])
    assert law == pytest.approx([0, 0, 1])
    with pytest.raises(ConfigurationError, match="no model 'nowhere'"):
        await vectors("nowhere", ["a"])


async def test_all_of_a_long_text_counts(vectors: VectorsOf) -> None:
    (found,) = await vectors("small-model", ["python " * 400 + "soup " * 560])  # of the same length
    assert found[0] == pytest.approx(found[1], abs=0.1)


class Place:
    """Keeps one answer by one vector."""

    failures: tuple[type[Exception], ...] = ()
    kept: tuple[list[float], bytes] | None = None

    async def nearest(self, _key: str, vector: Sequence[float]) -> tuple[bytes, float] | None:
        return self.kept and (self.kept[1], sum(a * b for a, b in zip(self.kept[0], vector, strict=True)))

    async def put(self, _key: str, _name: str, vector: Sequence[float], value: bytes, _seconds: float) -> None:
        self.kept = [*vector], value

    async def delete(self, keys: Sequence[str]) -> None: ...
    async def clear(self) -> None: ...
    async def ping(self) -> None: ...
    async def aclose(self) -> None: ...


async def test_a_cache_compares_by_it_without_asking_anybody(vectors: VectorsOf) -> None:
    async def embed(texts: list[str]) -> Sequence[Sequence[float]]:
        return await vectors("small-model", texts)

    cache = Likeness(Place(), embed, threshold=0.9, thinking=5, patience=5)

    def lookup(text: str) -> Any:
        return SimpleNamespace(key="k", meaning=Meaning(text), similarity=None)

    answer = Answer(b"{}", b'"m"', streamed=False, shows_usage=False, stored_at=1.0, expires=0, usage=None)
    cache.keep_like(lookup("refactor a python class"), answer)
    await cache.close()  # what waits is written
    ((_, found),) = await cache.find_like(lookup("compile a function"))
    assert found is not None
    ((_, other),) = await cache.find_like(lookup("bake an onion"))
    assert other is None
