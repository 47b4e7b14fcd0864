"""A6: what conversations cost, and what ends those that nobody may pay for: one story, on one gateway with books."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from typing import Any

import pytest
from tests.contract.harness import BOOKS, Gateway, Mock, eventually, openai_model
from tests.fakes.websocket import Client, RefusedError, close

PRICES = {
    "input_cost_per_token": 1e-6,
    "cache_read_input_token_cost": 5e-7,
    "input_cost_per_audio_token": 1e-5,
    "output_cost_per_token": 2e-6,
    "output_cost_per_audio_token": 2e-5,
}
# the mock's usage of an answer to two words: five tokens of text, three of them cached, seven of audio; 32 of text and
# seven of audio for the answer. In nano-dollars.
COST = (5 - 3) * 1000 + 3 * 500 + 7 * 10_000 + 32 * 2000 + 7 * 20_000
TRANSCRIPT = 10 * 10_000 + 3 * 2000
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one two"}]}
PATIENCE = 60.0  # seconds: the process of the ledger lets everybody go first


@pytest.fixture(scope="module")
def gateway(edge: str, mock_process: Mock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    models = [openai_model("rt", "gpt-realtime", mock_process.url, max_tokens=100, **PRICES)]
    models[0]["model_info"] = {"max_output_tokens": 10}
    with Gateway({"model_list": models}, tmp_path_factory.mktemp("costs"), edge=edge, env=BOOKS) as running:
        yield running


def key(gateway: Gateway, **fields: object) -> str:
    answer = gateway.post("/key/generate", fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def begin(gateway: Gateway, with_key: str) -> Client:
    client = Client(gateway.connect(), "/v1/realtime?model=rt", authorization=f"Bearer {with_key}")
    assert said(client)["type"] == "session.created"
    return client


def say(client: Client, **event: object) -> None:
    client.say(json.dumps(event))


def said(client: Client) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(client.message().payload)
    return event


def answered(client: Client) -> None:
    say(client, type="response.create")
    while said(client)["type"] != "response.done":
        pass


def rows(gateway: Gateway, of_key: str, count: int) -> list[dict[str, Any]]:
    """Wait for the entries of a key, in their order."""
    file = gateway.file.parent / "tianji-data" / "tianji.db"
    token = sha256(of_key.encode()).hexdigest()

    def there() -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            found = connection.execute("SELECT * FROM ledger WHERE key = ? ORDER BY attempt", (token,)).fetchall()
        return [dict(row) for row in found] if len(found) >= count else []

    found = eventually(there, f"{count} entries", PATIENCE)
    assert len(found) == count
    return found


def test_each_response_is_paid_for_and_what_nobody_pays_ends_it(gateway: Gateway, mock: Mock) -> None:
    plain = key(gateway)
    client = begin(gateway, plain)
    say(
        client,
        type="session.update",
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}},
    )
    say(client, type="conversation.item.create", item=ITEM)
    answered(client)
    say(client, type="input_audio_buffer.commit")
    while said(client)["type"] != "conversation.item.input_audio_transcription.completed":
        pass
    client.send(close(1000))
    assert client.last() is not None
    client.drop()

    # a budget for one response: the second is made, and is the last
    poor = key(gateway, max_budget=COST * 1.2 / 1e9)
    client = begin(gateway, poor)
    say(client, type="conversation.item.create", item=ITEM)
    answered(client)
    answered(client)
    assert (said(client)["error"]["type"], client.last().code) == ("budget_exceeded", 1008)
    client.drop()
    with pytest.raises(RefusedError) as refused:
        begin(gateway, poor)
    assert refused.value.status == 422

    # tokens of a minute: the response is made, and no other is
    slow = key(gateway, tpm_limit=60)
    client = begin(gateway, slow)
    answered(client)
    event = said(client)
    assert (event["type"], event["error"]["code"]) == ("error", "429")
    assert client.last().code == 1013
    client.drop()

    found = rows(gateway, plain, 3)
    assert [(row["call_type"], row["status"]) for row in found] == [("_arealtime", "success")] * 3
    assert [row["cost"] for row in found] == [0, COST, TRANSCRIPT]
    assert [(row["prompt_tokens"], row["completion_tokens"]) for row in found][1:] == [(12, 39), (10, 3)]
    assert len({row["call_id"] for row in found}) == 1
    assert sorted(row["cost"] for row in rows(gateway, poor, 4)) == [0, 0, COST, COST]


def test_a_keys_models_and_its_end_hold_for_conversations_too(gateway: Gateway, mock: Mock) -> None:
    elsewhere = key(gateway, models=["another"])
    with pytest.raises(RefusedError) as refused:
        begin(gateway, elsewhere)
    assert refused.value.status == 403
    owner = key(gateway)
    answer = gateway.post("/v1/realtime/client_secrets", {"session": {"model": "rt"}}, authorization=f"Bearer {owner}")
    secret = answer.json()["value"]
    begin(gateway, secret).drop()
    assert gateway.post("/key/delete", {"keys": [owner]}).status_code == 200
    with pytest.raises(RefusedError) as refused:
        begin(gateway, secret)
    assert refused.value.status == 401


def test_a_key_that_is_revoked_ends_its_conversations(gateway: Gateway, mock: Mock) -> None:
    gone, stays, narrowed = key(gateway), key(gateway), key(gateway)
    answer = gateway.post("/v1/realtime/client_secrets", {"session": {"model": "rt"}}, authorization=f"Bearer {gone}")
    secret = answer.json()["value"]
    talks = {name: begin(gateway, name) for name in (gone, secret, stays, narrowed)}
    assert gateway.post("/key/delete", {"keys": [gone]}).status_code == 200
    assert gateway.post("/key/update", {"key": narrowed, "models": ["another"]}).status_code == 200
    for name in (gone, secret, narrowed):
        assert said(talks[name])["type"] == "error"
        assert talks[name].last().code == 1008
    answered(talks[stays])
    for talk in talks.values():
        talk.drop()
