"""One destination: batches, another try, and what becomes of what it does not take."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec
import pytest
from tests.unit.callbacks.test_event import told

from tianji.callbacks.event import LogEvent
from tianji.callbacks.outlet import Outlet
from tianji.callbacks.sink import Delivery, Sink


def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
    yield Delivery("http://there", msgspec.json.encode([event.call_id for event in events]))


class There:
    """A destination that answers by a rule, and what it was sent."""

    def __init__(self, answer: Callable[[list[str]], int] = lambda _ids: 200, **fields: object) -> None:
        self.answer = answer
        self.got: list[list[str]] = []
        self.slept: list[float] = []
        most = fields.pop("most", 100)
        self.outlet = Outlet(
            Sink("there", write, **fields),
            self.send,
            sleep=self.sleep,
            now=lambda: 5.0,
            most=most,  # type: ignore[arg-type]
        )

    async def send(self, request: Delivery) -> int:
        ids = msgspec.json.decode(request.body, type=list[str])
        self.got.append(ids)
        return self.answer(ids)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def offer(self, *numbers: int, **fields: object) -> None:
        for number in numbers:
            self.outlet.offer(told(number, call_id=str(number), **fields))


async def test_events_go_in_batches_and_leave_when_they_arrived() -> None:
    there = There(batch=2)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert there.got == [["1", "2"], ["3"]]
    assert (len(there.outlet), there.outlet.standing.told, there.outlet.standing.told_at) == (0, 3, 5.0)


async def test_it_hears_only_what_it_wants() -> None:
    there = There(hears=frozenset({"failure"}))
    there.offer(1)
    there.offer(2, status="failure")
    await there.outlet.flush()
    assert there.got == [["2"]]


@pytest.mark.parametrize("status", [500, 503, 408, 429])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    answers = [status, status, 200]
    there = There(lambda _ids: answers.pop(0))
    there.offer(1)
    await there.outlet.flush()
    assert there.got == [["1"]] * 3
    assert there.slept == [0.5, 1.0]
    assert (there.outlet.standing.told, there.outlet.standing.fault) == (1, None)


async def test_a_destination_that_is_away_is_given_up_in_the_end() -> None:
    def away(_ids: list[str]) -> int:
        raise OSError("no route")

    there = There(away, patience=60.0)
    there.offer(1)
    await there.outlet.flush()
    assert there.slept == [0.5, 1, 2, 4, 8, 16, 30]
    assert (there.outlet.standing.refused, there.outlet.standing.fault, len(there.outlet)) == (1, "no route", 0)


async def test_one_that_is_not_wanted_takes_no_other_with_it() -> None:
    there = There(lambda ids: 400 if "3" in ids else 200)
    there.offer(1, 2, 3, 4)
    await there.outlet.flush()
    assert [ids for ids in there.got if "3" not in ids] == [["1", "2"], ["4"]]
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (3, 1)


async def test_what_is_too_large_goes_in_parts() -> None:
    there = There(lambda ids: 413 if len(ids) > 1 else 200)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (3, 0)


async def test_one_that_cannot_be_written_takes_no_other_with_it() -> None:
    def picky(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        if any(event.call_id == "2" for event in events):
            raise ValueError("2")
        yield from write(events)

    there = There()
    there.outlet.sink = Sink("there", picky)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert there.got == [["1"], ["3"]]
    assert there.outlet.standing.refused == 1


async def test_where_there_is_no_room_the_oldest_gives_way() -> None:
    there = There(most=2)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert (there.got, there.outlet.standing.dropped) == ([["2", "3"]], 1)


async def test_what_gives_way_while_its_batch_is_under_way_is_not_taken_for_another() -> None:
    there = There(most=2, batch=2)

    def answer(ids: list[str]) -> int:
        if ids == ["1", "2"]:
            there.offer(3)
        return 200

    there.answer = answer
    there.offer(1, 2)
    await there.outlet.flush()
    assert len(there.outlet) == 1
    await there.outlet.flush()
    assert there.got == [["1", "2"], ["3"]]


async def test_a_full_batch_waits_for_no_interval() -> None:
    there, sent = There(batch=2), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await asyncio.Event().wait()

    def answer(_ids: list[str]) -> int:
        sent.set()
        return 200

    there.answer = answer
    there.outlet._sleep = sleep
    running = asyncio.create_task(there.outlet.run())
    there.offer(1, 2)
    await asyncio.wait_for(sent.wait(), 10)
    running.cancel()
    assert there.got == [["1", "2"]]


async def test_a_bare_destination_is_not_told_what_was_said() -> None:
    seen: list[LogEvent] = []

    def look(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        seen.extend(events)
        return ()

    there = There(bare=True)
    there.outlet.sink = Sink("there", look, bare=True)
    there.offer(1)
    await there.outlet.flush()
    assert seen[0].response == {"text": "redacted-by-litellm"}
