"""Connections, recorded requests, control, the process."""

import asyncio
import subprocess
import sys
import time

import msgspec
import pytest

from tianji.mock import Faults, MockServer, Rule, Settings, start

from .conftest import HELLO, Raw

STREAM = HELLO | {"stream": True}


async def test_equal_requests_get_equal_answers_from_every_path_of_the_code(mock: MockServer, raw: Raw) -> None:
    first = await raw.ask(HELLO)  # built
    other = await raw.ask(HELLO, x_other="1")  # from the cache of bodies
    again = await raw.ask(HELLO)  # from the cache of whole requests
    mock.control(Rule(Faults(tokens=3), model="nobody"))
    ruled = await raw.ask(HELLO)  # built, as there are rules
    assert first == other == again == ruled
    assert (await raw.ask(HELLO | {"model": "demo2"})).payload != first.payload


async def test_a_second_server_says_the_same(raw: Raw) -> None:
    server = await start()
    second = Raw(*await asyncio.open_connection(server.host, server.port))
    assert await second.ask(STREAM) == await raw.ask(STREAM)
    await second.close()
    await server.close()


async def test_a_rule_beats_the_caches_and_ends(mock: MockServer, raw: Raw) -> None:
    assert [(await raw.ask(HELLO)).status for _ in range(2)] == [200, 200]
    mock.control(Rule(Faults(status=503), times=1))
    assert [(await raw.ask(HELLO)).status for _ in range(3)] == [503, 200, 200]


async def test_pipelined_requests_are_answered_in_order(raw: Raw) -> None:
    raw.send(HELLO, x_mock_first_byte_ms="20", x_mock_tokens="1")
    raw.send(HELLO, x_mock_tokens="2")
    raw.send(None, path="/v1/models", method="GET")
    counts = [(await raw.read()).json["usage"]["completion_tokens"] for _ in range(2)]
    assert counts == [1, 2]
    assert (await raw.read()).json["object"] == "list"


async def test_a_stream_without_pace_is_one_write(mock: MockServer, raw: Raw) -> None:
    reply = await raw.ask(STREAM, x_mock_tokens="64")
    assert len(reply.chunks) == 67
    raw_request = next(iter(mock.state.wires))
    assert mock.state.wires[raw_request].endswith(b"0\r\n\r\n")


async def test_recorded_requests(mock: MockServer, raw: Raw) -> None:
    await raw.ask(HELLO, authorization="Bearer sk-1")
    await raw.ask(HELLO, authorization="Bearer sk-1")
    await raw.ask(b"\xff", path="/odd?x=1")
    seen = (await raw.ask(path="/mock/requests", method="GET")).json
    assert [r["path"] for r in seen] == ["/v1/chat/completions", "/v1/chat/completions", "/odd"]
    assert seen[1] | {"at": 0} == seen[0] | {"at": 0}
    assert seen[0]["json"] == HELLO
    assert ["authorization", "Bearer sk-1"] in seen[0]["headers"]
    assert seen[2]["target"] == "/odd?x=1"
    assert (seen[2]["json"], seen[2]["size"]) == (None, 1)
    await raw.ask(path="/mock/requests", method="DELETE")
    assert (await raw.ask(path="/mock/requests", method="GET")).json == []


async def test_only_the_last_requests_are_kept() -> None:
    server = await start(settings=Settings(keep_requests=2, keep_bytes=900))
    raw = Raw(*await asyncio.open_connection(server.host, server.port))
    for number in range(4):
        await raw.ask({"n": number}, path="/odd")
    assert [r["json"]["n"] for r in server.state.recorder.list()] == [2, 3]
    await raw.ask({"n": 4, "fill": "x" * 800}, path="/odd")
    assert [r["json"]["n"] for r in server.state.recorder.list()] == [4]
    assert server.state.recorder.total == 5
    await raw.close()
    await server.close()


async def test_control_over_http(raw: Raw) -> None:
    rules = [{"faults": {"status": 418}, "times": 1}, {"faults": {"tokens": 2}, "path": "/chat/completions"}]
    assert (await raw.ask(rules, path="/mock/control")).json == rules
    assert (await raw.ask(HELLO)).status == 418
    assert (await raw.ask(HELLO)).json["usage"]["completion_tokens"] == 2
    assert (await raw.ask(path="/mock/control", method="GET")).json == rules[1:]
    assert (await raw.ask(path="/mock/control", method="DELETE")).json == []
    assert (await raw.ask(HELLO)).json["usage"]["completion_tokens"] == 32
    assert (await raw.ask({"faults": {"staus": 1}}, path="/mock/control")).status == 400
    assert (await raw.ask(b"{", path="/mock/control")).status == 400
    assert (await raw.ask(path="/mock/nothing")).status == 404


async def test_wait_over_http(mock: MockServer, raw: Raw) -> None:
    other = Raw(*await asyncio.open_connection(mock.host, mock.port))
    raw.send(path="/mock/wait?requests=1&in_progress=0&open=1", method="GET")
    await other.ask(HELLO)
    counts = (await raw.read()).json
    assert (counts["requests"], counts["open"], counts["aborted"]) == (1, 1, 0)
    assert (await raw.ask(path="/mock/wait?aborted=1&timeout_ms=10", method="GET")).status == 408
    assert (await raw.ask(path="/mock/wait?abortd=1", method="GET")).status == 400
    other.send(STREAM, x_mock_stall_at="0")
    await other.reader.readuntil(b"\r\n\r\n")
    await other.close()
    counts = (await raw.ask(path="/mock/wait?aborted=1&open=0", method="GET")).json
    assert counts["aborts"][0]["phase"] == "answer"
    assert abs(counts["aborts"][0]["at"] - time.time()) < 5


async def test_a_request_broken_off_is_an_abort(mock: MockServer, raw: Raw) -> None:
    raw.writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
    await mock.state.wait(in_progress=1)
    await raw.close()
    await mock.state.wait(aborted=1, in_progress=0)
    assert (mock.state.aborts[0].phase, mock.state.aborts[0].path) == ("request", "/v1/responses")


async def test_an_idle_connection_closed_is_no_abort(mock: MockServer, raw: Raw) -> None:
    await raw.ask(HELLO)
    await raw.close()
    await mock.state.wait(open=0)
    assert mock.state.aborted == 0


async def test_expect_continue(raw: Raw) -> None:
    raw.writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    raw.writer.write(b"{}")
    assert (await raw.read()).status == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"GET / HTTP/1.1\r\n\r\n", b"400"), (b"GET / HTTP/1.0\r\n\r\n", b"505"), (b"\x16\x03\x01\r\n\r\n", b"400")],
)
async def test_protocol_errors_are_answered_and_close(raw: Raw, data: bytes, status: bytes) -> None:
    raw.writer.write(data)
    answer = await raw.reader.read(-1)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer


async def test_a_client_that_wants_to_close(raw: Raw) -> None:
    reply = await raw.ask(HELLO, connection="close")
    assert reply.headers["connection"] == "close"
    assert await raw.reader.read(1) == b""


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 200),
        ("/health", "GET", 200),
        ("/v1/models", "GET", 200),
        ("/openai/deployments/gpt/chat/completions?api-version=1", "POST", 200),
        ("/v1/chat/completions", "GET", 405),
        ("/v1/nothing", "POST", 404),
        ("/v1/nothing", "GET", 404),
    ],
)
async def test_routes(raw: Raw, path: str, method: str, status: int) -> None:
    reply = await raw.ask(HELLO if method == "POST" else None, path=path, method=method)
    assert reply.status == status


async def test_a_model_in_the_path_counts(raw: Raw) -> None:
    path = "/openai/deployments/mock-status-429/chat/completions"
    assert (await raw.ask(HELLO, path=path)).status == 429


async def test_requests_that_do_not_fit(raw: Raw) -> None:
    assert (await raw.ask(b"{")).status == 400
    reply = await raw.ask({"model": "demo"})
    assert "messages" in reply.json["error"]["message"]


async def test_close_drops_connections() -> None:
    server = await start()
    raw = Raw(*await asyncio.open_connection(server.host, server.port))
    raw.send(STREAM, x_mock_stall_at="0")
    await raw.reader.readuntil(b"\r\n\r\n")
    await server.close()
    assert await raw.reader.read(-1) == b""
    assert server.state.aborted == 0
    await raw.close()


def test_the_process_says_where_it_is_and_ends_on_sigterm() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tianji.mock", "--port", "0", "--human"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("mock listening on http://127.0.0.1:")
        process.terminate()
        assert process.wait(5) == 0


def test_the_process_refuses_unknown_faults() -> None:
    command = [sys.executable, "-m", "tianji.mock", "--port", "0", "--faults", '{"sttus": 1}']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "sttus" in done.stderr


def test_settings_are_plain_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Settings()), type=Settings) == Settings()
