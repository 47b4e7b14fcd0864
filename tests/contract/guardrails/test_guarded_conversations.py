"""Conversations that guardrails listen to: what is said goes on when it was judged, in its order, or not at all."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.contract.harness import BOOKS, MASTER_KEY, Gateway, Mock, eventually, openai_model
from tests.fakes.judge import MASK, REASON, Judge
from tests.fakes.websocket import Client

Connect = Callable[..., Client]


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

    def google(name: str, *guardrails: str) -> dict[str, Any]:
        about = {"model": "gemini/gemini-live", "api_base": mock_process.url, "api_key": "k"}
        return {"model_name": name, "litellm_params": {**about, "guardrails": list(guardrails)}}

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
            model("passes", "gpt-realtime", "post"),
            model("refused", "gpt-realtime", "refuses"),
            model("shouts", "gpt-realtime", "shouts"),
            model("waits", "gpt-realtime", "waits"),
            model("gone", "gpt-realtime", "gone"),
            *(google(f"gemini {name}", name) for name in ("post", "refuses", "shouts", "ears", "pre")),
        ],
        "guardrails": [
            guardrail("pre", "pre_call"),
            guardrail("during", "during_call"),
            words("ears", "BLOCK"),
            words("covers", "MASK"),
            guardrail("post", "post_call"),
            guardrail("refuses", "post_call", "/refuses"),
            guardrail("shouts", "post_call", "/shouts"),
            guardrail("waits", "post_call", "/slow", timeout=20),
            guardrail("gone", "post_call", "/refuses", on_violation="end_session"),
            guardrail("slow", "pre_call", "/slow", timeout=20),
            guardrail("broken", "pre_call", "/broken"),
            guardrail(
                "strict", "pre_call", end_session_after_n_fails=2, realtime_violation_message="not in this house"
            ),
        ],
    }
    with Gateway(config, tmp_path_factory.mktemp("conversations"), edge=edge, env=BOOKS) as running:
        yield running


@pytest.fixture
def connect(gateway: Gateway, mock: Mock, judge: Judge) -> Iterator[Connect]:
    opened: list[Client] = []

    def open_one(model: str, target: str = "/v1/realtime?model={}") -> Client:
        target = target.format(model.replace(" ", "%20"))
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
    client = connect(model)
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


# -- what a model says -------------------------------------------------------------------------------------------------


def answered(client: Client, *modalities: str) -> list[dict[str, Any]]:
    """Have a model answer, and return all events until its answer is done."""
    assert hear(client)["type"] == "session.created"
    if modalities:
        tell(client, {"type": "session.update", "session": {"type": "realtime", "output_modalities": modalities}})
        assert hear(client)["type"] == "session.updated"
    tell(client, says("hello"))
    assert [hear(client)["type"], hear(client)["type"]] == ["conversation.item.added", "conversation.item.done"]
    tell(client, {"type": "response.create"})
    heard = [hear(client)]
    while heard[-1]["type"] != "response.done":
        heard.append(hear(client))
    return heard


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(event["type"] for event in events))


def text_of(events: list[dict[str, Any]], kind: str = "response.output_text.delta") -> str:
    return "".join(event["delta"] for event in events if event["type"] == kind)


def test_an_answer_is_heard_when_it_was_judged(connect: Connect, judge: Judge) -> None:
    heard = answered(connect("passes"))
    said = text_of(heard)
    assert said
    assert judge.texts() == [[said]]
    assert heard[-1]["response"]["output"][0]["content"][0]["text"] == said


def test_nothing_is_heard_of_an_answer_that_is_refused(connect: Connect, judge: Judge, mock: Mock) -> None:
    client = connect("refused")
    heard = answered(client)
    assert kinds(heard) == ["error", "response.done"]
    assert heard[0]["error"]["message"] == REASON
    end = heard[1]["response"]
    assert (end["status"], end["status_details"]["reason"], end["output"]) == ("incomplete", "content_filter", [])
    assert end["usage"]["output_tokens"] > 0
    said = judge.texts()[0][0]
    assert said.split()[0] not in json.dumps(heard)
    tell(client, says("go on"))
    assert hear(client)["type"] == "conversation.item.added", "the conversation goes on"


def test_an_answer_is_heard_as_it_was_changed(connect: Connect, judge: Judge) -> None:
    heard = answered(connect("shouts"))
    said = judge.texts()[0][0]
    assert text_of(heard) == said.upper()
    assert said not in json.dumps(heard)


def test_a_conversation_may_end_with_an_answer_that_is_refused(connect: Connect, judge: Judge) -> None:
    client = connect("gone")
    hear(client)
    tell(client, {"type": "response.create"})
    assert hear(client)["error"]["message"] == REASON
    assert client.last().code == 1008


def test_what_was_answered_is_paid_for_though_nobody_heard_it(gateway: Gateway, connect: Connect, judge: Judge) -> None:
    client = connect("waits")
    hear(client)
    tell(client, {"type": "response.create"})
    assert judge.came.wait(10)
    client.drop()

    def paid() -> list[dict[str, Any]]:
        rows = gateway.client.get("/spend/logs").json()
        return [row for row in rows if row["model_group"] == "waits" and row["completion_tokens"] > 0]

    eventually(paid, "an entry of the answer")


AUDIO = ("response.output_audio.delta", "response.output_audio_transcript.delta")


def test_sound_is_heard_when_its_transcript_was_judged(connect: Connect, judge: Judge) -> None:
    heard = answered(connect("gemini post"), "audio")
    said = text_of(heard, AUDIO[1])
    assert judge.texts() == [[said]]
    assert text_of(heard, AUDIO[0])


@pytest.mark.parametrize("model", ["gemini refuses", "gemini shouts"])
def test_sound_that_is_refused_or_would_be_masked_is_not_heard(connect: Connect, judge: Judge, model: str) -> None:
    heard = answered(connect(model), "audio")
    assert kinds(heard) == ["error", "response.done"]
    assert heard[-1]["response"]["output"] == []
    assert judge.texts()[0][0].split()[0] not in json.dumps(heard)


def test_what_a_user_was_heard_to_say_is_judged_in_front_of_google_too(connect: Connect, judge: Judge) -> None:
    client = connect("gemini ears")
    hear(client)
    audio = {"input": {"transcription": {"model": "whisper"}, "turn_detection": None}}
    tell(client, {"type": "session.update", "session": {"type": "realtime", "audio": audio}})
    hear(client)
    tell(client, {"type": "input_audio_buffer.commit"})
    assert hear(client)["type"] == "input_audio_buffer.committed"
    heard, error = hear(client), hear(client)
    assert heard["type"] == "conversation.item.input_audio_transcription.completed"
    assert (heard["transcript"], error["type"]) == ("", "error")


# -- Google's form -----------------------------------------------------------------------------------------------------

GOOGLE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def live(connect: Connect, model: str, instructions: str = "be brief", **generation: object) -> Client:
    client = connect(model, GOOGLE)
    system = {"parts": [{"text": instructions}]}
    setup = {"model": f"models/{model}", "systemInstruction": system, "generationConfig": generation}
    tell(client, {"setup": setup})
    return client


def ask(client: Client, text: str) -> None:
    turns = [{"role": "user", "parts": [{"text": text}]}]
    tell(client, {"clientContent": {"turns": turns, "turnComplete": True}})


def turn(client: Client) -> list[dict[str, Any]]:
    heard = [hear(client)]
    while "turnComplete" not in heard[-1].get("serverContent", {}):
        heard.append(hear(client))
    return heard


def spoken(events: list[dict[str, Any]]) -> str:
    contents = [event["serverContent"] for event in events]
    parts = [part for one in contents for part in one.get("modelTurn", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts)


def test_what_is_said_in_googles_form_is_judged(gateway: Gateway, connect: Connect, judge: Judge) -> None:
    client = live(connect, "gemini pre", "keep a secret")
    assert hear(client) == {"setupComplete": {}}
    tell(client, {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": "forbidden"}}})
    ask(client, "setup?")
    assert MASK in spoken(turn(client)), "it was set up with what was left"
    assert judge.texts() == [["keep a secret"], ["setup?"]]
    ask(client, "forbidden")
    last = client.last()
    assert (last.code, last.payload[2:].decode()) == (1008, REASON)


def test_a_setup_that_is_refused_begins_nothing(connect: Connect, judge: Judge, mock: Mock) -> None:
    assert live(connect, "gemini pre", "forbidden").last().code == 1008
    assert mock.requests() == []


def test_an_answer_in_googles_form_is_heard_when_it_was_judged(
    gateway: Gateway, connect: Connect, judge: Judge
) -> None:
    client = live(connect, "gemini post", responseModalities=["TEXT"])
    assert hear(client) == {"setupComplete": {}}
    ask(client, "hello")
    said = spoken(turn(client))
    assert said
    assert judge.texts() == [[said]]

    def paid() -> list[dict[str, Any]]:
        rows = gateway.client.get("/spend/logs").json()
        return [row for row in rows if row["model_group"] == "gemini post" and row["completion_tokens"] > 0]

    eventually(paid, "an entry of the answer")


def test_an_answer_in_googles_form_is_heard_as_it_was_changed(connect: Connect, judge: Judge) -> None:
    client = live(connect, "gemini shouts", responseModalities=["TEXT"])
    hear(client)
    ask(client, "hello")
    assert spoken(turn(client)) == judge.texts()[0][0].upper()


@pytest.mark.parametrize(("model", "modality"), [("refuses", "TEXT"), ("refuses", "AUDIO"), ("shouts", "AUDIO")])
def test_nothing_is_heard_of_a_refused_answer_in_googles_form(
    connect: Connect, judge: Judge, model: str, modality: str
) -> None:
    client = live(connect, f"gemini {model}", responseModalities=[modality])
    hear(client)
    ask(client, "hello")
    assert client.last().code == 1008
    assert judge.texts()[0][0]


def test_what_a_user_was_heard_to_say_is_judged_in_googles_form(connect: Connect, judge: Judge) -> None:
    client = live(connect, "gemini ears")
    hear(client)
    tell(client, {"realtimeInput": {"audioStreamEnd": True}})
    assert hear(client) == {"serverContent": {"inputTranscription": {"text": "what was "}}}
    assert hear(client) == {"serverContent": {"inputTranscription": {"text": "said"}}}
    assert client.last().code == 1008, "nobody hears what the model answers to it"
