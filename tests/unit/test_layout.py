"""Rules of the source tree that no linter knows: public names, promises, what the compiled modules import."""

import importlib
import re
from pathlib import Path

import pytest

import tianji

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tianji"
CORE = ROOT / "ext" / "tianji" / "_core"
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
FOLDERS = sorted(path for path in PACKAGES if path.parent == PACKAGE)
OURS = re.compile(r"^(?:from|import) (tianji[\w.]*)", re.MULTILINE)
LINKED = re.compile(r"^(?:from (tianji[\w.]*) cimport|cimport (tianji[\w.]*))", re.MULTILINE)


def dotted(folder: Path) -> str:
    return ".".join(folder.relative_to(PACKAGE.parent).parts)


def compiled(folder: Path, kind: str) -> set[str]:
    """Return the modules below a folder that have a file of a kind: `edges/asgi`."""
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*.{kind}")}


def named(paths: list[Path]) -> list[str]:
    return [dotted(path) for path in paths]


@pytest.mark.parametrize("folder", PACKAGES, ids=named(PACKAGES))
def test_a_package_promises_something_and_keeps_its_public_names(folder: Path) -> None:
    module = importlib.import_module(dotted(folder))
    first = (module.__doc__ or "").partition("\n")[0]
    assert first.endswith((".", ":")), "the first line of a package is one sentence: what it promises"
    names = getattr(module, "__all__", [])
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("folder", FOLDERS, ids=named(FOLDERS))
def test_a_folder_has_its_row_in_the_architecture(folder: Path) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert f"`{folder.name}/`" in text or f"`ext/tianji/{folder.name}/`" in text


def test_every_compiled_module_has_its_stub() -> None:
    names = compiled(CORE, "pyx")
    assert names == compiled(PACKAGE / "_core", "pyi")
    declared = {
        name: re.findall("^cdef (\\w+)", (CORE / name).with_suffix(".pxd").read_text(), re.MULTILINE)
        for name in compiled(CORE, "pxd")
    }
    whole = {"enum", "extern", "inline"}  # declarations of these need no module
    headers = {name for name, kinds in declared.items() if set(kinds) <= whole}
    assert names >= declared.keys() - headers, "declarations of nothing"


@pytest.mark.parametrize("source", sorted(CORE.rglob("*.p[yx][xd]")), ids=lambda path: path.name)
def test_compiled_modules_import_only_errors_and_wire_forms(source: Path) -> None:
    """import-linter reads no Cython, so the rule for `_core` is kept here."""
    text = source.read_text()
    imported = {name for name in OURS.findall(text) if not name.startswith("tianji._core.")}
    assert imported <= {"tianji.errors", "tianji.protocol.headers"}
    linked = {first or second for first, second in LINKED.findall(text)}
    assert linked <= {f"tianji._core.{name.replace('/', '.')}" for name in compiled(CORE, "pxd")}, "cimport absolutely"


def test_the_changelog_begins_with_this_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == tianji.__version__
