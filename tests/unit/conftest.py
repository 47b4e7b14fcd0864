"""What holds for every unit test: nothing of a call outlives its module."""

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from tianji._core.attempt import Attempt
from tianji._core.forward import Forward
from tianji._core.http1 import Call, Connection
from tianji._core.multiplex import Stream
from tianji._core.pool import Shelf
from tianji._core.sse import ChatStream

SHORT_LIVED = (Call, Connection, Stream, Shelf, Forward, Attempt, ChatStream)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left() -> Iterator[None]:
    """Fail when calls, connections or streams of a module's tests are still referred to after the last one."""
    gc.freeze()  # what modules before this one have loaded need not be looked through again
    yield
    gc.collect()
    left = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, SHORT_LIVED))
    assert not left, "something still refers to what should be gone"
