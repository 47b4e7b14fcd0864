from typing import final

from tianji._core.routing.health import Health

@final
class Candidate:
    def __init__(
        self,
        health: Health,
        *,
        lacks: int = 0,
        window: int = 0,
        parallel: int = 0,
        requests: int = 0,
        tokens: int = 0,
        price: float = 0,
        weight: float = 0,
        rpm: float = 0,
        tpm: float = 0,
        order: int | None = None,
        adaptive: bool = False,
        timed: bool = False,
        budgeted: bool = False,
    ) -> None: ...
    @property
    def health(self) -> Health: ...
