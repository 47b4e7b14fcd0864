"""A loop in a thread of its own: code that blocks there holds up nobody but others of its kind."""

import asyncio
import os
from collections.abc import Coroutine
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Apart:
    """The thread. It ends with its process."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, name="hooks", daemon=True).start()

    def begin(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Have something done there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


_APART: Final[dict[int, Apart]] = {}  # by process: a child has none of its parent's threads


def apart() -> Apart:
    """Return the thread of this process."""
    found = _APART.get(os.getpid())
    if found is None:
        found = _APART[os.getpid()] = Apart()
    return found
