"""The line between the books and the process that tells destinations."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.unit.ledger.conftest import entry

from tianji._core.sharing.revision import Revisions
from tianji._core.sharing.shm import SharedCounters
from tianji.callbacks import apart, line
from tianji.callbacks.line import Answer, Line, Question
from tianji.callbacks.pace import AGAIN, LATE, MUCH, Pace
from tianji.callbacks.teller import STATE
from tianji.config.loader import load
from tianji.ledger import reading
from tianji.ledger.entry import Entry, Payload, Telling
from tianji.ledger.in_force import Written
from tianji.ledger.journal import Journal

NOBODY = "model_list: []\n"
TOLD = """
model_list: []
litellm_settings: {callbacks: [there]}
callback_settings:
  there: {callback_type: generic_api, endpoint: "http://127.0.0.1:9/"}
"""
BEGIN = """
import os, socket, sys
from tianji.callbacks.waiting import wait
link = socket.socket(fileno=0)
began = wait(link)
policy = os.sched_getscheduler(0) if sys.platform == "linux" else None
print(began, policy, link.recv(99), [name for name in ("asyncio", "msgspec", "httpx") if name in sys.modules])
"""
OWN = Payload(b"", b"", b"{}", telling=Telling("team"))


class Books:
    """The end of the books, and what comes out at the other one."""

    def __init__(self, folder: Path, written: str) -> None:
        config = folder / "config.yaml"
        config.write_text(written)
        self.losses = 0
        here, self.there = socket.socketpair()
        self.there.setblocking(False)
        self.ranks: list[str] = []
        pace = Pace(lambda: self.ranks.append("last"), lambda: self.ranks.append("back"), lambda: self.time)
        self.time = 100.0
        self.line = Line(folder / "journals", load(config, {}), here, self._lost, pace)
        journal = Journal(folder / "journals")
        journal.append(entry(1))
        journal.close()
        (self.file,) = reading.journals(folder / "journals")
        self.end = self.file.stat().st_size

    def _lost(self) -> None:
        self.losses += 1

    def heard(self) -> list[Question]:
        """Return what was asked since."""
        try:
            found = self.there.recv(1 << 20)
        except BlockingIOError:
            return []
        return [msgspec.json.decode(one, type=Question) for one in found.splitlines()]

    def answer(self, *done: str, behind: int = 0, **undelivered: int) -> None:
        self.there.sendall(msgspec.json.encode(Answer(done, undelivered, behind)) + b"\n")

    async def next(self) -> list[Question]:
        """Wait for what is asked next."""
        async with asyncio.timeout(10):
            while not (found := self.heard()):  # noqa: ASYNC110 - what comes in is no event here
                await asyncio.sleep(0)
        return found

    async def round(self) -> list[Question]:
        await self.line.round([])
        return self.heard()


@asynccontextmanager
async def books(folder: Path, written: str) -> AsyncIterator[Books]:
    made = await asyncio.to_thread(Books, folder, written)
    try:
        yield made
    finally:
        made.there.close()
        await made.line.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what comes in is no event here
            await asyncio.sleep(0)


def of_team(name: str) -> Entry:
    return msgspec.structs.replace(entry(1), team_id=name, payload=OWN)


async def test_where_nobody_is_told_nothing_is_said_and_no_journal_is_kept(tmp_path: Path) -> None:
    async with books(tmp_path, NOBODY) as here:
        here.line.meet(entry(1))
        assert await here.round() == []
        assert await here.line.finished(here.file, here.end)


async def test_a_journal_may_go_once_the_other_side_says_so(tmp_path: Path) -> None:
    async with books(tmp_path, TOLD) as here:
        await here.line.hear(here.file, 0, await asyncio.to_thread(reading.fill, here.file, 0, 10))
        (first,) = await here.round()
        assert first == Question({here.file.name: here.end})
        assert not await here.line.finished(here.file, here.end)
        assert await here.round() == [], "one question at a time"
        here.answer(there=3)
        await until(lambda: here.line.undelivered() == {"there": 3})
        (second,) = await here.round()
        assert second.ended == {here.file.name: here.end}
        here.answer(here.file.name)
        await until(lambda: not here.line.undelivered())
        assert await here.line.finished(here.file, here.end)


async def test_what_is_gone_is_not_spoken_of(tmp_path: Path) -> None:
    async with books(tmp_path, TOLD) as here:
        await here.line.hear(here.file, 0, await asyncio.to_thread(reading.fill, here.file, 0, 10))
        await here.line.finished(here.file, here.end)
        await asyncio.to_thread(here.file.unlink)
        assert await here.round() == [Question({})]


async def test_who_has_callbacks_of_his_own_is_named_once_and_before_his_journal_may_go(tmp_path: Path) -> None:
    async with books(tmp_path, NOBODY) as here:
        here.line.meet(of_team("one"))
        assert not await here.line.finished(here.file, here.end)
        (first,) = await here.round()
        assert (first.met, first.ended) == ((("team", "one"),), {here.file.name: here.end})
        here.answer()
        here.line.meet(of_team("two"))
        await until(lambda: not here.line._asked)
        (second,) = await here.round()
        assert second.met == (("team", "two"),)


async def test_who_is_met_last_is_named_all_the_same(tmp_path: Path) -> None:
    async with books(tmp_path, NOBODY) as here:
        assert await here.round() == []
        here.line.meet(of_team("one"))
        closing = asyncio.create_task(here.line.close())
        (last,) = await here.next()
        assert last.met == (("team", "one"),)
        here.there.close()
        await closing


async def test_where_somebody_was_told_before_journals_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text("{}")
    async with books(tmp_path, NOBODY) as here:
        assert not await here.line.finished(here.file, here.end)
        assert len(await here.round()) == 1


async def test_the_other_side_is_last_as_long_as_it_keeps_up(tmp_path: Path) -> None:
    async with books(tmp_path, TOLD) as here:

        async def ask(seconds: float, behind: int = 0) -> None:
            assert len(await here.round()) == 1
            here.time += seconds
            await here.round()  # in which nothing is asked
            here.answer(behind=behind)
            await until(lambda: not here.line._asked)

        await ask(LATE / 2)
        assert here.ranks == ["last"], "once it has begun"
        await ask(LATE)
        assert here.ranks == ["last", "back"], "while its answer is still to come"
        await ask(0)
        assert here.ranks == ["last", "back"], "it may still be behind"
        here.time += AGAIN
        await ask(LATE / 2)
        assert here.ranks == ["last", "back", "last"]
        await ask(0, behind=MUCH)
        assert here.ranks == ["last", "back", "last"], "that much may wait"
        await ask(0, behind=MUCH + 1)
        assert here.ranks == ["last", "back", "last", "back"], "it answers in time, and falls behind"
        here.time += AGAIN
        await ask(0, behind=MUCH)
        assert here.ranks == ["last", "back", "last", "back", "last"]
    assert here.ranks == ["last", "back", "last", "back", "last", "back"], "at the end it is waited for"


async def test_an_end_that_nobody_wanted_is_told(tmp_path: Path) -> None:
    async with books(tmp_path, TOLD) as here:
        await here.round()
        here.there.close()
        await until(lambda: here.losses == 1)


async def test_at_the_end_all_that_is_new_is_said_and_the_other_side_waited_for(tmp_path: Path) -> None:
    async with books(tmp_path, TOLD) as here:
        await here.round()
        here.line.meet(of_team("late"))
        closing = asyncio.create_task(here.line.close())
        (last,) = await here.next()
        assert last.met == (("team", "late"),)
        assert not closing.done()
        here.there.close()
        await closing
        assert here.losses == 0


async def test_a_side_that_does_not_end_is_not_waited_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE", 0.0)
    async with books(tmp_path, TOLD) as here:
        await here.round()
        await asyncio.wait_for(here.line.close(), 10)


@pytest.mark.parametrize("said", [b"", b"something"])
def test_the_other_side_begins_when_something_is_said(said: bytes) -> None:
    here, there = socket.socketpair()
    here.sendall(said)
    here.close()
    with there:
        heard = subprocess.run(
            [sys.executable, "-c", BEGIN], stdin=there, capture_output=True, text=True, check=True, timeout=30
        ).stdout
    policy = os.SCHED_OTHER if sys.platform == "linux" else None
    assert heard == f"{bool(said)} {policy} {said!r} []\n", "nothing loaded, and not last while it begins"


async def test_the_other_side_ends_after_it_has_told_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    seen: list[object] = []

    class Side:
        def __init__(self, *_: object) -> None:
            seen.append("made")

        async def begin(self) -> None:
            seen.append("begun")

        async def answer(self, question: Question) -> Answer:
            seen.append(question)
            return Answer((), {})

        async def close(self) -> None:
            with pytest.raises(BlockingIOError):
                here.recv(1)
            seen.append("told")

    monkeypatch.setattr(apart, "_Side", Side)
    here.sendall(msgspec.json.encode(Question({"a": 1})) + b"\n")
    serving = asyncio.create_task(
        apart._serve(there, Written(tmp_path, {}, {}), Revisions(), SharedCounters(), lambda: 0)
    )
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        assert msgspec.json.decode(await loop.sock_recv(here, 99), type=Answer) == Answer((), {})
        here.shutdown(socket.SHUT_WR)
        await serving
        assert await loop.sock_recv(here, 1) == b""
    here.close()
    assert seen == ["made", "begun", Question({"a": 1}), "told"]
