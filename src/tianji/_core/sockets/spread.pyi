import asyncio
from collections.abc import Callable
from typing import final

@final
class Spread:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None: ...
    def add(self, call: Callable[[], object]) -> None: ...
