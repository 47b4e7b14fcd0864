"""Tokens that expire."""

import asyncio

import pytest

from tianji.clock import ManualClock
from tianji.errors import UpstreamFailure
from tianji.providers.logins.tokens import Token, TokenSource


class Mint:
    """Mints when it is let, in order."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.failing = False

    async def __call__(self) -> Token:
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.failing:
            raise UpstreamFailure("no token today")
        return Token(f"t{number}", 3600)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def source() -> tuple[TokenSource, Mint, ManualClock]:
    mint, clock = Mint(), ManualClock()
    found = TokenSource(mint, clock)
    mint.gate.set()
    assert found.current() is None
    assert await found.wait() == "t1"
    mint.gate.clear()
    return found, mint, clock


async def test_all_who_wait_share_one_minting() -> None:
    mint = Mint()
    found = TokenSource(mint, ManualClock())
    waiting = [asyncio.ensure_future(found.wait()) for _ in range(50)]
    await settled()
    waiting[0].cancel()  # whoever leaves takes nothing from the others
    await settled()
    mint.gate.set()
    assert await asyncio.gather(*waiting[1:]) == ["t1"] * 49
    assert mint.asked == 1


async def test_a_valid_token_is_never_waited_for() -> None:
    found, mint, clock = await source()
    clock.advance(3600 - 299)
    assert found.current() == "t1"
    assert await found.wait() == "t1"
    await settled()
    assert mint.asked == 2  # one successor is under way
    assert found.current() == "t1"
    mint.gate.set()
    await settled()
    assert found.current() == "t2"
    assert mint.asked == 2


async def test_a_refresh_that_fails_pauses_and_the_old_token_serves() -> None:
    found, mint, clock = await source()
    mint.failing = True
    mint.gate.set()
    clock.advance(3400)
    assert found.current() == "t1"
    await settled()
    assert found.current() == "t1"
    await settled()
    assert mint.asked == 2
    clock.advance(16)
    assert found.current() == "t1"
    await settled()
    assert mint.asked == 3
    clock.advance(200)
    assert found.current() is None
    with pytest.raises(UpstreamFailure, match="no token today"):
        await found.wait()


async def test_after_a_failure_the_next_one_tries_again() -> None:
    mint = Mint()
    mint.gate.set()
    mint.failing = True
    found = TokenSource(mint, ManualClock())
    with pytest.raises(UpstreamFailure):
        await found.wait()
    mint.failing = False
    assert await found.wait() == "t2"


async def test_a_short_life_is_replaced_in_its_last_quarter() -> None:
    clock = ManualClock()
    asked = 0

    async def mint() -> Token:
        nonlocal asked
        asked += 1
        return Token("x", 100)

    found = TokenSource(mint, clock)
    await found.wait()
    clock.advance(74)
    found.current()
    await settled()
    assert asked == 1
    clock.advance(1)
    found.current()
    await settled()
    assert asked == 2
