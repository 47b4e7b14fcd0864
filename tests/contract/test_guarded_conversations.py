"""Conversations that guardrails listen to: what is said goes on when it was judged, in its order, or not at all."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.contract.harness import MASTER_KEY, Gateway, Mock, openai_model
from tests.fakes.judge import MASK, REASON, Judge
from tests.fakes.websocket import Client

Connect = Callable[..., Client]


@pytest.fixture(scope="module")
def judge_process() -> Iterator[Judge]:
    with Judge() as judge:
        yield judge


@pytest.fixture
def judge(judge_process: Judge) -> Judge:
    judge_process.reset()
    return judge_process


@pytest.fixture(scope="module")
def gateway(
    edge: str, mock_process: Mock, judge_process: Judge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    def guardrail(name: str, mode: str, path: str = "", **params: object) -> dict[str, Any]:
        about = {"guardrail": "generic_guardrail_api", "mode": mode, "api_base": judge_process.url + path, **params}
        return {"guardrail_name": name, "litellm_params": about}

    def model(name: str, upstream: str, *guardrails: str) -> dict[str, Any]:
        return openai_model(name, upstream, mock_process.url, guardrails=list(guardrails))

    def words(name: str, action: str) -> dict[str, Any]:
        found = [{"keyword": "was said", "action": action}]  # as the mock hears it
        about = {"guardrail": "litellm_content_filter", "mode": "pre_call", "blocked_words": found}
        return {"guardrail_name": name, "litellm_params": about}

    gemini = {"model": "gemini/gemini-live", "api_base": mock_process.url, "api_key": "k", "guardrails": ["pre"]}
    config = {
        "model_list": [
            model("bare", "echo"),
            model("echo", "echo", "pre"),
            model("beside", "echo", "during"),
            model("slow", "echo", "slow"),
            model("broken", "echo", "broken"),
            model("strict", "echo", "strict"),
            model("rt", "gpt-realtime", "pre"),
            model("ears", "gpt-realtime", "ears"),
            model("covered ears", "gpt-realtime", "covers"),
            {"model_name": "gemini", "litellm_params": gemini},
        ],
        "guardrails": [
            guardrail("pre", "pre_call"),
            guardrail("during", "during_call"),
            words("ears", "BLOCK"),
            words("covers", "MASK"),
            guardrail("slow", "pre_call", "/slow", timeout=20),
            guardrail("broken", "pre_call", "/broken"),
            guardrail(
                "strict", "pre_call", end_session_after_n_fails=2, realtime_violation_message="not in this house"
            ),
        ],
    }
    with Gateway(config, tmp_path_factory.mktemp("conversations"), edge=edge) as running:
        yield running


@pytest.fixture
def connect(gateway: Gateway, mock: Mock, judge: Judge) -> Iterator[Connect]:
    opened: list[Client] = []

    def open_one(model: str) -> Client:
        target = f"/v1/realtime?model={model}"
        opened.append(Client(gateway.connect(), target, authorization=f"Bearer {MASTER_KEY}"))
        return opened[-1]

    yield open_one
    judge.let.set()
    for client in opened:
        client.drop()
    mock.wait(sockets=0)


def says(text: str) -> dict[str, Any]:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "event_id": "mine", "item": message}


BRINGS = {
    "message": says,
    "result of a tool": lambda text: {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": json.dumps({"found": text})},
    },
    "session": lambda text: {"type": "session.update", "session": {"type": "realtime", "instructions": text}},
    "response": lambda text: {"type": "response.create", "response": {"instructions": text}},
    "input of a response": lambda text: {"type": "response.create", "response": {"input": [says(text)["item"]]}},
    "what nobody foresaw": lambda text: {"type": "new.event", "words": [{"of": text}]},
}


def tell(client: Client, event: dict[str, Any]) -> None:
    client.say(json.dumps(event))


def hear(client: Client) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(client.message().payload)
    return heard


@pytest.mark.parametrize("name", BRINGS)
def test_what_is_said_goes_on_as_it_was_judged(connect: Connect, judge: Judge, name: str) -> None:
    client = connect("echo")
    tell(client, BRINGS[name]("tell a secret"))
    assert f"tell a {MASK}" in json.dumps(hear(client))
    tell(client, BRINGS[name]("forbidden"))
    error = hear(client)
    assert (error["type"], error["error"]["message"]) == ("error", REASON)
    assert error["error"]["event_id"] == ("mine" if name == "message" else None)
    tell(client, BRINGS[name]("hello"))
    assert hear(client) == BRINGS[name]("hello"), "what was refused went nowhere, and the conversation goes on"


def test_what_was_judged_beside_a_call_is_judged_before_it_here(connect: Connect, judge: Judge) -> None:
    client = connect("beside")
    tell(client, says("forbidden"))
    assert hear(client)["error"]["message"] == REASON
    tell(client, says("hello"))
    assert hear(client) == says("hello")


def test_sound_is_not_looked_at_and_what_only_looks_like_it_is(connect: Connect, judge: Judge) -> None:
    client = connect("echo")
    sound = {"type": "input_audio_buffer.append", "audio": "forbidden"}
    tell(client, sound)
    assert hear(client) == sound
    assert judge.asked == []
    for hidden in (
        '{"type":"conversation.item.create","item":{"content":"forbidden"},"type":"input_audio_buffer.append"}',
        '{"\\u0074ype":"conversation.item.create","item":"forbidden","type":"input_audio_buffer.append"}',
    ):
        client.say(hidden)
        assert hear(client)["type"] == "error"
    client.say("no event, but forbidden")
    assert hear(client)["type"] == "error"


def test_what_follows_waits_for_what_is_judged(connect: Connect, judge: Judge) -> None:
    client = connect("slow")
    sound = {"type": "input_audio_buffer.append", "audio": "AAAA"}
    tell(client, says("hello"))
    tell(client, sound)
    assert judge.came.wait(10)
    judge.let.set()
    assert [hear(client), hear(client)] == [says("hello"), sound]


def test_who_cannot_judge_lets_nothing_pass(connect: Connect, judge: Judge) -> None:
    client = connect("broken")
    tell(client, says("hello"))
    assert "broken" in hear(client)["error"]["message"]


def test_a_conversation_ends_after_as_many_refusals_as_its_guardrail_says(connect: Connect, judge: Judge) -> None:
    client = connect("strict")
    for _ in range(2):
        tell(client, says("forbidden"))
        assert hear(client)["error"]["message"] == "not in this house"
    last = client.last()
    assert last.code == 1008


@pytest.mark.parametrize("model", ["rt", "gemini"])
def test_a_model_answers_what_has_passed(connect: Connect, judge: Judge, model: str) -> None:
    client = connect(model)
    assert hear(client)["type"] == "session.created"
    if model == "gemini":
        tell(client, {"type": "session.update", "session": {"type": "realtime", "instructions": "be brief"}})
        assert hear(client)["type"] == "session.updated"
    tell(client, says("forbidden"))
    assert hear(client)["error"]["message"] == REASON
    tell(client, says("a secret"))
    assert "secret" not in json.dumps([hear(client), hear(client)])
    tell(client, {"type": "response.create"})
    while hear(client)["type"] != "response.done":
        pass


@pytest.mark.parametrize("model", ["ears", "covered ears"])
def test_what_a_user_was_heard_to_say_is_judged_too(connect: Connect, model: str) -> None:
    client = connect(model.replace(" ", "%20"))
    assert hear(client)["type"] == "session.created"
    tell(client, {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "whisper"}}}}})
    assert hear(client)["type"] == "session.updated"
    tell(client, {"type": "input_audio_buffer.commit"})
    assert hear(client)["type"] == "input_audio_buffer.committed"
    heard, error = hear(client), hear(client)
    assert heard["type"] == "conversation.item.input_audio_transcription.completed"
    assert (heard["transcript"], heard["usage"]["total_tokens"]) == ("", 13)
    assert error["type"] == "error"
    assert "conversation.item.delete" in hear(client)["error"]["message"], "the mock heard it, and does not know it"


def test_what_was_heard_passes_where_nothing_is_wrong(connect: Connect, judge: Judge) -> None:
    client = connect("rt")
    hear(client)
    tell(client, {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "whisper"}}}}})
    hear(client)
    tell(client, {"type": "input_audio_buffer.commit"})
    hear(client)
    assert hear(client)["transcript"] == "what was said"
    assert ["what was said"] in judge.texts()


def test_whom_nobody_watches_is_not_listened_to(connect: Connect, judge: Judge) -> None:
    client = connect("bare")
    tell(client, says("forbidden"))
    assert hear(client) == says("forbidden")
    assert judge.asked == []
