"""Providers that are a file beside the configuration: which file, and what becomes of what it gives."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tianji.errors import ConfigurationError
from tianji.providers import build
from tianji.providers.custom import Custom, customs_of, handler_of
from tianji.providers.custom_calling import plain


def test_names_come_from_the_map(tmp_path: Path) -> None:
    rows = ({"provider": "mine", "custom_handler": "a.b"}, {"provider": 7, "custom_handler": "a.b"}, "x")
    assert customs_of(rows, tmp_path) == {"mine": Custom(str(tmp_path), "a.b")}


@pytest.mark.parametrize("handler", ["os.path", "json.loads", "gone.x", "x", "...etc.x", "inner.mod.gone"])
def test_code_from_elsewhere_is_not_run(tmp_path: Path, handler: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "mod.py").write_text("x = 1")
    with pytest.raises(ConfigurationError, match="custom_handler"):
        handler_of(Custom(str(tmp_path), handler))


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside.py", tmp_path / "config"
    folder.mkdir()
    outside.write_text("x = 1")
    (folder / "linked.py").symlink_to(outside)
    with pytest.raises(ConfigurationError, match=r"put linked\.py beside"):
        handler_of(Custom(str(folder), "linked.x"))


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "inner" / "mod.py"
    file.parent.mkdir()
    file.write_text("x = 1")
    custom = Custom(str(tmp_path), "inner.mod.x")
    assert handler_of(custom) == 1
    file.write_text("x = 22")
    assert handler_of(custom) == 22
    assert str(tmp_path) not in sys.path


def test_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nobody_has_this")
    with pytest.raises(ConfigurationError, match="No module named 'nobody_has_this'"):
        handler_of(Custom(str(tmp_path), "bad.x"))


def test_known_providers_stay_what_they_are(tmp_path: Path) -> None:
    customs = {"openai": Custom(str(tmp_path), "gone.x")}
    found = build({"model": "openai/m", "api_key": "k"}, {}, drop_params=False, customs=customs)
    assert found.base_url == "https://api.openai.com/v1"


def test_what_is_offered(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class X:\n    def embedding(self, **kw): ...\nx = X()\n")
    customs = {"mine": Custom(str(tmp_path), "mine.x")}
    found = build({"model": "mine/a/b", "api_key": "k-123456"}, {}, drop_params=False, customs=customs)
    assert set(found.paths) == {"embeddings"}
    assert (found.provider, found.model, found.secrets) == ("mine", "a/b", ("k-123456",))
    found = build({"model": "m", "custom_llm_provider": "mine"}, {}, drop_params=False, customs=customs)
    assert found.model == "m"


class Dumped:
    def model_dump(self, **_: Any) -> Any:
        return {"a": (1, SimpleNamespace(b=2, c=None))}


def test_what_it_gives_becomes_plain() -> None:
    assert plain(Dumped()) == {"a": [1, {"b": 2}]}
