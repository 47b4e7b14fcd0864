"""What machines spent of budgets that they have in common, in Valkey: each says its own sums, and hears the others'.

Sums are said in whole, never as a difference, so an answer that got lost or a server that forgot everything is put
right by the next round. A machine that is gone has spent what it said last. All keys lie in one slot of a cluster, and
each ends with its period.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from tianji.lazy import load
from tianji.storage.usage import heed_cancellation

LINGERS: Final = 3600  # seconds that sums stay after the end of their period, for machines whose clocks differ


class Sum(Struct, frozen=True):
    """What this machine spent of a budget in the period that ends then: nano-dollars, seconds since 1970.

    budget: the same on all machines
    """

    budget: str
    ends: float
    spent: int


class SpendingStore:
    """The sums of all machines. `client` is one of redis.asyncio; `machine` is another name after each start."""

    def __init__(self, client: Any, *, machine: str, namespace: str = "") -> None:
        self._client = client
        self._machine = machine.encode()
        self._prefix = f"{{tianji:v1:{namespace}:spent}}"

    async def exchange(self, sums: Sequence[Sum], now: float) -> list[int]:
        """Say what was spent here; what all others spent of the same, nano-dollars. Raises OSError.

        now: seconds since 1970
        """
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for one in sums:
                    key = f"{self._prefix}:{one.ends:.0f}:{one.budget}"
                    if one.spent:
                        pipeline.hset(key, self._machine, one.spent)
                        pipeline.expire(key, int(one.ends - now) + LINGERS)
                    pipeline.hgetall(key)
                answers = await pipeline.execute()
        except load("redis").RedisError as error:
            heed_cancellation()
            raise ConnectionError(str(error)) from error
        heed_cancellation()
        return [self._others(answer) for answer in answers if isinstance(answer, dict)]

    def _others(self, said: dict[bytes, bytes]) -> int:
        return sum(_amounts(spent for machine, spent in said.items() if machine != self._machine))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _amounts(texts: Iterable[bytes]) -> Iterable[int]:
    return (int(text) for text in texts if text.isdigit())
