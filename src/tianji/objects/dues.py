"""What is paid for when it is over: batches, jobs that tune models, runs of evaluations.

Nobody is told when one ends, so it is paid for once an answer shows that it has.
"""

from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.lazy import load
from tianji.objects.billing import Bill
from tianji.objects.desk import Desk
from tianji.objects.evaluating import run_bill
from tianji.objects.kinds import BATCH, BY_OBJECT, EVAL_RUN, JOB
from tianji.objects.places import Place
from tianji.objects.rows import Row
from tianji.objects.tuning import tuning_bill

PAID: Final = (BATCH, JOB, EVAL_RUN)
_TABLE: Final = "tianji.storage.objects"
Json = dict[str, Any]


async def settle(desk: Desk, exchange: Exchange, row: Row, place: Place, said: Json, answer: Json) -> None:
    """Have paid for what an answer shows to be over: itself, or what it lists.

    said: the answer in the names of its place; answer: in those of clients

    Raises StoreUnavailable, and what the place refuses with that keeps the answers of a batch.
    """
    pairs = [(said, answer)]
    if said.get("object") == "list" and row.items in PAID:
        pairs = [*zip(said.get("data") or (), answer.get("data") or (), strict=True)]
    for one, told in pairs:
        await _settle(desk, exchange, place, one, told)


async def _settle(desk: Desk, exchange: Exchange, place: Place, said: Json, answer: Json) -> None:
    kind = BY_OBJECT.get(str(said.get("object")))
    if kind is None or kind not in PAID or said.get("status") not in (kind.ends or ()):
        return

    async def reckon() -> list[tuple[Place, Bill]]:
        if kind is BATCH:
            return [(place, await desk.billing.reckon(place, said))]
        if kind is EVAL_RUN:
            return [(place, run_bill(place, said))]
        return [(place, tuning_bill(place, said, await _size(desk, answer.get("training_file"))))]

    await desk.settle(exchange, str(answer.get("id")), reckon)


async def _size(desk: Desk, file: object) -> int:
    """Return the bytes of a file as far as they are known."""
    known = await load(_TABLE).find(await desk.store.open(), str(file))
    size = 0 if known is None else msgspec.json.decode(known.body).get("bytes")
    return size if isinstance(size, int) else 0
