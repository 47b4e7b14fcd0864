"""Requests that come many at a time are judged in their order, a few at a time, wherever a file is cut."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji._core.requests.silent import SilentExchange
from tianji._core.upstreams.spool import Extent
from tianji.auth.identity import ANYONE
from tianji.errors import ClientGone, InvalidRequest, UnknownModel
from tianji.gateway.guarding.lots.batched import BESIDE
from tianji.gateway.translation import request_lines as lines
from tianji.gateway.translation.request_lines import Content
from tianji.objects.guarding import Scrutiny

pytestmark = pytest.mark.asyncio


class Judges:
    """Puts bodies in capitals, and refuses those that hold a word."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.now = self.most = 0

    async def passed(self, _exchange: object, operation: str, model: str, group: str, body: bytes) -> bytes:
        self.asked.append((operation, model, group))
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(1 + len(body) % 3):  # some take longer than those behind them
            await asyncio.sleep(0)
        self.now -= 1
        if b"forbidden" in body:
            raise InvalidRequest("no")
        return body.replace(b"said", b"SAID")


def find(model: str) -> Any:
    if model != "ours":
        raise UnknownModel(model)
    return SimpleNamespace(name="group"), None


def target(model: str | None = None, group: str | None = None) -> Any:
    return SimpleNamespace(model=model, group=group)


def scrutiny(judges: Judges, exchange: SilentExchange | None = None) -> Scrutiny:
    places: Any = SimpleNamespace(snapshot=SimpleNamespace(find=find))
    return Scrutiny(judges, exchange or SilentExchange("", b"", ANYONE), ANYONE, places)


def line(number: int, text: str = "said", model: str = "ours") -> bytes:
    body = {"model": model, "input": text * (number % 5 + 1)}
    return json.dumps({"custom_id": str(number), "url": "/v1/responses", "body": body}).encode()


def whole(content: Content, size: int) -> bytes:
    assert isinstance(content, Extent)
    assert content.size == size
    return content.spool.read(content.at, size)


async def test_all_are_judged_in_order_some_at_a_time() -> None:
    judges = Judges()
    content = b"\n".join(map(line, range(BESIDE * 3 + 1)))
    found = whole(*await scrutiny(judges).file(content, [target()]))
    assert [json.loads(one) for one in found.split(b"\n")] == [
        json.loads(one.replace(b"said", b"SAID")) for one in content.split(b"\n")
    ]
    assert judges.most == BESIDE
    assert set(judges.asked) == {("responses", "ours", "group")}


@pytest.mark.parametrize(
    ("place", "model", "asked"),
    [
        (target("up", "sold"), "ours", ("sold", "sold")),
        (target(None, "sold/*"), "ours", ("ours", "sold/*")),
        (target(), "theirs", ("theirs", "")),
    ],
)
async def test_a_line_asks_for_what_its_place_serves(place: Any, model: str, asked: tuple[str, str]) -> None:
    judges = Judges()
    await scrutiny(judges).file(line(1, model=model), [place, place])
    assert judges.asked == [("responses", *asked)]


async def test_the_first_that_is_refused_is_named() -> None:
    content = b"\n".join([line(0), b"", line(7, "forbidden"), line(8, "forbidden")])
    with pytest.raises(InvalidRequest) as refused:
        await scrutiny(Judges()).file(content, [target()])
    assert refused.value.message == "line 3 '7': no"
    body = json.dumps({"requests": [{"custom_id": "a", "params": {"model": "ours", "system": "forbidden"}}]})
    with pytest.raises(InvalidRequest) as refused:
        await scrutiny(Judges()).batch(body.encode())
    assert refused.value.message == "the request 'a': no"


async def test_a_name_that_is_none_is_left_out() -> None:
    body = b'{"requests": [{"custom_id": 7, "params": {"model": "ours", "system": "forbidden"}}]}'
    with pytest.raises(InvalidRequest) as refused:
        await scrutiny(Judges()).batch(body)
    assert refused.value.message == "the request: no"


async def test_nothing_is_judged_any_more_once_the_client_has_gone() -> None:
    exchange = SilentExchange("", b"", ANYONE)

    class Last(Judges):
        async def passed(self, *asked: Any) -> bytes:
            exchange.leave()
            return await super().passed(*asked)

    judges = Last()
    with pytest.raises(ClientGone):
        await scrutiny(judges, exchange).file(b"\n".join(map(line, range(99))), [target()])
    assert len(judges.asked) == BESIDE


@given(st.lists(st.sampled_from([line(1), line(2, "other"), b"", b"  "]), max_size=20), st.integers(1, 70))
async def test_it_does_not_matter_how_it_is_read(found: list[bytes], read: int) -> None:
    content = b"\n".join(found)
    usual, before = lines.READ, whole(*await scrutiny(Judges()).file(content, [target()]))
    lines.READ = read  # type: ignore[misc]
    try:
        now = whole(*await scrutiny(Judges()).file(content, [target()]))
    finally:
        lines.READ = usual  # type: ignore[misc]
    assert now == before
    assert before.count(b"\n") == content.count(b"\n")
