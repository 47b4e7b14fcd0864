"""Whether a caller may go on."""

import asyncio
from itertools import count

import msgspec
import pytest

from tianji.auth.identity import ANYONE, Identity
from tianji.auth.models import ModelRule
from tianji.errors import AuthenticationFailed, StoreUnavailable, TianjiError
from tianji.realtime.standing import Standing

NOW = 1_000.0
CALLER = msgspec.structs.replace(ANYONE, expires=NOW)


def asked_again(answer: object) -> list[TianjiError]:
    """Ask who may answer at once or later, and return what refused."""
    refused: list[TianjiError] = []

    def ask() -> object:
        if isinstance(answer, TianjiError) and not isinstance(answer, StoreUnavailable):
            raise answer
        return answer if isinstance(answer, Identity) else later()

    async def later() -> Identity:
        if isinstance(answer, TianjiError):
            raise answer
        return ANYONE

    async def story() -> None:
        Standing(ANYONE, "m", ask, count().__next__).look(NOW, refused.append)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(story())
    return refused


def test_a_key_ends_at_its_time() -> None:
    refused: list[TianjiError] = []
    standing = Standing(CALLER, "m", lambda: ANYONE, int)
    standing.look(NOW - 0.1, refused.append)
    Standing(ANYONE, "m", lambda: ANYONE, int).look(1e12, refused.append)
    assert not refused
    standing.look(NOW, refused.append)
    assert [error.status for error in refused] == [401]


def test_nobody_is_asked_about_again_while_nothing_has_changed() -> None:
    asked: list[float] = []
    revision = [1]
    standing = Standing(ANYONE, "m", lambda: asked.append(1) or ANYONE, lambda: revision[0])
    standing.look(NOW, pytest.fail)
    assert not asked
    revision[0] = 2
    standing.look(NOW, pytest.fail)
    standing.look(NOW, pytest.fail)
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [ANYONE, "later", StoreUnavailable("away")])
def test_who_is_let_in_or_cannot_be_asked_about_goes_on(answer: object) -> None:
    assert asked_again(answer) == []


def test_who_is_not_let_in_does_not() -> None:
    gone = AuthenticationFailed("gone")
    assert asked_again(gone) == [gone]


def test_a_model_that_was_taken_away_is_refused() -> None:
    rule = ModelRule(["other"], "key_model_access_denied", groups={}, infer=lambda _: "openai")
    narrowed = msgspec.structs.replace(ANYONE, rules=(rule,))
    (error,) = asked_again(narrowed)
    assert error.status == 403


def test_whoever_is_asked_last_says_it() -> None:
    refused: list[TianjiError] = []

    async def never() -> Identity:
        await asyncio.Event().wait()
        raise AuthenticationFailed("from before")

    async def story() -> None:
        standing = Standing(ANYONE, "m", never, count().__next__)
        standing.look(NOW, refused.append)
        await asyncio.sleep(0)
        standing.look(NOW, refused.append)
        await asyncio.sleep(0)
        standing.close()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(story())
    assert refused == []
