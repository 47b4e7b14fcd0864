"""Objects out of files beside the configuration, by dotted names: `folder.module.name`.

A name comes from the configuration's file and never from the database or the management API, and it leads to a file
below the folder of the configuration and nowhere else: whoever can name code has it run. A file is run once in each
process, and again at a reload when it has changed. What it imports of litellm and fastapi are stand-ins, as long as it
is being run. There is a loop while it runs, which goes on: a task that it begins does, too. It is not the loop of
requests, so what belongs to a loop, such as a client, is made in the first call of a hook.
"""

import importlib.util
import os
import sys
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final
from zlib import crc32

from tianji.config.checks.callbacks import BUCKETS
from tianji.errors import ConfigurationError
from tianji.hooks.apart import apart
from tianji.hooks.calling import place
from tianji.hooks.standins import standing_in

_Stamp = tuple[int, int, int]  # process, and when and how long the file was written
_LOADED: Final[dict[Path, tuple[_Stamp, ModuleType]]] = {}
_LOADING: Final = Lock()


class Unusable(ConfigurationError):  # noqa: N818 - named like its neighbours in the error tree
    """Code that cannot be used. `said`: why; `remedy`: what to do."""

    def __init__(self, said: str, remedy: str) -> None:
        super().__init__(f"{said} — {remedy}")
        self.said, self.remedy = said, remedy


def find(folder: Path, dotted: str) -> Any:
    """Return the object of a name. Raises Unusable."""
    if dotted.startswith(BUCKETS):
        raise Unusable("code is not fetched out of a bucket", "put the file beside the configuration")
    *modules, name = dotted.split(".")
    file = _file(folder.resolve(), dotted, modules)
    with _LOADING:
        module = _module(file, folder.resolve())
    try:
        return getattr(module, name)
    except AttributeError:
        raise Unusable(f"{file.name} has no {name}", f"define {name} there, or name another object") from None


def _file(folder: Path, dotted: str, modules: list[str]) -> Path:
    if not modules or not all(part.isidentifier() for part in modules):
        raise Unusable(f"{dotted!r} is no dotted name", "write `module.name`")
    file = folder.joinpath(*modules).with_suffix(".py")
    if not file.is_file() or not file.resolve().is_relative_to(folder):
        raise Unusable(f"there is no {'/'.join(modules)}.py", "put it beside the configuration")
    return file


def _module(file: Path, folder: Path) -> ModuleType:
    status = file.stat()
    stamp = os.getpid(), status.st_mtime_ns, status.st_size
    known = _LOADED.get(file)
    if known is not None and known[0] == stamp:
        return known[1]
    module = _run(file, folder)
    _LOADED[file] = stamp, module
    return module


def _run(file: Path, folder: Path) -> ModuleType:
    """Run a file as a module. Its neighbours may be imported; they hide nothing that is installed."""
    name = f"{file.stem}_{crc32(os.fsencode(file)):08x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Unusable(f"{file} is no module", "name a file of Python")
    module = importlib.util.module_from_spec(spec)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    run = spec.loader.exec_module

    async def executed() -> BaseException | None:
        try:
            with standing_in():
                run(module)
        except BaseException as error:  # noqa: BLE001 - a file that ends its process would end the thread instead
            return error
        return None

    sys.modules[name] = module
    error = apart().begin(executed()).result()
    if error is not None:
        sys.modules.pop(name, None)
        raise Unusable(
            f"it cannot be loaded: {place(error, folder)}: {type(error).__name__}: {error}", "correct that line"
        ) from error
    return module
