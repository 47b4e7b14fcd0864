"""What is paid for when it is over: batches, jobs that tune models, runs of evaluations.

Nobody is told when one ends, so it is paid for once an answer shows that it has.
"""

import time
from typing import Any, Final

import msgspec

from tianji._core.edges.exchange import Exchange
from tianji.lazy import load
from tianji.objects.billing import Bill
from tianji.objects.desk import Desk
from tianji.objects.evaluating import run_bill
from tianji.objects.kinds import BATCH, BY_OBJECT, EVAL_RUN, JOB
from tianji.objects.line_parts import Fetch, Files, Origin
from tianji.objects.places import Place
from tianji.objects.relay import Request
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

    name = str(answer.get("id"))
    who = await desk.settle(exchange, name, reckon)
    if who is not None and kind is BATCH:
        desk.tell(_origin(name, said, place), who, _files(desk, place, said))


def _origin(name: str, batch: Json, place: Place) -> Origin:
    """Return a batch that is over, for whoever is told of its lines."""
    ended = batch.get(f"{batch['status']}_at")
    return Origin(name, ended if isinstance(ended, int) else int(time.time()), (place,), {})


def _files(desk: Desk, place: Place, batch: Json) -> Files:
    """Return where the lines of a batch are had, as its upstream says it."""

    def fetch(name: object) -> Fetch:
        return lambda: desk.relay.fetch(place, Request("GET", f"/files/{name}/content"))

    results = [fetch(batch[name]) for name in ("output_file_id", "error_file_id") if batch.get(name)]
    return Files(fetch(batch["input_file_id"]) if batch.get("input_file_id") else None, results)


async def _size(desk: Desk, file: object) -> int:
    """Return the bytes of a file as far as they are known."""
    known = await load(_TABLE).find(await desk.store.open(), str(file))
    size = 0 if known is None else msgspec.json.decode(known.body).get("bytes")
    return size if isinstance(size, int) else 0
