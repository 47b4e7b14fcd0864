"""Deployments with `http2: true` keep the promises of all others: order, backpressure, disconnects, safe repeats."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from h2.errors import ErrorCodes
from tests.contract.conftest import StartGateway
from tests.contract.harness import MASTER_KEY, UPSTREAM_KEY, Gateway, Mock, events, openai_model
from tests.fakes.http2 import SSE, Ask, Http2Upstream, Script
from tests.fakes.upstream import Upstream, answering, whole

NOTICED = 0.050  # seconds from the client's close to RST_STREAM at the upstream
TRIES = 3  # the bound stays; a loaded machine may have been busy elsewhere
ANSWER = {"id": "1", "object": "chat.completion", "model": "up", "choices": [], "usage": None}
PATH = "/v1/chat/completions"


def chunk(number: int, **choice: object) -> bytes:
    choice = {"index": 0, "delta": {"content": f"{number} "}, "finish_reason": None, **choice}
    body = {"id": "1", "object": "chat.completion.chunk", "model": "up", "choices": [choice]}
    return b"data: %b\n\n" % json.dumps(body).encode()


async def plain(ask: Ask) -> None:
    await ask.answer(json.dumps(ANSWER).encode())


async def endless(ask: Ask) -> None:
    ask.head(kind=SSE)
    number = 0
    while not ask.reset.is_set():
        await ask.send(chunk(number))
        number += 1
        await asyncio.sleep(0.01)


async def silent(ask: Ask) -> None:
    await ask.reset.wait()


class World:
    """A gateway in front of scripted upstreams; its requests are awaited in the loop that runs those."""

    def __init__(self, start: StartGateway, folder: Path) -> None:
        self._start = start
        self._folder = folder
        self.gateway: Gateway
        self.client: httpx.AsyncClient

    def model(self, upstream: Http2Upstream, name: str = "m", **params: object) -> dict[str, Any]:
        authority = self._folder / f"{upstream.port}.pem"
        authority.write_text(upstream.authority)
        return openai_model(name, "up", upstream.url, ssl_verify=str(authority), http2=True, **params)

    def serve(self, *models: dict[str, Any], **settings: object) -> None:
        once = {"num_retries": 0}
        self.gateway = self._start({"model_list": list(models), "router_settings": once, "litellm_settings": settings})
        headers = {"authorization": f"Bearer {MASTER_KEY}"}
        self.client = httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=20, trust_env=False)

    async def chat(self, **more: object) -> httpx.Response:
        return await self.client.post(PATH, json={"model": "m", "messages": [], **more})

    async def open(self, **more: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask on a plain connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        body = json.dumps({"model": "m", "messages": [], **more}).encode()
        head = f"POST {PATH} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {MASTER_KEY}\r\ncontent-length: {len(body)}"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        return reader, writer


@pytest.fixture
async def world(start_gateway: StartGateway, tmp_path: Path) -> AsyncIterator[World]:
    made = World(start_gateway, tmp_path)
    yield made
    await made.client.aclose()


async def test_a_whole_answer(world: World) -> None:
    async with Http2Upstream(plain) as upstream:
        world.serve(world.model(upstream, extra_headers={"X-Tenant": "t1"}))
        answers = await asyncio.gather(*(world.chat(temperature=0.5) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["model"] for answer in answers} == {"m"}
        assert len(upstream.peers) == 1
        ask = upstream.asks[0]
        assert json.loads(ask.body) == {"model": "up", "messages": [], "temperature": 0.5}
        assert ask.headers[b":path"] == b"/v1/chat/completions"
        assert ask.headers[b":authority"] == f"127.0.0.1:{upstream.port}".encode()
        assert ask.headers[b"authorization"] == f"Bearer {UPSTREAM_KEY}".encode()
        assert ask.headers[b"x-tenant"] == b"t1"
        assert ask.headers[b"content-length"] == b"%d" % len(ask.body)


async def test_streams_arrive_in_order_and_apart(world: World) -> None:
    async def counting(ask: Ask) -> None:
        mark = json.loads(ask.body)["messages"][0]["content"]
        ask.head(kind=SSE)
        for number in range(200):
            await ask.send(chunk(number, delta={"content": f"{mark}-{number} "}))
            if number % 20 == 0:
                await asyncio.sleep(0)
        await ask.send(chunk(200, delta={}, finish_reason="stop") + b"data: [DONE]\n\n", end=True)

    async with Http2Upstream(counting) as upstream:
        world.serve(world.model(upstream))
        marks = [f"call{number}" for number in range(20)]
        answers = await asyncio.gather(
            *(world.chat(stream=True, messages=[{"role": "user", "content": mark}]) for mark in marks)
        )
        for mark, answer in zip(marks, answers, strict=True):
            *chunks, done = events(answer.text)
            assert done == "[DONE]"
            text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks)
            assert text == "".join(f"{mark}-{number} " for number in range(200))
            assert {c["model"] for c in chunks} == {"m"}
        assert len(upstream.peers) == 1


async def test_an_error_of_the_upstream_is_handed_on(world: World) -> None:
    async def limited(ask: Ask) -> None:
        ask.head(429, retry_after=b"7")
        await ask.send(b'{"error":{"message":"slow down","type":"rate_limit_error"}}', end=True)

    async with Http2Upstream(limited) as upstream:
        world.serve(world.model(upstream))
        answer = await world.chat()
        assert answer.status_code == 429
        assert "slow down" in answer.json()["error"]["message"]
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(("script", "stream"), [(silent, False), (silent, True), (endless, True)])
async def test_a_client_that_leaves_resets_the_stream(world: World, script: Script, stream: bool) -> None:
    async def first(ask: Ask) -> None:
        arrived.set()
        await (script(ask) if json.loads(ask.body).get("stop") else plain(ask))

    arrived = asyncio.Event()
    delays: list[float] = []
    async with Http2Upstream(first) as upstream:
        world.serve(world.model(upstream))
        while len(delays) < TRIES and (not delays or delays[-1] >= NOTICED):
            arrived.clear()
            reader, writer = await world.open(stream=stream, stop=["x"])
            await (reader.readuntil(b"data: ") if script is endless else arrived.wait())
            left = time.monotonic()
            writer.close()
            ask = upstream.asks[-1]
            await asyncio.wait_for(ask.reset.wait(), 30)
            delays.append(ask.reset_at - left)
        assert min(delays) < NOTICED
        assert (await world.chat()).status_code == 200
        assert len(upstream.peers) == 1


async def test_a_refused_stream_goes_to_another_deployment(world: World, mock: Mock) -> None:
    async def refused(ask: Ask) -> None:
        ask.refuse(ErrorCodes.REFUSED_STREAM)

    async with Http2Upstream(refused) as upstream:
        world.serve(world.model(upstream, weight=1000), openai_model("m", "gpt-test", mock.url, weight=1))
        answer = await world.chat()
        assert answer.status_code == 200
        assert len(upstream.asks) == 2
        assert len(mock.requests()) == 1


async def test_a_stream_that_is_reset_is_not_repeated(world: World, mock: Mock) -> None:
    async def reset(ask: Ask) -> None:
        ask.refuse(ErrorCodes.INTERNAL_ERROR)

    async with Http2Upstream(reset) as upstream:
        world.serve(world.model(upstream, weight=1000), openai_model("m", "gpt-test", mock.url, weight=1))
        answer = await world.chat()
        assert (answer.status_code, answer.json()["error"]["type"]) == (500, "internal_server_error")
        assert mock.requests() == []


async def test_a_stream_that_is_cut_ends_in_an_error_event(world: World) -> None:
    async def cut(ask: Ask) -> None:
        ask.head(kind=SSE)
        await ask.send(chunk(0))
        ask.refuse(ErrorCodes.INTERNAL_ERROR)

    async with Http2Upstream(cut) as upstream:
        world.serve(world.model(upstream))
        *before, last = events((await world.chat(stream=True)).text)
        assert len(before) == 1
        assert last["error"]["type"] == "upstream_error"


async def test_an_upstream_that_goes_away_finishes_what_it_has(world: World) -> None:
    going, rest = asyncio.Event(), asyncio.Event()

    async def leaving(ask: Ask) -> None:
        if not json.loads(ask.body).get("stream"):
            await plain(ask)
            return
        ask.head(kind=SSE)
        await ask.send(chunk(0))
        ask.peer.going_away(last=ask.stream)
        going.set()
        await rest.wait()
        await ask.send(chunk(1, finish_reason="stop") + b"data: [DONE]\n\n", end=True)

    async with Http2Upstream(leaving) as upstream:
        world.serve(world.model(upstream))
        stream = asyncio.create_task(world.chat(stream=True))
        await going.wait()
        assert (await world.chat()).status_code == 200  # on another connection
        assert len(upstream.peers) == 2
        rest.set()
        assert events((await stream).text)[-1] == "[DONE]"


async def test_a_slow_reader_stops_its_upstream_and_loses_nothing(world: World) -> None:
    total = 400
    padding = "x" * 50_000

    async def large(ask: Ask) -> None:
        ask.head(kind=SSE)
        for number in range(total):
            await ask.send(chunk(number, delta={"content": f"{number} {padding}"}))
        await ask.send(chunk(total, delta={}, finish_reason="stop") + b"data: [DONE]\n\n", end=True)

    async with Http2Upstream(large) as upstream:
        world.serve(world.model(upstream))
        async with world.client.stream("POST", PATH, json={"model": "m", "messages": [], "stream": True}) as answer:
            ask = upstream.asks[0]
            before = -1
            while ask.sent != before:  # stands still for a while
                before = ask.sent
                await asyncio.sleep(0.2)
            assert ask.sent < total * len(padding) // 2
            *chunks, done = events((await answer.aread()).decode())
        assert done == "[DONE]"
        said = [c["choices"][0]["delta"]["content"] for c in chunks[:-1]]
        assert said == [f"{number} {padding}" for number in range(total)]


async def test_timeouts_hold(world: World) -> None:
    async with Http2Upstream(silent) as upstream:
        world.serve(world.model(upstream))
        assert (await world.chat(timeout=0.2)).status_code == 408
        await asyncio.wait_for(upstream.asks[0].reset.wait(), 30)


async def test_the_setting_for_all_upstreams(world: World) -> None:
    async with Http2Upstream(plain) as upstream:
        entry = world.model(upstream)
        del entry["litellm_params"]["http2"]
        world.serve(entry, http2=True)
        assert (await world.chat()).status_code == 200
        assert len(upstream.asks) == 1
        assert b"http2" not in upstream.asks[0].body


async def test_an_upstream_that_declines_is_called_over_http_1_1(world: World) -> None:
    async with Http2Upstream(plain, alpn="http/1.1") as decliner:
        body = whole(json.dumps(ANSWER).encode(), b"content-type: application/json")
        async with Upstream(answering(body), decliner.tls) as upstream:
            decliner.port, decliner.url = upstream.port, f"https://127.0.0.1:{upstream.port}"
            world.serve(world.model(decliner))
            assert (await world.chat()).status_code == 200
            assert (await world.chat()).status_code == 200
            assert [peer.requests[0][:5] for peer in upstream.peers if peer.requests] == [b"POST "]
