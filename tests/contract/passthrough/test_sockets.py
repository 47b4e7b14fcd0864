"""WebSockets that lead through: to providers' own APIs, and wherever the configuration leads."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import openai
import pytest
from google import genai
from google.genai import types
from tests.contract.harness import MASTER_KEY, ODD_KEY, UPSTREAM_KEY, Gateway, Mock, eventually
from tests.contract.passthrough.watching import new_key, sent_headers
from tests.fakes.tls_front import tls_front
from tests.fakes.websocket import BINARY, TEXT, Client, RefusedError, close, frame

Connect = Callable[..., Client]
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@pytest.fixture
def connect(gateway: Gateway, mock: Mock) -> Iterator[Connect]:
    """Open WebSockets with the master key; without one where `authorization` is ""."""
    opened: list[Client] = []

    def open_one(path: str, **headers: str) -> Client:
        fields = {"authorization": f"Bearer {MASTER_KEY}", **headers}
        client = Client(gateway.connect(), path, **{name: value for name, value in fields.items() if value})
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.drop()
    mock.wait(sockets=0)


def refusal(connect: Connect, path: str, **headers: str) -> tuple[int, str]:
    with pytest.raises(RefusedError) as refused:
        connect(path, **headers)
    return refused.value.status, refused.value.body.decode()


def connects(connect: Connect, path: str, **headers: str) -> bool:
    try:
        connect(path, **headers)
    except RefusedError:
        return False
    return True


def heard(client: Client) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(client.message().payload)
    return event


def rows_of(gateway: Gateway, key: dict[str, str], count: int) -> list[dict[str, Any]]:
    """Wait until so many calls of a key are in the ledger."""
    file = gateway.file.parent / "tianji-data" / "tianji.db"
    token = sha256(key["authorization"].removeprefix("Bearer ").encode()).hexdigest()

    def there() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM ledger WHERE key = ? ORDER BY attempt", (token,)).fetchall()
        return [dict(row) for row in found] if len(found) >= count else []

    return eventually(there, f"{count} entries", 30)


# -- what goes on ------------------------------------------------------------------------------------------------------

PLACES = (
    ("/openai_passthrough/v1/realtime", "/v1/realtime", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/openai_passthrough/responses", "/v1/responses", "authorization", f"Bearer {UPSTREAM_KEY}"),
    ("/azure/openai/v1/realtime", "/openai/v1/realtime", "api-key", UPSTREAM_KEY),
    (f"/gemini{LIVE}", LIVE, "x-goog-api-key", UPSTREAM_KEY),
    (f"/vertex_ai{LIVE}", LIVE, "authorization", "Bearer "),
    ("/deepgram/v1/listen", "/v1/listen", "authorization", f"Token {UPSTREAM_KEY}"),
    ("/assemblyai/v3/ws", "/v3/ws", "authorization", UPSTREAM_KEY),
    ("/elevenlabs/v1/text-to-speech/v-1/stream-input", "/v1/text-to-speech/v-1/stream-input", "xi-api-key",
     UPSTREAM_KEY),
    ("/custom/api/echo", "/v1/echo", "x-partner", f"key {UPSTREAM_KEY}"),
    ("/sockets", "/echo", "host", "127.0.0.1"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "target", "header", "value"), PLACES)
def test_the_upgrade_goes_on_as_it_came_with_other_credentials(
    connect: Connect, mock: Mock, path: str, target: str, header: str, value: str
) -> None:
    query = "a=1&b=%2F%20x&a=2&model=m-1"
    client = connect(f"{path}?{query}", x_odd="1", sec_websocket_protocol="one, two")
    assert client.headers["sec-websocket-protocol"] == "one"
    seen = mock.last()
    assert (seen["method"], seen["target"]) == ("GET", f"{target}?{query}")
    headers = sent_headers(mock)
    assert headers[header].startswith(value)
    assert headers["sec-websocket-protocol"] == "one, two"
    assert "sec-websocket-extensions" not in headers
    assert MASTER_KEY not in json.dumps(seen)


def test_what_says_who_calls_stays_here_whichever_edge_read_it(gateway: Gateway, mock: Mock) -> None:
    gateway.client.get(
        "/openai/v1/models",
        headers={
            "x-api-key": "another",
            "cookie": "session=1",
            "x-forwarded-for": "10.0.0.1",
            "x-litellm-tags": "t",
            "x-tianji-trail": "1",
            "connection": "keep-alive, x-hop",
            "x-hop": "1",
            "te": "trailers",
            "openai-organization": "org-1",
            "x-pass-anthropic-beta": "flag-1",
            "x-pass-authorization": "Bearer stolen",
            "x-pass-host": "elsewhere",
            "x-pass-x-amz-date": "now",
            "x-pass-": "nothing",
            "x-odd-name": "an odd value",
        },
    )
    headers = sent_headers(mock)
    assert headers["x-odd-name"] == "an odd value"
    assert headers["openai-organization"] == "org-1"
    assert headers["anthropic-beta"] == "flag-1"
    assert headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert headers["host"].startswith("127.0.0.1:")
    assert not headers.keys() & {
        "x-api-key", "cookie", "x-forwarded-for", "x-litellm-tags", "x-tianji-trail", "x-hop", "te", "x-amz-date", "",
    }  # fmt: skip


def test_frames_go_through_as_they_are(connect: Connect) -> None:
    client = connect("/sockets")
    for kind, payload in ((TEXT, "né".encode()), (BINARY, bytes(range(256)) * 300), (TEXT, b"")):
        client.send(frame(kind, payload))
        assert client.message() == (kind, payload, True)
    client.send(close(4321, b"bye"))
    assert client.last().code == 4321


def test_an_upstreams_close_is_the_clients(connect: Connect, mock: Mock) -> None:
    mock.control({"end_at": 1})
    client = connect("/assemblyai/v3/ws")
    heard(client)
    client.send(frame(BINARY, b"sound"))
    end = client.last()
    assert (end.code, end.payload[2:]) == (1001, b"mock fault: the end")


def test_an_upstream_that_breaks_off_is_1011(connect: Connect, mock: Mock) -> None:
    mock.control({"cut_at": 1, "reset": True})
    client = connect("/assemblyai/v3/ws")
    heard(client)
    client.send(frame(BINARY, b"sound"))
    assert client.last().code == 1011


# -- who may -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/deepgram/v1/listen", {"authorization": f"Token {MASTER_KEY}"}),
        ("/deepgram/v1/listen", {"authorization": "", "sec_websocket_protocol": f"token, {MASTER_KEY}"}),
        ("/assemblyai/v3/ws", {"authorization": MASTER_KEY}),
        ("/elevenlabs/v1/text-to-speech/v-1/stream-input", {"authorization": "", "xi_api_key": MASTER_KEY}),
        (f"/gemini{LIVE}?key={MASTER_KEY}", {"authorization": ""}),
        ("/openai_passthrough/v1/realtime?model=m",
         {"authorization": "", "sec_websocket_protocol": f"realtime, openai-insecure-api-key.{MASTER_KEY}"}),
    ],
    ids=["token", "token-protocol", "bare", "xi", "query", "protocol"],
)  # fmt: skip
def test_the_key_may_stand_where_vendors_clients_put_theirs(
    connect: Connect, mock: Mock, path: str, headers: dict[str, str]
) -> None:
    client = connect(path, **headers)
    offered = headers.get("sec_websocket_protocol", "").partition(",")[0]
    assert client.headers.get("sec-websocket-protocol", "") == offered
    assert MASTER_KEY not in json.dumps(mock.requests())


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/deepgram/v1/listen", {"authorization": ""}, 401),
        ("/deepgram/v1/listen", {"authorization": "Token sk-wrong"}, 401),
        ("/sockets", {"authorization": "Bearer sk-wrong"}, 401),
        ("/sockets", {"origin": "https://evil.example"}, 403),
        ("/sockets", {"sec_websocket_version": "12"}, 400),
        ("/deepgram/v1/listen?callback=https://evil.example", {}, 400),
        ("/openai_passthrough/v1/%2e%2e/realtime", {}, 404),
        ("/unreachable", {}, 502),
    ],
)
def test_what_may_not_be_is_refused_before_the_upgrade(
    connect: Connect, mock: Mock, path: str, headers: dict[str, str], status: int
) -> None:
    found, body = refusal(connect, path, **headers)
    assert found == status, body
    assert mock.requests() == []


def test_the_upstreams_refusal_is_the_clients_word_for_word(connect: Connect, mock: Mock) -> None:
    mock.control({"status": 429, "body": '{"odd": true}'}, times=1)
    assert refusal(connect, "/deepgram/v1/listen") == (429, '{"odd": true}')
    mock.control({"close": True})
    assert refusal(connect, "/deepgram/v1/listen")[0] == 502


def test_a_key_talks_with_its_models_only(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway, models=["gpt-realtime", "gemini-live"])
    assert refusal(connect, "/openai_passthrough/v1/realtime?model=gpt-4o", **own)[0] == 403
    assert refusal(connect, "/openai_passthrough/v1/realtime?intent=transcription", **own)[0] == 403
    heard(connect("/openai_passthrough/v1/realtime?model=gpt-realtime", **own))
    for path, message in (
        (f"/gemini{LIVE}", {"setup": {"model": "models/another"}}),
        ("/openai_passthrough/v1/responses", {"type": "response.create", "model": "gpt-4o", "input": "x"}),
    ):
        client = connect(path, **own)
        client.send(frame(BINARY, json.dumps(message).encode()))
        assert client.last().code == 1008
    client = connect(f"/gemini{LIVE}", **own)
    client.say('{"setup": {"model": "models/gemini-live"}}')
    assert heard(client) == {"setupComplete": {}}


def test_lists_of_paths_hold_for_sockets(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    denied = new_key(gateway, metadata={"denied_passthrough_routes": ["/sockets"]})
    assert refusal(connect, "/sockets", **denied)[0] == 403


def test_limits_hold_and_an_end_gives_back(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway, max_parallel_requests=1)
    client = connect("/sockets", **own)
    assert refusal(connect, "/sockets", **own)[0] == 429
    client.send(close(1000))
    client.last()
    mock.wait(sockets=0)
    eventually(lambda: connects(connect, "/sockets", **own), "the place is free again")


def test_a_key_that_is_blocked_ends_its_conversations(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway)
    client = connect("/sockets", **own)
    gateway.post("/key/block", {"key": own["authorization"].removeprefix("Bearer ")})
    assert client.last().code == 1008


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_a_socket_may_have_a_price(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway)
    client = connect("/sockets", **own)
    client.say("hello")
    client.message()
    client.send(close(1000))
    client.last()
    (row,) = rows_of(gateway, own, 1)
    assert (row["cost"], row["call_type"], row["status"]) == (250_000_000, "pass_through_endpoint", "success")


def test_each_response_of_a_session_has_its_entry(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway)
    client = connect("/openai_passthrough/v1/realtime?model=gpt-realtime", **own)
    for _ in range(2):
        client.say(json.dumps({"type": "response.create"}))
        while heard(client)["type"] != "response.done":
            pass
    client.send(close(1000))
    client.last()
    whole, *responses = rows_of(gateway, own, 3)
    assert whole["cost"] == 0
    assert all(row["cost"] > 0 and row["model"] == "gpt-realtime" for row in responses)


def test_responses_cost_what_they_do_over_http(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway)
    asked = {"model": "gpt-4o", "input": "one two three"}
    gateway.client.post("/openai_passthrough/v1/responses", json=asked, headers=own)
    client = connect("/openai_passthrough/v1/responses", **own)
    client.say(json.dumps({"type": "response.create", **asked}))
    while heard(client)["type"] != "response.completed":
        pass
    client.send(close(1000))
    client.last()
    costs = sorted(row["cost"] for row in rows_of(gateway, own, 3))
    assert costs[0] == 0
    assert costs[1] == costs[2] > 0


def test_a_budget_ends_a_session(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    own = new_key(gateway, max_budget=1e-7)
    client = connect("/openai_passthrough/v1/realtime?model=gpt-realtime", **own)
    client.say(json.dumps({"type": "response.create"}))
    assert client.last().code == 1008


@pytest.mark.parametrize(
    ("path", "says", "ends", "model", "cost"),
    [
        # 3 seconds at 0.00007167 dollars; 2 of sound in a session of 3; 11 characters at 0.00008
        ("/deepgram/v1/listen?model=nova-2", [b"sound"] * 3, '{"type": "CloseStream"}', "nova-2", 215_010),
        ("/assemblyai/v3/ws?speech_model=best", [b"sound"] * 2, '{"type": "Terminate"}', "best", 99_990),
        ("/elevenlabs/v1/text-to-speech/v-1/stream-input?model_id=eleven_v3",
         ['{"text": "hello "}', '{"text": "world"}'], '{"text": ""}', "eleven_v3", 880_000),
    ],
    ids=["deepgram", "assemblyai", "elevenlabs"],
)  # fmt: skip
def test_sound_and_text_are_paid_for_by_their_length(
    gateway: Gateway, connect: Connect, mock: Mock, path: str, says: list[Any], ends: str, model: str, cost: int
) -> None:
    own = new_key(gateway)
    client = connect(path, **own)
    if "assemblyai" in path:
        assert heard(client)["type"] == "Begin"
    for one in (*says, ends):
        client.say(one)
        heard(client)
    client.send(close(1000))
    client.last()
    (row,) = rows_of(gateway, own, 1)
    assert (row["cost"], row["model"]) == (cost, model)


# -- vendors' own clients ----------------------------------------------------------------------------------------------


async def test_openais_client_holds_a_realtime_conversation(gateway: Gateway, mock: Mock) -> None:
    base = f"{gateway.url}/openai_passthrough/v1"
    async with (
        openai.AsyncOpenAI(base_url=base, api_key=MASTER_KEY) as client,
        client.realtime.connect(model="gpt-realtime") as session,
    ):
        assert (await session.recv()).type == "session.created"
        await session.response.create()
        async for event in session:
            if event.type == "response.done":
                break
    assert event.response.usage.output_tokens > 0


@pytest.mark.filterwarnings("ignore:connect:DeprecationWarning")  # the client's own way of opening a socket
def test_openais_client_has_responses_made(gateway: Gateway, mock: Mock) -> None:
    with (
        openai.OpenAI(base_url=f"{gateway.url}/openai_passthrough/v1", api_key=MASTER_KEY) as client,
        client.responses.connect() as connection,
    ):
        previous, made = None, []
        for _ in range(2):
            more = {} if previous is None else {"previous_response_id": previous}
            connection.response.create(model="gpt-4o", input="one two", **more)
            for event in connection:
                if event.type == "response.completed":
                    previous = event.response.id
                    made.append(previous)
                    break
    assert len(made) == 2


async def test_googles_client_holds_a_live_conversation(gateway: Gateway, mock: Mock) -> None:
    turn = {"role": "user", "parts": [{"text": "one two"}]}
    async with tls_front(gateway.port) as (url, trust):
        options = types.HttpOptions(base_url=f"{url}/gemini", async_client_args={"ssl": trust})
        client = genai.Client(api_key=MASTER_KEY, http_options=options)
        async with client.aio.live.connect(model="gemini-live", config={"response_modalities": ["TEXT"]}) as session:
            await session.send_client_content(turns=turn, turn_complete=True)
            said = [message.text async for message in session.receive() if message.text]
    assert len(said) == 32
    assert sent_headers(mock)["x-goog-api-key"] == UPSTREAM_KEY
    assert MASTER_KEY not in json.dumps(mock.requests())


def test_who_brings_his_own_key_of_the_vendor_uses_it(gateway: Gateway, connect: Connect, mock: Mock) -> None:
    connect("/fal_ai/realtime", authorization=f"Key {ODD_KEY}", x_litellm_api_key=MASTER_KEY)
    assert sent_headers(mock)["authorization"] == f"Key {ODD_KEY}"
    assert refusal(connect, "/fal_ai/realtime")[0] == 401
