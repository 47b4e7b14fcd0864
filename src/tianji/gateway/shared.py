"""What the workers of a machine share: made before they fork, and light, since their parent keeps it."""

from msgspec import Struct

from tianji._core.health import HealthTable
from tianji._core.shm import SharedCounters


class Shared(Struct, frozen=True):
    """The memory, and the name that other machines know this one by."""

    counters: SharedCounters
    health: HealthTable
    machine: str = ""
