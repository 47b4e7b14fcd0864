from typing import final

from tianji._core.sharing.shm import SharedCounters

LATENCY_BOUNDS: tuple[float, ...]
OVERHEAD_BOUNDS: tuple[float, ...]

def escape_label(value: str) -> str: ...

@final
class DeploymentStats:
    def __init__(self, counters: SharedCounters, model: str, provider: str) -> None: ...
    def bill(self, prompt: int, completion: int, nano_dollars: int) -> None: ...
