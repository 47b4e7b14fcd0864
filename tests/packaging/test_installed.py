"""Tianji as it comes out of a wheel, without a source tree beside it."""

import json
import shutil
from pathlib import Path

import pytest

from tianji import __version__

from .conftest import ROOT, Installed

pytestmark = pytest.mark.timeout(300)  # seconds; the first test may wait for two builds
EXT = ROOT / "ext"
CORE = sorted(".".join(path.relative_to(EXT).with_suffix("").parts) for path in EXT.rglob("*.pyx"))


def test_it_tells_its_version(installed: Installed) -> None:
    for command in (("python", "-I", "-m", "tianji", "version"), ("tianji", "version")):
        ran = installed.run(*command)
        assert ran.stdout.startswith(f"tianji {__version__} "), ran.stderr


def test_every_compiled_module_is_its_own(installed: Installed) -> None:
    code = f"""
import importlib, json, sys
print(json.dumps([importlib.import_module(name).__file__ for name in {CORE}]))
"""
    ran = installed.run("python", "-I", "-c", code)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert len(found) == len(CORE) > 10
    assert [file for file in found if not file.startswith(str(installed.folder))] == []


@pytest.mark.parametrize("example", sorted(path.name for path in (ROOT / "examples").glob("*.yaml")))
def test_it_judges_the_examples(installed: Installed, example: str) -> None:
    shutil.copy(ROOT / "examples" / example, installed.scratch)
    ran = installed.run("tianji", "check", example)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "model_list.litellm_params.model" in ran.stdout


def test_the_quickstart_brings_its_own_configuration(installed: Installed, tmp_path: Path) -> None:
    ran = installed.run("tianji", "serve", "--quickstart", "--validate_config", TIANJI_DATA_DIR=str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert "the configuration is valid" in ran.stdout
