"""Every fault as a client's socket sees it."""

import asyncio
import gzip
import json
import time

import msgspec
import pytest

from tianji.mock import Faults, MockServer, Rule, Settings, start

from .conftest import HELLO, Raw

STREAM = HELLO | {"stream": True}


async def ended(raw: Raw) -> bool:
    """Whether the server closed."""
    return await raw.reader.read(1) == b""


async def test_first_byte_holds_the_head_back(raw: Raw) -> None:
    began = time.monotonic()
    reply = await raw.ask(HELLO, x_mock_first_byte_ms="60")
    assert reply.status == 200
    assert time.monotonic() - began >= 0.059


async def test_delay_comes_after_the_head(raw: Raw) -> None:
    raw.send(HELLO, x_mock_delay_ms="3600000")
    await raw.reader.readuntil(b"\r\n\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(raw.reader.read(1), 0.03)


async def test_delay_holds_the_body_back(raw: Raw) -> None:
    began = time.monotonic()
    reply = await raw.ask(HELLO, x_mock_delay_ms="60")
    assert reply.complete
    assert time.monotonic() - began >= 0.059


async def test_token_rate_paces_a_stream(raw: Raw) -> None:
    began = time.monotonic()
    reply = await raw.ask(STREAM, x_mock_token_rate="200", x_mock_tokens="10")
    assert time.monotonic() - began >= 0.049
    assert len(reply.events) == 13


async def test_token_rate_holds_a_plain_answer_back(raw: Raw) -> None:
    began = time.monotonic()
    await raw.ask(HELLO, x_mock_token_rate="200", x_mock_tokens="10")
    assert time.monotonic() - began >= 0.049


@pytest.mark.parametrize("size", [0, 1, 17, 10_000])
async def test_bytes_and_tokens(raw: Raw, size: int) -> None:
    reply = await raw.ask(HELLO, x_mock_bytes=str(size))
    assert len(reply.json["choices"][0]["message"]["content"]) == size
    reply = await raw.ask(HELLO, x_mock_tokens=str(size))
    assert reply.json["usage"]["completion_tokens"] == size


async def test_status_and_retry_after_and_headers(raw: Raw) -> None:
    wish = {"x_mock_retry_after": "7", "x_mock_headers": '{"x-ratelimit-remaining":"0"}'}
    reply = await raw.ask(HELLO, x_mock_status="429", **wish)
    assert reply.status == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["x-ratelimit-remaining"] == "0"
    assert reply.json["error"]["code"] == "rate_limit_exceeded"


async def test_a_good_status_keeps_the_answer(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_status="201")
    assert reply.status == 201
    assert reply.json["object"] == "chat.completion"


async def test_stall_keeps_the_connection_and_is_seen_as_in_progress(mock: MockServer, raw: Raw) -> None:
    raw.send(STREAM, x_mock_stall_at="2")
    await raw.reader.readuntil(b"\r\n\r\n")
    for _ in range(2):
        size = int((await raw.reader.readuntil(b"\r\n"))[:-2], 16)
        await raw.reader.readexactly(size + 2)
    assert mock.state.counts()["in_progress"] == 1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(raw.reader.read(1), 0.03)
    await raw.close()
    await mock.state.wait(aborted=1, in_progress=0, open=0)
    (abort,) = mock.state.aborts
    assert (abort.phase, abort.path, abort.model) == ("answer", "/v1/chat/completions", "demo")
    assert abs(abort.monotonic - time.monotonic()) < 5


async def test_stall_may_end(raw: Raw) -> None:
    began = time.monotonic()
    reply = await raw.ask(STREAM, x_mock_stall_at="2", x_mock_stall_ms="50")
    assert time.monotonic() - began >= 0.049
    assert reply.complete
    assert reply.events[-1] == b"[DONE]"


async def test_stall_in_the_middle_of_a_plain_body(raw: Raw) -> None:
    raw.send(HELLO, x_mock_stall_at="1")
    head = await raw.reader.readuntil(b"\r\n\r\n")
    size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    await raw.reader.readexactly(size // 2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(raw.reader.read(1), 0.03)


@pytest.mark.parametrize("body", [HELLO, STREAM])
@pytest.mark.parametrize("at", [0, 1, 300])
async def test_cut(raw: Raw, body: dict[str, object], at: int) -> None:
    reply = await raw.ask(body, x_mock_cut_at=str(at))
    assert not reply.complete
    assert len(reply.payload) == at
    assert await ended(raw)


async def test_a_cut_behind_the_end_cuts_nothing(raw: Raw) -> None:
    assert (await raw.ask(HELLO, x_mock_cut_at="100000")).complete


async def test_reset(raw: Raw) -> None:
    raw.send(HELLO, x_mock_cut_at="100", x_mock_reset="true")
    with pytest.raises(ConnectionResetError):
        await raw.reader.read(-1)


async def test_garbage_chunk(raw: Raw) -> None:
    reply = await raw.ask(STREAM, x_mock_garbage_at="3")
    assert reply.complete
    assert len(reply.chunks) == 35
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(reply.chunks[3][6:])
    assert reply.chunks[4].startswith(b'data: {"id"')


@pytest.mark.parametrize("at", ["0", "1"])
async def test_garbage_body(raw: Raw, at: str) -> None:
    reply = await raw.ask(HELLO, x_mock_garbage_at=at)
    assert reply.status == 200
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(reply.payload)


async def test_wrong_length(raw: Raw) -> None:
    raw.send(HELLO, x_mock_length="5000", x_mock_close_after="true")
    reply = await raw.read()
    assert reply.headers["content-length"] == "5000"
    assert not reply.complete
    assert len(reply.payload) < 5000


async def test_close_before_the_answer(raw: Raw) -> None:
    raw.send(HELLO, x_mock_close="true")
    assert await ended(raw)


async def test_raw_bytes_and_on(raw: Raw) -> None:
    raw.send(HELLO, x_mock_raw="HTTP/1.1 2\\x300 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi")
    assert (await raw.read()).payload == b"hi"
    assert (await raw.ask(HELLO)).status == 200


async def test_raw_bytes_and_close(raw: Raw) -> None:
    raw.send(HELLO, x_mock_raw="nonsense\\r\\n", x_mock_close="true")
    assert await raw.reader.read(-1) == b"nonsense\r\n"


async def test_close_after(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_close_after="true")
    assert reply.headers["connection"] == "close"
    assert reply.complete
    assert await ended(raw)


async def test_no_done_and_end_at(raw: Raw) -> None:
    reply = await raw.ask(STREAM, x_mock_no_done="true")
    assert reply.complete
    assert reply.events[-1]["choices"][0]["finish_reason"] == "stop"
    reply = await raw.ask(STREAM, x_mock_end_at="4")
    assert reply.complete
    assert len(reply.chunks) == 4


async def test_error_in_mid_stream(raw: Raw) -> None:
    reply = await raw.ask(STREAM, x_mock_error_at="4")
    assert reply.complete
    assert len(reply.events) == 5
    assert reply.events[4]["error"]["code"] == "mock_error"


async def test_canned_answers(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_body='{"strange": [1,  2]}')
    assert reply.payload == b'{"strange": [1,  2]}'
    reply = await raw.ask(STREAM, x_mock_events=json.dumps(['{"a": 1}', "[DONE]"]))
    assert reply.chunks == [b'data: {"a": 1}\n\n', b"data: [DONE]\n\n"]


async def test_gzip(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_gzip="true")
    assert reply.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(reply.payload))["object"] == "chat.completion"


async def test_split_changes_no_byte(raw: Raw) -> None:
    whole = await raw.ask(STREAM)
    assert (await raw.ask(STREAM, x_mock_split="97")).payload == whole.payload


async def test_slow_read(mock: MockServer, raw: Raw) -> None:
    began = time.monotonic()
    mock.control(Rule(Faults(slow_read=2_000_000)))
    reply = await raw.ask(HELLO | {"user": "x" * 300_000})
    assert reply.status == 200
    assert time.monotonic() - began >= 0.02


async def test_unknown_or_bad_headers_are_refused(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_stal_at="2")
    assert reply.status == 400
    assert "stall-at" in reply.json["error"]["message"]
    assert await ended(raw)


async def test_bad_value_is_refused(raw: Raw) -> None:
    reply = await raw.ask(HELLO, x_mock_tokens="-1")
    assert reply.status == 400
    assert "tokens" in reply.json["error"]["message"]


async def test_sources_override_each_other_field_by_field() -> None:
    server = await start(settings=Settings(faults=Faults(tokens=1, first_byte_ms=0)))
    raw = Raw(*await asyncio.open_connection(server.host, server.port))

    async def made(model: str, **headers: str) -> int:
        reply = await raw.ask(HELLO | {"model": model}, **headers)
        count: int = reply.json["usage"]["completion_tokens"]
        return count

    assert await made("demo") == 1
    assert await made("mock-tokens-2") == 2
    server.control(Rule(Faults(tokens=3), model="mock-tokens-2"))
    assert await made("mock-tokens-2") == 3
    assert await made("demo") == 1
    assert await made("mock-tokens-2", x_mock_tokens="4") == 4
    await raw.close()
    await server.close()
