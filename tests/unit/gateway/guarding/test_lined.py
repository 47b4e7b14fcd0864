"""A file of answers waits line by line, wherever it is cut, and never all at once."""

import asyncio
import json
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest, TianjiError
from tianji.gateway.guarding.answers import lined
from tianji.gateway.guarding.answers.doors import HELD
from tianji.gateway.guarding.answers.lined import Lined
from tianji.guardrails.slots.results import Result

pytestmark = pytest.mark.asyncio


class Keeper:
    """Notes what goes out. `waits`: somebody still looks at the request."""

    def __init__(self) -> None:
        self.out = b""
        self.told: bytes | None = None
        self.ended = self.held = False
        self.error: TianjiError | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.free = asyncio.Event()
        self.free.set()

    @property
    def waits(self) -> bool:
        return not self.free.is_set()

    async def request_passed(self) -> None:
        await self.free.wait()

    def begin(self, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        return self.tasks[-1]

    def send(self, chunk: bytes, *, last: bool, told: bytes | None = None) -> None:
        assert not self.ended
        self.out += chunk
        self.told, self.ended = told, last

    def refuse(self, error: TianjiError) -> None:
        self.error = error

    def hold(self, *, wait: bool) -> None:
        self.held = wait

    async def drain(self) -> bytes:
        self.free.set()
        while self.tasks:
            await self.tasks.pop()
        return self.out


async def judge(result: Result) -> bytes:
    body = result.body or b""
    for _ in range(len(body) % 3):  # some take longer than those behind them
        await asyncio.sleep(0)
    if b"forbidden" in body:
        raise InvalidRequest("no")
    return body.replace(b"secret", b"SECRET")


def line(number: int, text: str) -> bytes:
    return json.dumps({"custom_id": str(number), "response": {"body": {"said": text * (1 + number % 4)}}}).encode()


TEXTS = st.lists(st.sampled_from(["hello", "a secret", "forbidden", "\u2028"]), max_size=40)
CUTS = st.lists(st.integers(0, 9000), max_size=9)


async def through(data: bytes, cuts: list[int], *, waits: bool = False) -> Keeper:
    keeper = Keeper()
    if waits:
        keeper.free.clear()
    door = Lined(keeper, judge)
    places = sorted({min(cut, len(data)) for cut in cuts})
    pieces = [data[begin:end] for begin, end in pairwise((0, *places, len(data)))]
    for number, piece in enumerate(pieces, 1):
        door.take(piece, last=number == len(pieces))
        await asyncio.sleep(0)
    await keeper.drain()
    assert keeper.ended
    return keeper


@given(TEXTS, CUTS, st.booleans(), st.booleans())
async def test_every_line_is_judged_wherever_the_file_is_cut(
    texts: list[str], cuts: list[int], ends: bool, waits: bool
) -> None:
    data = b"\n".join(line(at, text) for at, text in enumerate(texts)) + (b"\n" if ends and texts else b"")

    keeper = await through(data, cuts, waits=waits)

    found = [json.loads(one) for one in keeper.out.splitlines()]
    assert [one["custom_id"] for one in found] == [str(at) for at in range(len(texts))]
    for at, (one, text) in enumerate(zip(found, texts, strict=True)):
        said = None if one["response"] is None else one["response"]["body"]["said"]
        assert said == (None if text == "forbidden" else text.replace("secret", "SECRET") * (1 + at % 4))
    changed = {"forbidden", "a secret"} & {*texts}
    assert keeper.told == (b"" if changed else None)
    if not changed:
        assert keeper.out == data


@given(st.binary(max_size=300), CUTS, st.booleans())
async def test_other_files_are_left_as_they_are(data: bytes, cuts: list[int], waits: bool) -> None:
    assert (await through(data, cuts, waits=waits)).out == data


async def test_who_sends_faster_than_it_is_judged_has_to_wait() -> None:
    keeper = Keeper()
    keeper.free.clear()
    door = Lined(keeper, judge)
    one = line(0, "x" * 1000) + b"\n"
    for _ in range(HELD // len(one) + 2):
        door.take(one, last=False)
    assert keeper.held
    assert keeper.out == b""
    await keeper.drain()
    assert not keeper.held


async def test_a_line_that_nobody_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lined, "LONGEST", 100)
    keeper = Keeper()
    door = Lined(keeper, judge)
    door.take(line(0, "x" * 30)[:99], last=False)
    assert keeper.error is None
    door.take(b"y" * 99, last=False)
    assert keeper.error is not None
    assert "line" in json.loads(door.ending(keeper.error))["error"]["message"]
