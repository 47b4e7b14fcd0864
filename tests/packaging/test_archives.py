"""What the sdist and the wheels hold, file by file."""

import re
import shutil
import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from .conftest import ROOT, build_wheel

pytestmark = pytest.mark.timeout(300)  # seconds; the first test waits for two builds
SHIPPED = ("*.py", "*.pyi", "*.yaml", "*.html", "*.merges", "catalogue.json", "NOTICE", "py.typed")


def files(folder: Path, *patterns: str) -> set[str]:
    """Paths of the files below `folder`, relative to its parent."""
    return {str(path.relative_to(folder.parent)) for pattern in patterns for path in folder.rglob(pattern)}


def test_the_sdist_holds_all_sources_and_nothing_that_was_built(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    expected = files(ROOT / "ext", "*.pyx", "*.pxd", "*.h")
    expected |= {f"src/{name}" for name in files(ROOT / "src" / "tianji", *SHIPPED)}
    expected |= files(ROOT / "tests", "*.py", "*.yaml", "*.txt") | files(ROOT / "examples", "*.yaml")
    expected |= files(ROOT / "bench", "*.py", "*.yaml", "*.c")
    expected |= {"Makefile", "constraints.txt", "setup.py", "pyproject.toml", "README.md", "LICENSE", "Dockerfile"}
    assert expected - names == set()
    built = {name for name in names if name.endswith((".c", ".so", ".pyc", ".o"))}
    assert built == files(ROOT / "bench", "*.c")  # which are written by hand


@pytest.mark.parametrize("origin", ["tree", "sdist"])
def test_a_wheel_holds_the_package_its_data_and_nothing_else(wheels: dict[str, Path], origin: str) -> None:
    with zipfile.ZipFile(wheels[origin]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = (name.removesuffix(".pyx") + EXTENSION_SUFFIXES[0] for name in files(ROOT / "ext" / "tianji", "*.pyx"))
    expected = files(ROOT / "src" / "tianji", *SHIPPED) | set(modules) | {"tianji/examples/quickstart.yaml"}
    assert names == expected


def test_a_wheel_names_its_platform(wheels: dict[str, Path]) -> None:
    assert not wheels["tree"].stem.endswith("none-any")
    assert wheels["tree"].name == wheels["sdist"].name


def test_what_the_image_copies_is_enough_to_build(tree: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for line in re.findall(r"^COPY (?!--)(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        *names, target = line.split()
        for name in names:
            origin = tree / name
            goal = source / (target if origin.is_dir() else f"{target}/{origin.name}")
            goal.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if origin.is_dir() else shutil.copy)(origin, goal)
    compiled = {path.relative_to(ROOT) for path in ROOT.glob("ext/**/*.pyx")}
    assert {path.relative_to(source) for path in source.glob("ext/**/*.pyx")} == compiled != set()
    with zipfile.ZipFile(build_wheel("none", source, tmp_path)) as archive:
        assert "tianji/examples/quickstart.yaml" in archive.namelist()
