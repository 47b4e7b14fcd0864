"""One destination: batches, another try, and what becomes of what it does not take."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.callbacks.test_event import REQUEST, notice, payload, told

from tianji.callbacks import backlog
from tianji.callbacks.backlog import Page, Pages
from tianji.callbacks.event import MARKER, LogEvent
from tianji.callbacks.outlet import Outlet
from tianji.callbacks.sink import Delivery, Sink
from tianji.errors import UpstreamConnectFailed

MARKED = {"role": "user", "content": MARKER}


def write(events: Sequence[LogEvent]) -> Iterable[Delivery]:
    yield Delivery("http://there", msgspec.json.encode([event.call_id for event in events]))


class Memory(Pages):
    """Journals that are in memory: one, in which the position is the number of events before it."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.events: list[LogEvent] = []

    async def files(self) -> list[Path]:
        return [Path("one.journal")]

    async def read(self, file: Path, position: int) -> Page:
        return tuple((notice(event), position + at) for at, event in enumerate(self.events[position:], 1))


class There:
    """A destination that answers by a rule, and what it was sent."""

    def __init__(self, answer: Callable[[list[str]], int] = lambda _ids: 200, **fields: Any) -> None:
        self.answer = answer
        self.got: list[list[str]] = []
        self.slept: list[float] = []
        self.pages = Memory()
        self.outlet = Outlet(Sink("there", write, **fields), self.pages, self.send, sleep=self.sleep, now=lambda: 5.0)

    async def send(self, request: Delivery) -> int:
        ids = msgspec.json.decode(request.body, type=list[str])
        self.got.append(ids)
        return self.answer(ids)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def offer(self, *numbers: int, **fields: object) -> None:
        self.pages.events += [told(number, call_id=str(number), **fields) for number in numbers]

    @property
    def left(self) -> int:
        return len(self.pages.events) - self.outlet.backlog.positions.get("one.journal", 0)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("tianji")]


async def test_events_go_in_batches_and_leave_when_they_arrived() -> None:
    there = There(batch=2)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert there.got == [["1", "2"], ["3"]]
    assert (there.left, there.outlet.standing.told, there.outlet.standing.told_at) == (0, 3, 5.0)


async def test_no_more_bytes_are_held_at_once_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "LARGEST", 2)  # of these journals, in which each event has one byte
    there = There()
    there.offer(1, 2, 3, 4, 5)
    await there.outlet.flush()
    assert there.got == [["1", "2"], ["3", "4"], ["5"]]


async def test_one_that_takes_events_as_they_are_is_told_their_json() -> None:
    there = There(as_is=lambda wires: write([msgspec.json.decode(wire, type=LogEvent) for wire in wires]), bare=True)
    there.offer(1, 2, payload=payload())
    await there.outlet.flush()
    assert there.got == [["1", "2"]]


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
    assert there.slept == [0.1, 0.2]
    assert (there.outlet.standing.told, there.outlet.standing.fault) == (1, None)


async def test_that_it_fails_is_said_once_and_that_it_is_well_again(caplog: pytest.LogCaptureFixture) -> None:
    answers = [500, 503, 200, 500, 200]
    there = There(lambda _ids: answers.pop(0), batch=1)
    there.offer(1, 2)
    await there.outlet.flush()
    assert said(caplog) == [
        "callback there does not take events: status 500",
        "callback there takes events again",
    ], "and not again within the minute"


async def test_a_destination_that_fails_on_a_batch_is_spared_it_in_the_end() -> None:
    there = There(lambda ids: 200 if ids == ["2"] else 500, batch=1, patience=60.0)
    there.offer(1, 2)
    await there.outlet.flush()
    assert there.slept == [pytest.approx(0.1 * 2**n) for n in range(9)] + [30]
    assert (there.outlet.standing.refused, there.outlet.standing.told, there.left) == (1, 1, 0)


async def test_nothing_is_given_up_while_a_destination_is_away() -> None:
    def away(_ids: list[str]) -> int:
        if len(there.slept) < 100:
            raise OSError("no route")
        return 200

    there = There(away, patience=1.0)
    there.offer(1)
    await there.outlet.flush()
    assert (len(there.slept), max(there.slept), there.outlet.standing.told) == (100, 30, 1)


async def test_what_is_under_way_has_not_left() -> None:
    there, asked, go = There(), asyncio.Event(), asyncio.Event()

    async def slow(_request: Delivery) -> int:
        asked.set()
        await go.wait()
        return 200

    there.outlet.send = slow
    there.offer(1)
    sending = asyncio.create_task(there.outlet.flush())
    await asyncio.wait_for(asked.wait(), 10)
    assert (there.left, there.outlet.backlog.holds(Path("one.journal"))) == (1, True)
    go.set()
    await sending
    assert (there.left, there.outlet.backlog.holds(Path("one.journal"))) == (0, False)


@pytest.mark.parametrize(("waiting", "sent"), [((1, 2, 3), [["1", "2"], ["3", "9"]]), ((1,), [["1"]])])
async def test_what_comes_while_others_are_sent_waits_until_it_is_more(
    waiting: tuple[int, ...], sent: list[list[str]]
) -> None:
    there = There(batch=2)

    async def meanwhile(request: Delivery) -> int:
        if not there.got:
            there.offer(9)
        return await there.send(request)

    there.outlet.send = meanwhile
    there.offer(*waiting)
    await there.outlet.flush()
    assert there.got == sent


async def test_what_comes_while_others_are_sent_is_sent_before_the_end() -> None:
    there = There()

    async def last(request: Delivery) -> int:
        if not there.got:
            there.offer(9)
            there.outlet.end()
        return await there.send(request)

    there.outlet.send = last
    there.offer(1)
    await asyncio.wait_for(there.outlet.run(), 10)
    assert there.got == [["1"], ["9"]]


async def test_several_batches_may_be_under_way_together() -> None:
    there, asked = There(batch=1, at_once=3), asyncio.Barrier(3)

    async def together(_request: Delivery) -> int:
        await asyncio.wait_for(asked.wait(), 10)
        return 200

    there.outlet.send = together
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert there.outlet.standing.told == 3


async def test_a_request_is_completed_for_each_try() -> None:
    answers, seen = [500, 200], list[str]()

    async def complete(request: Delivery) -> Delivery:
        if not seen:
            seen.append("no token yet")
            raise UpstreamConnectFailed("no token yet")
        return msgspec.structs.replace(request, headers={"n": str(len(seen))})

    async def send(request: Delivery) -> int:
        seen.append(request.headers["n"])
        return answers.pop(0)

    there = There(complete=complete)
    there.outlet.send = send
    there.offer(1)
    await there.outlet.flush()
    assert (seen, there.outlet.standing.told) == (["no token yet", "1", "2"], 1)


async def test_one_that_is_not_wanted_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    there = There(lambda ids: 400 if "3" in ids else 200)
    there.offer(1, 2, 3, 4)
    await there.outlet.flush()
    assert [ids for ids in there.got if "3" not in ids] == [["1", "2"], ["4"]]
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (3, 1)
    assert said(caplog)[0] == "callback there does not take events: an event was refused: status 400"


async def test_what_is_too_large_goes_in_parts() -> None:
    there = There(lambda ids: 413 if len(ids) > 1 else 200)
    there.offer(1, 2, 3)
    await there.outlet.flush()
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (3, 0)


async def test_one_that_is_too_large_by_itself_goes_without_what_was_said() -> None:
    seen: list[LogEvent] = []

    def large(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        seen.extend(events)
        yield from write(events)

    takes_bare = [True]
    there = There(lambda _: 200 if seen[-1].messages == [MARKED] and takes_bare[0] else 413)
    there.outlet.sink = Sink("there", large)
    there.offer(1, payload=payload())
    await there.outlet.flush()
    assert [one.messages for one in seen] == [REQUEST["messages"], [MARKED]]
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (1, 0)
    takes_bare[0] = False
    there.offer(2, payload=payload())
    await there.outlet.flush()
    assert (there.outlet.standing.told, there.outlet.standing.refused) == (1, 1)
    assert len(seen) == 4


async def test_one_that_cannot_be_written_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
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
    assert "callback there: events could not be written" in said(caplog)


async def test_a_bare_destination_is_not_told_what_was_said() -> None:
    seen: list[LogEvent] = []

    def look(events: Sequence[LogEvent]) -> Iterable[Delivery]:
        seen.extend(events)
        return ()

    there = There()
    there.outlet.sink = Sink("there", look, bare=True)
    there.offer(1)
    await there.outlet.flush()
    assert seen[0].response == {"text": "redacted-by-litellm"}


async def test_what_is_hidden_from_a_destination_is_not_told_to_it_and_to_others_all_the_same() -> None:
    seen: dict[str, list[LogEvent]] = {"poor": [], "rich": []}
    pages = Memory()
    pages.events = [told(1, payload=payload())]
    for name, hidden in (("poor", frozenset({"asked", "end_user"})), ("rich", frozenset[str]())):

        def look(events: Sequence[LogEvent], name: str = name) -> Iterable[Delivery]:
            seen[name].extend(events)
            return ()

        await Outlet(Sink(name, look, hidden=hidden), pages, There().send).flush()
    assert [(event.messages, event.end_user) for event in seen["poor"]] == [(None, None)]
    assert [(event.messages, event.end_user) for event in seen["rich"]] == [(REQUEST["messages"], "c")]
