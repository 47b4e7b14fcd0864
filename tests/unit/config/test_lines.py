"""Settings that are a list, or a file with one item a line."""

from pathlib import Path

import pytest

from tianji.config.lines import items


def test_a_list_and_a_file_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "items.txt"
    file.write_text("ann\n\n bob \n")
    assert items(str(file)) == items(["ann", " bob", ""]) == ("ann", "bob")
    assert items([7]) == ("7",)
    assert items(None) == items({"a": 1}) == ()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        items(str(tmp_path / "nothing"))
