"""Embeddings of a model group: asked once a text, never for long, and never a reason to fail."""

import asyncio
from typing import Any

import pytest

from tianji.clock import ManualClock
from tianji.errors import UpstreamTimeout
from tianji.routing.auto import distant
from tianji.routing.auto.decision import Default
from tianji.routing.auto.distant import REST, DistantSemanticRouter

from .conftest import Embedding, said
from .test_semantic import ROUTES


class Upstream:
    """Embeds, and counts how often; `failure` is raised instead."""

    def __init__(self, embed: Embedding) -> None:
        self.calls: list[list[str]] = []
        self.failure: Exception | None = None
        self._embed = embed

    async def __call__(self, texts: list[str]) -> Any:
        self.calls.append(texts)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self._embed(texts).tolist()


@pytest.fixture
def upstream(embed: Embedding) -> Upstream:
    return Upstream(embed)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def router(upstream: Upstream, clock: ManualClock) -> DistantSemanticRouter:
    return DistantSemanticRouter(ROUTES, upstream, 2000, Default("d"), clock)


async def group(router: DistantSemanticRouter, text: str) -> str:
    return (await router.decide(said(text))).group


async def test_examples_are_embedded_once_and_a_text_once(router: DistantSemanticRouter, upstream: Upstream) -> None:
    assert upstream.calls == []
    decisions = await asyncio.gather(*(router.decide(said(text)) for text in ("python bug", "onion soup")))
    assert [decision.reason for decision in decisions] == ["meaning: coding 1.00", "meaning: cooking 1.00"]
    assert await group(router, "python bug") == "coder"
    examples = [text for route in ROUTES for text in route.utterances]
    assert sorted(upstream.calls) == sorted([examples, ["python bug"], ["onion soup"]])


async def test_no_text_is_no_call(router: DistantSemanticRouter, upstream: Upstream) -> None:
    assert await group(router, " ") == "d"
    assert upstream.calls == []


async def test_what_fits_nothing_is_remembered_too(router: DistantSemanticRouter, upstream: Upstream) -> None:
    assert [await group(router, "a lease") for _ in range(2)] == ["d", "d"]
    assert len(upstream.calls) == 2


@pytest.mark.parametrize("failure", [UpstreamTimeout("slow", phase="total"), ValueError("no vectors")])
async def test_a_failure_is_the_default_and_then_a_rest(
    router: DistantSemanticRouter, upstream: Upstream, clock: ManualClock, failure: Exception
) -> None:
    assert await group(router, "python bug") == "coder"
    upstream.failure = failure
    assert await group(router, "onion soup") == "d"
    upstream.failure = None
    assert await group(router, "butter") == "d", "it rests"
    assert await group(router, "python bug") == "coder", "what is known needs no call"
    clock.advance(REST)
    assert await group(router, "onion soup") == "chef"


async def test_an_upstream_that_does_not_answer_is_given_up(
    upstream: Upstream, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distant, "TIMEOUT", 0.0)

    async def never(_texts: list[str]) -> Any:
        await asyncio.get_running_loop().create_future()

    assert await group(DistantSemanticRouter(ROUTES, never, 2000, Default("d"), clock), "python bug") == "d"


async def test_a_wrong_number_of_vectors_is_the_default(clock: ManualClock) -> None:
    async def wrong(texts: list[str]) -> Any:
        return [[1.0, 0.0]] * (len(texts) + 1)

    assert await group(DistantSemanticRouter(ROUTES, wrong, 2000, Default("d"), clock), "python bug") == "d"


async def test_memory_is_bounded(
    router: DistantSemanticRouter, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distant, "REMEMBERED", 2)
    for text in ("python", "soup", "lease"):
        await router.decide(said(text))
    upstream.calls.clear()
    for text in ("lease", "soup", "python"):
        await router.decide(said(text))
    assert upstream.calls == [["python"]], "the oldest one was forgotten"
