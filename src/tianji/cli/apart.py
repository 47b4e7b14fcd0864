"""Work in a process of its own, so that what it loads is gone when it is done."""

import gc
import os
import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")


def apart(work: Callable[[], T], kind: type[T]) -> T:
    """Return what `work` returned in a child of this process, which must have no other threads.

    What it returns travels as JSON. Raises SystemExit when the child failed; its traceback is on stderr then.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _work(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit(1)
    return msgspec.json.decode(told, type=kind)


def _work(work: Callable[[], object], writer: int) -> None:
    """Do the work and end. What the parent would do at its own end is not for the child to do."""
    gc.disable()  # the process is gone before its garbage matters: to look for it takes a tenth of the time
    code = 1
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(msgspec.json.encode(work()))
        code = 0
    except BaseException:  # noqa: BLE001 - the boundary of the process
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)
