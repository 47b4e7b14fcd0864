import asyncio

from typing_extensions import disjoint_base

@disjoint_base
class Watch:
    def __init__(self, loop: asyncio.AbstractEventLoop, size: int) -> None: ...

@disjoint_base
class Wire(asyncio.BufferedProtocol):
    def get_buffer(self, hint: int) -> memoryview: ...
    def buffer_updated(self, size: int) -> None: ...
