"""What is built once for all packaging tests: an sdist, a wheel of the tree, a wheel of the sdist, and their venvs."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_CACHES = (".git", ".venv", ".ready", ".hypothesis", ".benchmarks", ".*_cache", "__pycache__", "*.py[co]")
ANEW = 16  # one in so many modules of the sdist is compiled from it
_LEFT_OUT = shutil.ignore_patterns(*_CACHES, "*.egg-info", "bdist.*", "temp.*", "results")


@dataclass(frozen=True)
class Installed:
    """A virtual environment that holds nothing but Tianji, and sees the dependencies of this one."""

    folder: Path
    scratch: Path

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, far from the source tree."""
        program, *rest = arguments
        return subprocess.run(
            [str(self.folder / "bin" / program), *rest],
            cwd=self.scratch,
            env={**clean_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def clean_environment() -> dict[str, str]:
    """This environment without what would lead an interpreter back to the source tree."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TIANJI_"))}


def build(profile: str, *command: str, folder: Path) -> None:
    """Run a build step; its output is shown when it fails."""
    ran = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**clean_environment(), "TIANJI_BUILD": profile},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout


def build_wheel(profile: str, source: Path, folder: Path) -> Path:
    """Build the one wheel of `source`, a tree or an sdist, without network."""
    pip = ("-m", "pip", "--disable-pip-version-check", "wheel", "--no-build-isolation", "--no-deps", "--no-index")
    build(profile, *pip, "--wheel-dir", str(folder), str(source), folder=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, compiled modules included: nothing of them may slip into an archive."""
    copy = tmp_path_factory.mktemp("tree") / "tianji"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    # What `make build` compiled comes along and is not compiled again; nothing else that lies in build/ does.
    sources = {path.relative_to(copy / "ext").with_suffix("") for path in copy.glob("ext/**/*.pyx")}
    for library in list(copy.glob("build/release/lib.*")):
        for path in [path for path in library.rglob("*") if path.is_file()]:
            module = path.relative_to(library).with_name(path.name.partition(".")[0])
            if path.suffix != ".so" or module not in sources:
                path.unlink()
    return copy


@pytest.fixture(scope="session")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(folder)!r})"
    build("none", "-c", code, folder=tree)
    (archive,) = folder.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="session")
def wheels(tree: Path, sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Those of the tree and of the sdist, as they are released."""
    return {
        "tree": build_wheel("release", tree, tmp_path_factory.mktemp("wheel")),
        "sdist": build_wheel("release", unpacked(sdist, tree, tmp_path_factory), tmp_path_factory.mktemp("wheel")),
    }


def unpacked(sdist: Path, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sdist holds, with what the same sources were compiled to but for some, which it has to do by itself."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    assert sources(source) == sources(ROOT)
    shutil.copytree(tree / "build", source / "build")
    for pyx in sorted(source.glob("ext/**/*.pyx"))[::ANEW]:
        module = pyx.relative_to(source / "ext").with_suffix("").as_posix()
        for made in (*source.glob(f"build/**/{module}.c"), *source.glob(f"build/**/{module}.*.so")):
            made.unlink()
    return source


def sources(folder: Path) -> dict[str, bytes]:
    """What modules are compiled from."""
    files = (path for kind in ("*.pyx", "*.pxd", "*.h") for path in (folder / "ext").rglob(kind))
    found = {str(path.relative_to(folder)): path.read_bytes() for path in (*files, folder / "setup.py")}
    assert found
    return found


@pytest.fixture(scope="session", params=["tree", "sdist"])
def installed(
    request: pytest.FixtureRequest, wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Installed:
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    pip = ("-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin" / "python"), "install", "-q")
    build("none", *pip, "--no-deps", "--no-index", str(wheels[request.param]), folder=folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # a path from a .pth file comes last, and .pth files in it, such as one that leads to the source tree, do not count
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(folder, tmp_path_factory.mktemp("scratch"))
