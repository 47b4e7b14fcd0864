"""Whatever Replicate says of a prediction, whoever waits for it is answered, or hears that it cannot be read."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tianji.egress import client
from tianji.egress.inside import Asked, Reply
from tianji.errors import UpstreamFailure
from tianji.providers import replicate_asking
from tianji.providers.replicate_asking import Model, asking

HOST = "https://api.replicate.example"
MODEL = Model("replicate", "m", f"{HOST}/v1/predictions", None)
DONE = json.dumps({"status": "succeeded", "output": ["a", "b"]}).encode()
texts = st.sampled_from(["succeeded", "failed", "starting", ""]) | st.text(max_size=5)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
places = st.one_of(st.text(max_size=8), st.text(max_size=8).map(lambda path: f"{HOST}/{path}"), values)
predictions = st.fixed_dictionaries(
    {},
    optional={
        "status": texts | values,
        "output": values,
        "error": values,
        "urls": st.fixed_dictionaries({"get": places}),
    },
)
answers = st.binary(max_size=20) | predictions.map(lambda one: json.dumps(one).encode())


class Told:
    """A reply that notes what it is told."""

    def __init__(self) -> None:
        self.begun = self.over = False
        self.status = 200
        self.body = b""

    def whole(self, body: bytes, status: int = 200) -> None:
        assert not self.begun
        self.over, self.status, self.body = True, status, body

    async def send(self, piece: bytes) -> None:
        self.begun = True
        self.body += piece

    def end(self) -> None:
        self.over = True


def answered(said: Sequence[tuple[int, bytes]], *, stream: bool) -> Told | UpstreamFailure:
    """What comes of a request whose prediction is said to be so, one look after another; then it is done."""
    left = list(said)

    def look(_request: httpx.Request) -> httpx.Response:
        status, body = left.pop(0) if left else (200, DONE)
        return httpx.Response(status, content=body)

    def opened(_timeouts: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(look))

    told = Told()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "open_client", opened)
        patch.setattr(replicate_asking, "_PAUSE", 0)
        try:
            asyncio.run(asking(MODEL, {})(Asked("/v1/chat/completions", body), cast("Reply", told)))
        except UpstreamFailure as error:
            return error
    return told


@given(said=st.lists(st.tuples(st.sampled_from([200, 201, 404, 500]), answers), max_size=3), stream=st.booleans())
@example(said=[(201, json.dumps({"status": "starting", "urls": {"get": f"{HOST}/\x00"}}).encode())], stream=False)
@example(said=[(200, b"[" * 100_000)], stream=True)
def test_whoever_waits_is_answered(said: list[tuple[int, bytes]], stream: bool) -> None:
    told = answered(said, stream=stream)
    assert isinstance(told, UpstreamFailure) or told.over


def test_pieces_are_joined() -> None:
    told = answered([], stream=False)
    assert isinstance(told, Told)
    assert json.loads(told.body)["choices"][0]["message"]["content"] == "ab"
