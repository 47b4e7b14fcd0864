"""The mock's realtime API: what it says, and how it goes wrong."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import picows
import pytest

from tianji.mock import Faults, MockServer, Rule, start


class Client(picows.WSListener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self.code: int | None = None
        self.gone = asyncio.Event()

    def on_ws_connected(self, transport):
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self.code = int(frame.get_close_code())
            transport.disconnect()
        else:
            self.heard.put_nowait((bool(frame.fin), frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport):
        self.gone.set()

    def say(self, **event: object) -> None:
        self.transport.send(picows.WSMsgType.TEXT, json.dumps(event))

    async def event(self) -> dict[str, Any]:
        return json.loads((await self.heard.get())[1])


@pytest.fixture
async def mock() -> AsyncIterator[MockServer]:
    server = await start()
    yield server
    await server.close()


async def connect(mock: MockServer, model: str = "rt", **headers: str) -> Client:
    url = f"ws://{mock.host}:{mock.port}/v1/realtime?model={model}"
    _, client = await picows.ws_connect(Client, url, extra_headers=headers)
    return client


async def until_done(client: Client) -> list[dict[str, Any]]:
    events = [await client.event()]
    while events[-1]["type"] != "response.done":
        events.append(await client.event())
    return events


async def test_an_answer_follows_from_what_was_said_and_has_its_usage(mock: MockServer) -> None:
    said = []
    for _ in range(2):
        client = await connect(mock)
        assert (await client.event())["session"]["model"] == "rt"
        client.say(type="conversation.item.create", item={"content": [{"text": "one two"}]})
        client.say(type="response.create")
        events = await until_done(client)
        said.append("".join(event["delta"] for event in events if event["type"] == "response.output_text.delta"))
        usage = events[-1]["response"]["usage"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] == 51
        client.transport.disconnect()
        await mock.state.wait(sockets=0)
    assert said[0] == said[1]


async def test_the_beta_form_has_names_of_its_own(mock: MockServer) -> None:
    client = await connect(mock, **{"openai-beta": "realtime=v1"})
    client.say(type="response.create")
    kinds = {event["type"] for event in await until_done(client)}
    assert "response.text.delta" in kinds
    assert "response.output_text.delta" not in kinds


@pytest.mark.parametrize("text", [b"[]", b"no json", b'{"type":"no such"}', b"{}"])
async def test_what_it_does_not_understand_is_an_error_event(mock: MockServer, text: bytes) -> None:
    client = await connect(mock)
    await client.event()
    client.transport.send(picows.WSMsgType.TEXT, text)
    assert (await client.event())["type"] == "error"


async def test_echo_says_frames_back_as_they_came(mock: MockServer) -> None:
    client = await connect(mock, "echo")
    client.transport.send(picows.WSMsgType.BINARY, b"a", False)
    client.transport.send(picows.WSMsgType.CONTINUATION, b"b")
    assert [await client.heard.get() for _ in range(2)] == [(False, b"a"), (True, b"b")]


@pytest.mark.parametrize(("faults", "status"), [(Faults(status=429), 429), (Faults(status=503), 503)])
async def test_an_upgrade_is_refused(mock: MockServer, faults: Faults, status: int) -> None:
    mock.control(Rule(faults, times=1))
    with pytest.raises(picows.WSHandshakeError) as refused:
        await connect(mock)
    assert refused.value.response.status == status
    assert (await (await connect(mock)).event())["type"] == "session.created"


@pytest.mark.parametrize(("faults", "code"), [(Faults(end_at=1), 1001), (Faults(cut_at=1), None)])
async def test_it_ends_in_the_middle(mock: MockServer, faults: Faults, code: int | None) -> None:
    mock.control(Rule(faults))
    client = await connect(mock)
    client.say(type="response.create")
    async with asyncio.timeout(5):
        await client.gone.wait()
    assert client.code == code
    await mock.state.wait(sockets=0)


async def test_it_falls_silent_and_sends_fragments(mock: MockServer) -> None:
    mock.control(Rule(Faults(stall_at=1, split=10)))
    client = await connect(mock)
    pieces = [await client.heard.get()]
    while not pieces[-1][0]:
        pieces.append(await client.heard.get())
    assert len(pieces) > 5
    client.say(type="response.create")
    client.transport.send_ping()
    await mock.state.wait(requests=1)
    assert client.heard.empty()
