"""The loop of production: uvloop."""

from collections.abc import Callable, Mapping
from typing import Any

import uvloop


def pytest_asyncio_loop_factories(config: Any, item: Any) -> Mapping[str, Callable[[], uvloop.Loop]]:
    """Run every asynchronous test of this folder on uvloop."""
    return {"uvloop": uvloop.new_event_loop}
