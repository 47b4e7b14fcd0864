"""A6: Google's Live API, in its own form and behind OpenAI's events, through the running gateway to the mock."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import openai
import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.websocket import BINARY, Client, RefusedError, close

GOOGLE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PRICES = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "output_cost_per_audio_token": 2e-5}
TALK = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one two"}]}
PATIENCE = 60.0  # seconds: the process of the ledger lets everybody go first


def google_model(name: str, model: str, base: str, **params: object) -> dict[str, Any]:
    own = {"model": f"gemini/{model}", "api_base": f"{base}/v1beta", "api_key": "google-key", **PRICES, **params}
    return {"model_name": name, "litellm_params": own}


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, dead_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    base = mock_process.url
    models = [
        google_model("live", "gemini-live", base),
        google_model("half-dead", "never", dead_url, order=1),
        google_model("half-dead", "gemini-live", base, order=2),
        google_model("dead", "never", dead_url),
        openai_model("other", "gpt-realtime", base),
    ]
    config = {"model_list": models, "router_settings": {"num_retries": 1, "disable_cooldowns": True}}
    with Gateway(config, tmp_path_factory.mktemp("live"), edge=edge, env=BOOKS) as running:
        yield running


def key(gateway: Gateway, **fields: object) -> str:
    return str(gateway.post("/key/generate", fields).json()["key"])


def begin(gateway: Gateway, model: str, with_key: str = MASTER_KEY, **generation: object) -> Client:
    client = Client(gateway.connect(), GOOGLE, x_goog_api_key=with_key)
    client.say(json.dumps({"setup": {"model": f"models/{model}", "generationConfig": generation}}))
    return client


def said(client: Client) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(client.message().payload)
    return event


def ask(client: Client, text: str) -> list[dict[str, Any]]:
    turns = [{"role": "user", "parts": [{"text": text}]}]
    client.say(json.dumps({"clientContent": {"turns": turns, "turnComplete": True}}))
    heard = [said(client)]
    while "turnComplete" not in heard[-1].get("serverContent", {}):
        heard.append(said(client))
    return heard


def rows(gateway: Gateway, of_key: str, count: int) -> list[dict[str, Any]]:
    file, token = gateway.file.parent / "tianji-data" / "tianji.db", sha256(of_key.encode()).hexdigest()

    def there() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM ledger WHERE key = ? ORDER BY attempt", (token,)).fetchall()
        return [dict(row) for row in found] if len(found) >= count else []

    return eventually(there, f"{count} entries", PATIENCE)


# -- Google's own form -------------------------------------------------------------------------------------------------


def test_googles_form_goes_through_and_is_paid_for(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway)
    with begin(gateway, "live", own, responseModalities=["TEXT"]) as client:
        first = client.message()
        assert (first.opcode, json.loads(first.payload)) == (BINARY, {"setupComplete": {}})
        (answer,) = [event for event in ask(client, "setup?") if "modelTurn" in event.get("serverContent", {})]
        setup = json.loads(answer["serverContent"]["modelTurn"]["parts"][0]["text"])
        assert setup == {"model": "models/gemini-live", "generationConfig": {"responseModalities": ["TEXT"]}}
        ask(client, "one two")
        client.send(close(1000))
        assert client.last().code == 1000
    sent = mock.last()
    assert sent["target"] == GOOGLE
    assert ["x-goog-api-key", "google-key"] in sent["headers"]
    assert own not in str(sent)
    # one word asked and one answered; three words asked so far and 32 answered
    found = rows(gateway, own, 3)
    assert [row["cost"] for row in found] == [0, 1000 + 2000, 3 * 1000 + 32 * 2000]
    assert [(row["call_type"], row["status"]) for row in found] == [("_arealtime", "success")] * 3


def test_an_upstream_that_is_away_is_passed_over(gateway: Gateway, mock: Mock) -> None:
    with begin(gateway, "half-dead") as client:
        assert said(client) == {"setupComplete": {}}


@pytest.mark.parametrize(
    ("first", "code", "why"),
    [
        ('{"setup": {"model": "models/nobody"}}', 1011, b"nobody"),
        ('{"setup": {"model": "models/dead"}}', 1011, b""),
        ('{"setup": {"model": "models/other"}}', 1011, b""),
        ('{"clientContent": {}}', 1011, b"setup"),
        ("no JSON", 1011, b"setup"),
        ('{"setup": ' + "[" * 100_000, 1011, b"setup"),
    ],
)
def test_what_cannot_be_begun_is_said_in_a_close_frame(
    gateway: Gateway, mock: Mock, first: str, code: int, why: bytes
) -> None:
    with Client(gateway.connect(), GOOGLE, x_goog_api_key=MASTER_KEY) as client:
        client.say(first)
        last = client.last()
        assert (last.code, why in last.payload) == (code, True), last


def test_a_key_is_needed_and_has_to_allow_the_model(gateway: Gateway, mock: Mock) -> None:
    with pytest.raises(RefusedError) as refused:
        Client(gateway.connect(), f"{GOOGLE}?key=sk-wrong")
    assert refused.value.status == 401
    with begin(gateway, "live", key(gateway, models=["other"])) as client:
        assert client.last().code == 1008


def test_a_key_in_the_query_is_taken_and_goes_no_further(gateway: Gateway, mock: Mock) -> None:
    with Client(gateway.connect(), f"{GOOGLE}?key={MASTER_KEY}") as client:
        client.say('{"setup": {"model": "live"}}')
        assert said(client) == {"setupComplete": {}}
    assert MASTER_KEY not in str(mock.last())


def test_what_a_client_says_at_once_waits_for_its_upstream(gateway: Gateway, mock: Mock) -> None:
    turn = {"clientContent": {"turns": [{"parts": [{"text": "setup?"}]}], "turnComplete": True}}
    with begin(gateway, "live") as client:
        client.say(json.dumps(turn))
        assert said(client) == {"setupComplete": {}}
        assert "modelTurn" in said(client)["serverContent"]


# -- OpenAI's events ---------------------------------------------------------------------------------------------------


async def test_openais_client_talks_to_googles_model(gateway: Gateway, mock: Mock) -> None:
    own = key(gateway)
    session_of: Any = {
        "type": "realtime",
        "instructions": "be brief",
        "output_modalities": ["text"],
        "tools": [
            {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"city": {}}}}
        ],
    }
    client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=own)
    async with client, client.realtime.connect(model="live") as session:
        assert (await session.recv()).type == "session.created"
        await session.session.update(session=session_of)
        assert (await session.recv()).type == "session.updated"
        await session.conversation.item.create(item=TALK)  # type: ignore[arg-type]
        await session.response.create()
        text, done = "", None
        async for event in session:
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.done":
                done = event.response
                break
        assert done is not None
        assert done.status == "completed"
        assert len(text.split()) == 32
        assert done.output[0].content[0].text == text
        assert (done.usage.input_tokens, done.usage.output_tokens) == (2, 32)
        await session.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "call weather"}]}
        )
        call = None
        async for event in session:
            if event.type == "response.function_call_arguments.done":
                call = event
            if event.type == "response.done":
                break
        assert call is not None
        assert json.loads(call.arguments) == {"city": "Paris"}
        output = {"type": "function_call_output", "call_id": call.call_id, "output": '{"sky": "blue"}'}
        await session.conversation.item.create(item=output)  # type: ignore[arg-type]
        async for event in session:
            if event.type == "response.output_text.done":
                answered = json.loads(event.text)
            if event.type == "response.done":
                break
    (result,) = answered["functionResponses"]
    assert result == {"id": "call_mock", "name": "weather", "response": {"sky": "blue"}}
    found = rows(gateway, own, 4)  # the conversation's own, which comes last, and three responses
    assert found[1]["cost"] == 2 * 1000 + 32 * 2000


def test_sound_comes_with_its_transcript(gateway: Gateway, mock: Mock) -> None:
    with Client(gateway.connect(), "/v1/realtime?model=live", authorization=f"Bearer {MASTER_KEY}") as client:
        assert said(client)["type"] == "session.created"
        client.say(json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA"}))
        client.say(json.dumps({"type": "input_audio_buffer.commit"}))
        heard = [said(client)]
        while heard[-1]["type"] != "response.done":
            heard.append(said(client))
    kinds = list(dict.fromkeys(event["type"] for event in heard))
    assert kinds == [
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert heard[1]["transcript"] == "what was said"
    assert heard[-1]["response"]["usage"]["output_token_details"]["audio_tokens"] == 5
