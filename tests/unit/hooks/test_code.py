"""Objects out of files beside the configuration."""

import sys
from pathlib import Path
from threading import Thread

import pytest

from tianji.errors import ConfigurationError
from tianji.hooks import CustomLogger
from tianji.hooks.code import find
from tianji.hooks.roles import REQUEST_HOOKS, callback, is_function, methods, rule

FILE = """
import asyncio
from typing import Literal

import litellm
from fastapi import HTTPException
from litellm.caching.caching import DualCache
from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import ModelResponse, SomethingNew

asyncio.get_running_loop()


class Mine(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data: dict, call_type: Literal["completion"]):
        return data


class Empty(CustomLogger):
    pass


def function(text):
    return True


mine, empty, number = Mine(), Empty(), 7
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path


def refused(folder: Path, dotted: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        callback(folder, dotted)
    return caught.value.message


def test_what_files_import_of_litellm_is_there_while_they_are_run_and_not_after_it(folder: Path) -> None:
    before = {name for name in sys.modules if name.partition(".")[0] in ("litellm", "fastapi")}
    found = callback(folder, "mine.mine")
    assert isinstance(found, CustomLogger)
    assert set(methods(found, REQUEST_HOOKS)) == {"async_pre_call_hook"}
    assert not is_function(found)
    assert {name for name in sys.modules if name.partition(".")[0] in ("litellm", "fastapi")} == before
    assert not any(type(finder).__module__ == "tianji.hooks.standins" for finder in sys.meta_path)


def test_a_file_is_run_once_and_again_when_it_has_changed(folder: Path) -> None:
    first = find(folder, "mine.mine")
    assert find(folder, "mine.mine") is first
    (folder / "mine.py").write_text(FILE.replace("7", "700"))
    assert find(folder, "mine.number") == 700
    assert find(folder, "mine.mine") is not first


def test_files_of_one_name_in_two_folders_are_two(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "mine.py").write_text("mine = len\n")
    assert find(folder, "inner.mine.mine") is len
    assert isinstance(find(folder, "mine.mine"), CustomLogger)


def test_folders_lie_behind_what_is_installed(folder: Path) -> None:
    find(folder, "mine.mine")
    assert str(folder.resolve()) in sys.path[1:]
    assert sys.path.index(str(folder.resolve())) > max(
        sys.path.index(path) for path in sys.path if "lib/python" in path
    )


@pytest.mark.parametrize(
    ("dotted", "said"),
    [
        ("mine.Mine", "it is a class — make an object of it in the file, `name = Mine()`"),
        ("mine.empty", "none of the methods of a logger"),
        ("mine.number", "none of the methods of a logger"),
        ("mine.absent", "mine.py has no absent"),
        ("other.mine", "there is no other.py — put it beside the configuration"),
        ("os.path.join", "there is no os/path.py"),
        ("mine", "no dotted name"),
        ("..mine.mine", "no dotted name"),
        ("s3://bucket/mine.mine", "not fetched out of a bucket"),
    ],
)
def test_what_cannot_be_a_callback_is_said_with_a_remedy(folder: Path, dotted: str, said: str) -> None:
    assert said in refused(folder, dotted)


def test_nothing_outside_of_the_folder_is_run(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "led.py").symlink_to(folder / "mine.py")
    assert "there is no led.py" in refused(folder / "inner", "led.mine")


@pytest.mark.parametrize(
    ("text", "line"), [("x = 1\ny = 1 / 0\n", 2), ("def f(:\n", 1), ("\n\nimport sys\nsys.exit(3)\n", 4)]
)
def test_a_file_that_cannot_be_run_is_said_with_its_line(folder: Path, text: str, line: int) -> None:
    (folder / "bad.py").write_text(text)
    assert f"bad.py:{line}: " in refused(folder, "bad.x")


def test_a_rule_is_a_function(folder: Path) -> None:
    assert rule(folder, "mine.function")("text") is True
    for dotted in ("mine.Mine", "mine.number"):
        with pytest.raises(ConfigurationError, match="it is no function"):
            rule(folder, dotted)


def test_two_threads_run_a_file_once(folder: Path) -> None:
    found: list[object] = []
    threads = [Thread(target=lambda: found.append(find(folder, "mine.mine"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
    assert len(found) == 4
