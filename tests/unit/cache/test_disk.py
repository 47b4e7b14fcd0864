"""Answers in a folder: they outlast the process, within their time and the room there is."""

from pathlib import Path

import pytest

from tianji.cache.backends import disk
from tianji.cache.backends.disk import DiskPlace


async def test_it_outlasts_its_owner(tmp_path: Path) -> None:
    place = DiskPlace(tmp_path / "new", 1 << 20)
    await place.ping()
    await place.write({"a": (b"A", 0.0), "b": (b"B", 60.0), "gone": (b"X", 1e-9)})
    assert list(await place.read(["b", "c", "a", "gone"])) == [b"B", None, b"A", None]
    other = DiskPlace(tmp_path / "new", 1 << 20)  # of another worker
    await other.write({"a": (b"A2", 0.0)})
    assert list(await place.read(["a"])) == [b"A2"]
    await place.delete(["a"])
    assert list(await other.read(["a", "b"])) == [None, b"B"]
    await other.clear()
    assert list(await place.read(["b"])) == [None]
    await place.aclose()
    await other.aclose()


async def test_the_oldest_go_when_there_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_BETWEEN", 2)
    monkeypatch.setattr(disk.time, "time", iter(range(1000, 100_000)).__next__)
    place = DiskPlace(tmp_path, 1000)
    for number in range(20):
        await place.write({f"k{number}": (b"x" * 100, 0.0)})
    found = await place.read([f"k{number}" for number in range(20)])
    assert found[-1] is not None
    assert 9 <= sum(value is not None for value in found) <= 11
    assert found[0] is None
    await place.aclose()


async def test_nothing_is_made_before_something_is_kept(tmp_path: Path) -> None:
    place = DiskPlace(tmp_path / "never", 1000)
    await place.aclose()
    assert not (tmp_path / "never").exists()


async def test_a_folder_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = DiskPlace(tmp_path / "file", 1000)
    with pytest.raises(place.failures):
        await place.read(["a"])
    await place.aclose()
