"""A6: conversations over WebSockets, through the running gateway to the mock."""

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.contract.conftest import StartGateway
from tests.contract.harness import MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Client,
    RefusedError,
    close,
    frame,
    handshake,
)

Connect = Callable[..., Client]
PATH = "/v1/realtime"
WRITTEN = {"audio": {"input": {"transcription": {"model": "rt", "language": "fr"}}}}
SAY = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one two"}]}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, dead_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    base = mock_process.url
    azure = {"model": "azure/east", "api_base": base, "api_key": "azure-key"}
    config = {
        "model_list": [
            openai_model("rt", "gpt-realtime", base),
            openai_model("echo", "echo", base),
            openai_model("mock-*", "mock-*", base),
            openai_model("dead", "never", dead_url),
            openai_model("half-dead", "never", dead_url, order=1),
            openai_model("half-dead", "gpt-realtime", base, order=2),
            openai_model("refusing", "mock-status-503", base),
            openai_model("narrow", "gpt-realtime", base, max_parallel_requests=1),
            {"model_name": "azure", "litellm_params": azure},
        ],
        "router_settings": {"num_retries": 1, "fallbacks": [{"refusing": ["rt"]}], "disable_cooldowns": True},
        "litellm_settings": {"cache": True, "cache_params": {"type": "local"}},  # which keeps no conversation
        "general_settings": {"realtime_allowed_origins": ["https://app.example"]},
    }
    with Gateway(config, tmp_path_factory.mktemp("realtime"), edge=edge) as running:
        yield running


@pytest.fixture
def connect(gateway: Gateway, mock: Mock) -> Iterator[Connect]:
    """Open WebSockets with the master key; without one where `authorization` is ""."""
    opened: list[Client] = []

    def open_one(model: str = "echo", path: str = PATH, **headers: str) -> Client:
        fields = {"authorization": f"Bearer {MASTER_KEY}", **headers}
        target = f"{path}?model={model}" if model else path
        client = Client(gateway.connect(), target, **{name: value for name, value in fields.items() if value})
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.drop()
    mock.wait(sockets=0)


def refusal(connect: Connect, *arguments: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        connect(*arguments, **headers)
    error = json.loads(refused.value.body)["error"]
    return refused.value.status, error["message"]


def events(client: Client) -> list[dict[str, Any]]:
    """Hear events up to the end of a response."""
    heard = [json.loads(client.message().payload)]
    while heard[-1]["type"] != "response.done":
        heard.append(json.loads(client.message().payload))
    return heard


# -- the official client ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("beta", "delta"), [(False, "response.output_text.delta"), (True, "response.text.delta")])
async def test_the_official_client_holds_a_conversation(gateway: Gateway, mock: Mock, beta: bool, delta: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY) as client:
        headers = {"OpenAI-Beta": "realtime=v1"} if beta else {}
        async with client.realtime.connect(model="rt", extra_headers=headers) as session:
            assert (await session.recv()).type == "session.created"
            await session.session.update(session={"type": "realtime", "instructions": "be brief"})
            assert (await session.recv()).type == "session.updated"
            await session.conversation.item.create(item=SAY)
            await session.response.create()
            said = []
            async for event in session:
                if event.type == delta:
                    said.append(event.delta)
                if event.type == "response.done":
                    break
    assert len(said) == 32
    assert event.response.usage.input_tokens == 12
    sent = mock.last()
    assert sent["target"] == f"{PATH}?model=gpt-realtime"
    assert (["openai-beta", "realtime=v1"] in sent["headers"]) is beta


def test_azures_forms_reach_azures_paths(gateway: Gateway, mock: Mock) -> None:
    forms = {
        "/openai/realtime?api-version=2025-04-01-preview&deployment=azure": (
            "/openai/realtime?api-version=2025-04-01-preview&deployment=east"
        ),
        "/openai/v1/realtime?model=azure": "/openai/v1/realtime?model=east",
        "/v1/realtime?model=azure&intent=transcription": "/openai/v1/realtime?model=east&intent=transcription",
    }
    for asked, sent in forms.items():
        with Client(gateway.connect(), asked, api_key=MASTER_KEY) as client:
            assert json.loads(client.message().payload)["type"] == "session.created"
        assert mock.last()["target"] == sent
        assert ["api-key", "azure-key"] in mock.last()["headers"]


# -- who may -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "", "api_key": MASTER_KEY},
        {
            "authorization": "",
            "sec_websocket_protocol": f"realtime, openai-insecure-api-key.{MASTER_KEY}, openai-beta.realtime-v1",
        },
    ],
    ids=["api-key", "sub-protocol"],
)
def test_keys_are_taken_where_clients_put_them(connect: Connect, mock: Mock, headers: dict[str, str]) -> None:
    client = connect("rt", **headers)
    assert json.loads(client.message().payload)["type"] == "session.created"
    offered = "sec_websocket_protocol" in headers
    assert client.headers.get("sec-websocket-protocol") == ("realtime" if offered else None)
    assert MASTER_KEY not in str(client.headers)
    assert MASTER_KEY not in str(mock.last())
    assert (["openai-beta", "realtime=v1"] in mock.last()["headers"]) is offered


@pytest.mark.parametrize(
    "headers", [{"authorization": ""}, {"authorization": "Bearer sk-wrong"}], ids=["none", "wrong"]
)
def test_without_a_key_there_is_no_upgrade(connect: Connect, mock: Mock, headers: dict[str, str]) -> None:
    status, message = refusal(connect, "rt", **headers)
    assert (status, message.startswith("Authentication Error")) == (401, True)
    assert mock.requests() == []


@pytest.mark.parametrize(
    ("origin", "let_in"),
    [("https://app.example", True), ("http://t", True), ("https://evil.example", False), ("null", False)],
)
def test_pages_of_other_origins_are_refused(connect: Connect, origin: str, let_in: bool) -> None:
    if let_in:
        connect("rt", origin=origin)
    else:
        assert refusal(connect, "rt", origin=origin)[0] == 403


@pytest.mark.parametrize(
    ("model", "status", "said"),
    [
        ("nobody", 404, "nobody"),
        ("", 400, "?model="),
        ("dead", 502, "could not connect"),
        ("mock-status-429", 429, "status 429"),
    ],
)
def test_what_cannot_be_served_is_an_answer_of_http(connect: Connect, model: str, status: int, said: str) -> None:
    found, message = refusal(connect, model)
    assert (found, said in message) == (status, True), message


def test_another_version_of_the_protocol_is_told_which_is_spoken(edge: str, gateway: Gateway, mock: Mock) -> None:
    """RFC 6455 section 4.2.2. Granian answers this itself, and names none."""
    with gateway.connect() as sock:
        sock.sendall(handshake(f"{PATH}?model=rt", sec_websocket_version="12", authorization=f"Bearer {MASTER_KEY}"))
        head = sock.recv(65536).lower()
    assert head.startswith(b"http/1.1 400 ")
    assert (b"\r\nsec-websocket-version: 13\r\n" in head) is (edge == "native")
    assert mock.requests() == []


def test_an_upstream_that_closes_in_place_of_an_upgrade_is_502(connect: Connect, mock: Mock) -> None:
    mock.control({"close": True})
    assert refusal(connect, "rt")[0] == 502


def test_a_plain_request_is_told_what_to_do(gateway: Gateway) -> None:
    answer = gateway.client.get(f"{PATH}?model=rt")
    assert (answer.status_code, "WebSocket" in answer.text) == (400, True)


@pytest.mark.parametrize("model", ["half-dead", "refusing"])
def test_another_upstream_is_asked_before_the_client_is_let_in(connect: Connect, model: str) -> None:
    assert json.loads(connect(model).message().payload)["type"] == "session.created"


def test_a_conversation_holds_its_slot_until_it_ends(connect: Connect) -> None:
    first = connect("narrow")
    assert refusal(connect, "narrow")[0] == 429
    first.send(close(1000))
    assert first.last().code == 1000

    def let_in() -> Client | None:
        try:
            return connect("narrow")
        except RefusedError:  # the client hears of the end before the gateway is done with it
            return None

    second = eventually(let_in, "the slot is free again")
    assert json.loads(second.message().payload)["type"] == "session.created"


# -- frames ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 3_000_000])
def test_messages_of_every_length_come_back_as_they_went(connect: Connect, size: int) -> None:
    client = connect()
    payload = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    client.say(payload.decode())
    assert client.message() == (TEXT, payload, True)
    client.say(payload[::-1])
    assert client.message() == (BINARY, payload[::-1], True)


def test_fragments_and_what_comes_between_them(connect: Connect) -> None:
    client = connect()
    client.send(frame(TEXT, b"one ", fin=False) + frame(PING, b"?") + frame(CONTINUATION, b"two ", fin=False))
    client.send(frame(CONTINUATION, b"three"))
    heard = [client.hear()]
    while not (heard[-1].fin and heard[-1].opcode != PONG):
        heard.append(client.hear())
    assert b"".join(one.payload for one in heard if one.opcode != PONG) == b"one two three"
    assert [one.payload for one in heard if one.opcode == PONG] == [b"?"]


def test_messages_keep_their_order(connect: Connect) -> None:
    client = connect()
    client.send(b"".join(frame(TEXT, b"%d" % number) for number in range(2000)))
    assert [client.message().payload for _ in range(2000)] == [b"%d" % number for number in range(2000)]


def test_a_slow_reader_is_waited_for(connect: Connect) -> None:
    """What he does not read is not read from the other side either: it waits there, and comes whole in the end."""
    client = connect()
    other = connect()
    client.sock.settimeout(60)
    sent = 0
    client.sock.setblocking(False)
    piece = frame(BINARY, b"x" * 60_000)
    waiting = piece
    while sent < 400 * len(piece):
        try:
            done = client.sock.send(waiting)
        except BlockingIOError:
            break  # the way to the echo and back is full
        sent += done
        waiting = waiting[done:] or piece
    assert sent < 400 * len(piece), "24 MB went somewhere although nobody reads"
    other.say("still here")
    assert other.message().payload == b"still here"
    client.sock.setblocking(True)
    for _ in range(sent // len(piece)):
        assert len(client.message().payload) == 60_000


# -- ends --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_a_client_that_parts_is_answered(connect: Connect, mock: Mock, code: int) -> None:
    client = connect()
    client.send(close(code, b"bye"))
    assert client.last().code == code
    assert client.ended()
    mock.wait(sockets=0)


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_is_lost_takes_the_upstream_with_it(connect: Connect, mock: Mock, reset: bool) -> None:
    client = connect("rt")
    client.message()
    client.drop(reset=reset)
    mock.wait(sockets=0)


def test_an_upstream_that_parts_is_heard(connect: Connect) -> None:
    client = connect("mock-end-2")
    client.send(frame(TEXT, json.dumps({"type": "conversation.item.create", "item": SAY}).encode()))
    end = client.last()
    assert (end.code, end.payload[2:]) == (1001, b"mock fault: the end")


def is_native(client: Client) -> bool:
    """Granian shows no headers beside the upgrade, and closes without a code who breaks the protocol."""
    return "x-tianji-call-id" in client.headers


@pytest.mark.parametrize("reset", [False, True])
def test_an_upstream_that_breaks_off_is_1011(connect: Connect, mock: Mock, reset: bool) -> None:
    mock.control({"cut_at": 2, "reset": reset})
    client = connect("rt")
    client.send(frame(TEXT, json.dumps({"type": "response.create"}).encode()))
    assert client.last().code == 1011
    assert client.ended()


def test_fragments_of_the_upstream_are_one_message_in_the_end(connect: Connect) -> None:
    client = connect("mock-split-7")
    client.send(frame(TEXT, json.dumps({"type": "response.create"}).encode()))
    assert [event["type"] for event in events(client)][-1] == "response.done"


OFFENCES = {
    "no mask": frame(TEXT, b"x", mask=None),
    "a reserved bit": frame(TEXT, b"x", reserved=4),
    "a reserved opcode": frame(3, b"x"),
    "a fragmented ping": frame(PING, b"x", fin=False),
    "a long ping": frame(PING, b"x" * 126),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "a message within a message": frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"),
    "a close frame of one byte": frame(CLOSE, b"\x03"),
    "a close code that may not be sent": close(1006),
}


def assert_told(client: Client, *codes: int) -> None:
    """Hear why it is over (RFC 6455 section 7.4.1); Granian may cut a client off without a word, or a reason."""
    end = client.last()
    if is_native(client):
        assert end is not None
        assert end.code in codes
    else:
        assert end is None or end.code in (*codes, 1005)


@pytest.mark.parametrize("offence", OFFENCES)
def test_who_breaks_the_protocol_is_cut_off_alone(connect: Connect, mock: Mock, offence: str) -> None:
    other, client = connect(), connect()
    client.send(OFFENCES[offence])
    assert_told(client, 1002, 1007)
    assert client.ended()
    mock.wait(sockets=1)  # its upstream is gone, too
    other.say("still here")
    assert other.message().payload == b"still here"


def test_a_frame_without_end_is_1009(connect: Connect, mock: Mock) -> None:
    client = connect()
    client.send(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
    assert_told(client, 1009)
    mock.wait(sockets=0)


def test_a_message_without_end_is_held_back_or_ended(connect: Connect, mock: Mock) -> None:
    """Its fragments go on as they come, and wait where nobody reads; Granian, which joins them, ends it at 64 MiB."""
    other, client = connect(), connect()
    client.sock.settimeout(2)

    def go_on() -> None:
        piece = frame(CONTINUATION, bytes(1 << 20), fin=False)
        for _ in range(500):  # MiB: the kernel's own buffers, of four sockets, may grow to some 150
            client.send(piece)

    client.send(frame(BINARY, b"", fin=False))
    with pytest.raises(OSError, match=r"timed out|reset|Broken pipe"):
        go_on()
    other.say("still here")
    assert other.message().payload == b"still here"
    client.drop()
    mock.wait(sockets=1)


# -- secrets of short life ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("client_secrets", {"session": {"type": "realtime", "model": "rt"}}, ("value",)),
        ("sessions", {"model": "rt", "voice": "verse"}, ("client_secret", "value")),
        ("client_secrets", {"session": {"type": "transcription", **WRITTEN}}, ("value",)),
        ("transcription_sessions", {"input_audio_transcription": {"model": "rt"}}, ("client_secret", "value")),
    ],
)
def test_a_secret_begins_a_conversation_with_who_made_it(
    gateway: Gateway, connect: Connect, mock: Mock, path: str, body: dict[str, Any], place: tuple[str, ...]
) -> None:
    answer = gateway.post(f"{PATH}/{path}", body)
    assert answer.status_code == 200, answer.text
    told: Any = answer.json()
    for name in place:
        told = told[name]
    assert told.startswith("ek_tianji_")
    minted = mock.last()
    assert (minted["path"], b"rt" in minted["body"].encode()) == (f"{PATH}/{path}", False)
    client = connect("", authorization="", sec_websocket_protocol=f"realtime, openai-insecure-api-key.{told}")
    assert json.loads(client.message().payload)["session"]["model"] == "gpt-realtime"
    assert ["authorization", "Bearer ek_mock_gpt-realtime"] in mock.last()["headers"]
    assert refusal(connect, "echo", authorization=f"Bearer {told}")[0] == 403
    assert refusal(connect, "rt", authorization=f"Bearer {told[:-2]}")[0] == 401
    assert gateway.chat(authorization=f"Bearer {told}").status_code == 401


def test_a_secret_needs_a_model_that_is_there(gateway: Gateway, mock: Mock) -> None:
    assert gateway.post(f"{PATH}/client_secrets", {"session": {}}).status_code == 400
    assert gateway.post(f"{PATH}/client_secrets", b"[]").status_code == 400
    assert gateway.post(f"{PATH}/client_secrets", {"session": {"model": "nobody"}}).status_code == 404
    mock.control({"status": 500}, path="client_secrets")
    assert gateway.post(f"{PATH}/client_secrets", {"session": {"model": "rt"}}).status_code == 500


# -- nothing is left ---------------------------------------------------------------------------------------------------


def descriptors(gateway: Gateway) -> int:
    (worker,) = gateway.workers()
    return len(list(Path(f"/proc/{worker}/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_conversations_that_end_in_every_way_leave_nothing(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    def one(ending: str, number: int) -> None:
        model = {"upstream parts": "mock-end-1", "upstream is lost": "mock-cut-1"}.get(ending, "rt")
        client = Client(gateway.connect(), f"{PATH}?model={model}", authorization=f"Bearer {MASTER_KEY}")
        if number % 2:
            client.message()
        if ending == "client parts":
            client.send(close(1000))
            client.last()
        elif ending.startswith("upstream"):
            client.say(json.dumps({"type": "response.create"}))
            client.last()
        elif ending == "client errs":
            client.send(frame(TEXT, b"x", mask=None))
        client.drop(reset=ending == "client resets")

    endings = ["client parts", "client leaves", "client resets", "client errs", "upstream parts", "upstream is lost"]
    for ending in endings:
        one(ending, 1)
    mock.wait(sockets=0)
    eventually(lambda: load(gateway) == 0, "all conversations of the first round end")
    before = descriptors(gateway)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, endings * 30, range(180)))
    mock.wait(sockets=0)
    eventually(lambda: load(gateway) == 0, "all conversations end")
    eventually(lambda: descriptors(gateway) <= before, "their sockets are closed")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"realtime_idle_timeout_seconds": 0.1}, b"silent"),
        ({"realtime_session_limit_seconds": 0.1}, b"as long as it may"),
    ],
)
def test_a_session_has_the_limits_of_the_settings(
    gateway: Gateway, connect: Connect, mock: Mock, settings: dict[str, float], said: bytes
) -> None:
    with gateway.with_settings(**settings):
        last = connect().last()
        assert (last.code, said in last.payload) == (1000, True)
        mock.wait(sockets=0)


def load(gateway: Gateway) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("tianji_in_flight_requests{"))


def test_a_gateway_that_stops_says_so(gateway: Gateway, start_gateway: StartGateway, mock: Mock) -> None:
    stopping = start_gateway(gateway.file, args=("--grace", "5"))
    with Client(stopping.connect(), f"{PATH}?model=rt", authorization=f"Bearer {MASTER_KEY}") as client:
        client.message()
        stopping.process.terminate()
        assert client.last().code == 1001
    assert stopping.process.wait(20) == 0
