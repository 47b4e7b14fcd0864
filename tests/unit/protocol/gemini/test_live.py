"""Between OpenAI's realtime events and Google's Live API."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.protocol.gemini.live.interpreter import MOST_WAITING, Interpreter
from tianji.protocol.gemini.live.setup import setup_of, takes_as_it_comes
from tianji.protocol.gemini.live.usage import realtime_usage

Json = dict[str, Any]
KINDS = (
    "session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "conversation.item.create",
    "response.create", "response.cancel", "nobody.knows",
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "session", "item", "content", "audio", "type", "text", "tools", "turn_detection", "input", "output", "voice",
    "serverContent", "modelTurn", "parts", "inlineData", "data", "turnComplete", "interrupted", "toolCall", "id",
    "functionCalls", "usageMetadata", "promptTokenCount", "setupComplete", "inputTranscription", "outputTranscription",
)  # fmt: skip
named = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
messages = (
    values
    | named
    | st.dictionaries(
        st.sampled_from(NAMES),
        named | st.lists(named, max_size=2) | st.dictionaries(st.sampled_from(NAMES), named | values),
    )
)


def heard(said: list[tuple[bool, bytes]], *, upstream: bool) -> list[Json]:
    return [json.loads(message) for to_upstream, message in said if to_upstream is upstream]


def from_client(interpreter: Interpreter, **event: object) -> list[tuple[bool, bytes]]:
    return interpreter(False, json.dumps(event).encode())


def from_google(interpreter: Interpreter, **message: object) -> list[Json]:
    return heard(interpreter(True, json.dumps(message).encode()), upstream=False)


def ready(**session: object) -> Interpreter:
    interpreter = Interpreter("models/m", "shown")
    from_client(interpreter, type="session.update", session=session)
    from_google(interpreter, setupComplete={})
    return interpreter


# -- the setup ---------------------------------------------------------------------------------------------------------


def test_models_from_the_third_generation_on_take_what_is_said_as_it_comes() -> None:
    interpreter = Interpreter("models/gemini-3.8-live", "shown")
    from_client(interpreter, type="session.update", session={})
    from_google(interpreter, setupComplete={})
    content = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "audio": "BBBB"},
        {"type": "input_text", "text": "here"},
    ]
    item = {"type": "message", "role": "user", "content": content}
    said = heard(from_client(interpreter, type="conversation.item.create", item=item), upstream=True)
    assert said == [
        {"realtimeInput": {"video": {"mimeType": "image/png", "data": "AAAA"}}},
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm;rate=24000", "data": "BBBB"}}},
        {"realtimeInput": {"text": "look\nhere"}},
    ]
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]}
    said = from_client(interpreter, type="conversation.item.create", item=item)
    assert heard(said, upstream=True) == []
    assert heard(said, upstream=False)[-1]["error"]["param"] == "item.role"


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("models/gemini-3.1-flash-live-preview", True),
        ("projects/p/locations/l/publishers/google/models/gemini-10-live", True),
        ("models/gemini-2.5-flash-native-audio-preview-12-2025", False),
        ("models/gemini-live-2.5-flash", False),
    ],
)
def test_which_models_take_it_so(model: str, takes: bool) -> None:
    assert takes_as_it_comes(model) is takes


def test_a_model_of_sound_alone_is_not_asked_for_text() -> None:
    made = setup_of({"output_modalities": ["text"]}, "models/gemini-2.5-flash-native-audio-preview-12-2025")
    assert made["generationConfig"]["responseModalities"] == ["AUDIO"]
    assert made["outputAudioTranscription"] == {}


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({}, {"generationConfig": {"responseModalities": ["AUDIO"]}, "inputAudioTranscription": {}}),
        ({"modalities": ["text"]}, {"generationConfig": {"responseModalities": ["TEXT"]}}),
        ({"modalities": ["text", "audio"]}, {"generationConfig": {"responseModalities": ["AUDIO"]}}),
        ({"instructions": "be brief"}, {"systemInstruction": {"parts": [{"text": "be brief"}]}}),
        (
            {"temperature": 0.5, "max_response_output_tokens": 9, "voice": "Kore"},
            {
                "generationConfig": {
                    "responseModalities": ["AUDIO"],
                    "temperature": 0.5,
                    "maxOutputTokens": 9,
                    "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
                }
            },
        ),
        (
            {"max_output_tokens": "inf", "audio": {"output": {"voice": "alloy"}}},
            {"generationConfig": {"responseModalities": ["AUDIO"]}},
        ),
        ({"turn_detection": None}, {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}}}},
            {"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": 300}}},
        ),
        (
            {"tools": [{"type": "function", "name": "f", "description": "d"}, {"type": "mcp"}]},
            {"tools": [{"functionDeclarations": [{"name": "f", "description": "d"}]}]},
        ),
    ],
)
def test_a_session_becomes_a_setup(session: Json, expected: Json) -> None:
    setup = setup_of(session, "models/m")
    assert setup["model"] == "models/m"
    assert {name: setup[name] for name in expected} == expected


def test_what_needs_no_transcript_has_none() -> None:
    setup = setup_of({"input_audio_transcription": None, "output_modalities": ["text"]}, "m")
    assert setup.keys() == {"model", "generationConfig"}


# -- the conversation --------------------------------------------------------------------------------------------------


def test_the_first_event_sets_it_up_and_what_follows_waits() -> None:
    interpreter = Interpreter("models/m", "shown")
    assert heard(interpreter.begin(), upstream=False)[0]["session"]["model"] == "shown"
    first = from_client(interpreter, type="input_audio_buffer.append", audio="AAAA")
    assert [list(message) for message in heard(first, upstream=True)] == [["setup"]]
    assert heard(from_client(interpreter, type="input_audio_buffer.append", audio="BBBB"), upstream=True) == []
    said = interpreter(True, b'{"setupComplete": {}}')
    assert [message["realtimeInput"]["audio"]["data"] for message in heard(said, upstream=True)] == ["AAAA", "BBBB"]
    assert heard(said, upstream=False) == []
    (updated,) = heard(from_client(interpreter, type="session.update", session={"voice": "x"}), upstream=False)
    assert (updated["type"], updated["session"]["voice"]) == ("session.updated", "x")


def test_what_waits_is_bounded() -> None:
    interpreter = Interpreter("models/m", "shown")
    for _ in range(10):
        from_client(interpreter, type="input_audio_buffer.append", audio="A" * (MOST_WAITING // 10))
    (event,) = heard(from_client(interpreter, type="input_audio_buffer.append", audio="A" * 100_000), upstream=False)
    assert event["type"] == "error"


def test_who_says_when_he_speaks_begins_and_ends_it() -> None:
    interpreter = ready(turn_detection=None)
    said = [from_client(interpreter, type="input_audio_buffer.append", audio="AAAA") for _ in range(2)]
    said.append(from_client(interpreter, type="input_audio_buffer.commit"))
    told = [list(message["realtimeInput"]) for one in said for message in heard(one, upstream=True)]
    assert told == [["activityStart"], ["audio"], ["audio"], ["activityEnd"]]


def test_an_answer_that_is_interrupted_is_cancelled() -> None:
    interpreter = ready(output_modalities=["text"])
    from_google(interpreter, serverContent={"modelTurn": {"parts": [{"text": "half"}]}})
    events = from_google(interpreter, serverContent={"interrupted": True})
    response = events[-1]["response"]
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "half"}]
    assert from_google(interpreter, serverContent={"turnComplete": True}) == []


def test_thoughts_are_not_said() -> None:
    interpreter = ready(output_modalities=["text"])
    parts = [{"text": "hm", "thought": True}, {"text": "yes"}]
    events = from_google(interpreter, serverContent={"modelTurn": {"parts": parts}})
    assert [event["delta"] for event in events if "delta" in event] == ["yes"]


def test_calls_follow_what_was_said_and_their_results_find_back() -> None:
    interpreter = ready(output_modalities=["text"])
    from_google(interpreter, serverContent={"modelTurn": {"parts": [{"text": "wait"}]}})
    events = from_google(
        interpreter, toolCall={"functionCalls": [{"name": "f", "id": "1"}, {"name": "g", "args": {"a": 1}}]}
    )
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.added"] == [1, 2]
    for call, name in (("1", "f"), (output[2]["call_id"], "g")):
        said = from_client(
            interpreter,
            type="conversation.item.create",
            item={"type": "function_call_output", "call_id": call, "output": "plain"},
        )
        (told,) = heard(said, upstream=True)
        assert told["toolResponse"]["functionResponses"] == [
            {"id": call, "name": name, "response": {"result": "plain"}}
        ]


def test_a_turn_without_words_is_paid_for() -> None:
    interpreter = ready()
    usage = {"promptTokenCount": 3, "responseTokenCount": 1, "thoughtsTokenCount": 2}
    assert from_google(interpreter, usageMetadata=usage) == []
    events = from_google(interpreter, serverContent={"turnComplete": True})
    assert [event["type"] for event in events] == ["response.created", "response.done"]
    assert events[-1]["response"]["usage"]["output_tokens"] == 3


def test_pictures_and_sound_of_a_message_go_along() -> None:
    content = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "audio": "BBBB"},
        {"type": "input_image", "image_url": "https://elsewhere"},
    ]
    said = from_client(ready(), type="conversation.item.create", item={"role": "user", "content": content})
    (told,) = heard(said, upstream=True)
    parts = told["clientContent"]["turns"][0]["parts"]
    assert [list(part) for part in parts] == [["text"], ["inlineData"], ["inlineData"]]


@pytest.mark.parametrize("message", [b"", b"no", b"[]", b"[" * 100_000, b"\xff"])
def test_what_is_no_event_is_said_to_the_client_and_dropped_of_the_upstream(message: bytes) -> None:
    interpreter = ready()
    assert heard(interpreter(False, message), upstream=False)[0]["type"] == "error"
    assert interpreter(True, message) == []


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(KINDS), messages), max_size=6))
def test_nothing_that_anybody_says_breaks_it(talk: list[tuple[bool, str, Any]]) -> None:
    interpreter = Interpreter("models/m", "shown")
    for upstream, kind, said in talk:
        members = said if isinstance(said, dict) else {"session": said, "item": said, "serverContent": said}
        event = members if upstream else {**members, "type": kind}
        for _, message in interpreter(upstream, msgspec.json.encode(event)):
            assert isinstance(json.loads(message), dict)


@given(messages)
def test_usage_of_any_form_is_a_usage_or_none(said: Any) -> None:
    found = realtime_usage(said)
    assert found is None or found["total_tokens"] == found["input_tokens"] + found["output_tokens"]


ODD = (5, "x", True, None, [], {}, [5], ["x"], [None], [{}], {"x": 5})
SESSION = (
    "audio",
    "tools",
    "turn_detection",
    "voice",
    "instructions",
    "modalities",
    "output_modalities",
    "temperature",
)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", [*SESSION, "max_output_tokens", "input_audio_transcription"])
def test_a_setup_of_odd_members_is_made_all_the_same(name: str, odd: Any) -> None:
    for session in ({name: odd}, {"audio": {"input": {name: odd}, "output": {name: odd}}}, {"audio": {name: odd}}):
        msgspec.json.encode(setup_of(session, "m"))


@pytest.mark.parametrize("odd", ODD)
def test_odd_members_of_messages_break_nothing(odd: Any) -> None:
    for member in ("content", "output", "call_id", "role", "type"):
        for item in ({member: odd}, {"type": "function_call_output", member: odd}, odd):
            from_client(ready(), type="conversation.item.create", item=item)
    for member in ("modelTurn", "inputTranscription", "outputTranscription", "turnComplete"):
        for content in ({member: odd}, {"modelTurn": {"parts": odd}}, {"modelTurn": {"parts": [{member: odd}]}}, odd):
            from_google(ready(), serverContent=content)
    for call in (odd, {"functionCalls": odd}, {"functionCalls": [{"name": odd, "id": odd, "args": odd}]}):
        from_google(ready(), toolCall=call, usageMetadata=odd)
