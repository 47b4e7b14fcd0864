"""Answers in conversations: words over the borders of messages, the same again as a whole, and sound beside them."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.guardrails.streaming.streams import Guard, Run

from tianji.guardrails.failures import GuardrailBlocked
from tianji.guardrails.streaming.events import lined, unlined
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.verdict import Allow, Answer, Block, Verdict

Json = dict[str, Any]
SECRET = "secret"
SOUND = "AAAA"


def spoken(base: str, texts: Sequence[str], kind: str, member: str) -> list[Json]:
    """Return an answer of OpenAI's: deltas with sound between them, and all of it again."""
    place = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    whole = "".join(texts)
    item = {"id": "i", "object": "realtime.item", "type": "message", "role": "assistant", "content": []}
    said = {**item, "content": [{"type": kind, member: whole, "audio": SOUND}]}
    events: list[Json] = [
        {"type": "response.created", "response": {"id": "r", "object": "realtime.response", "output": []}},
        {"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": item},
        {"type": "conversation.item.added", "previous_item_id": None, "item": item},
    ]
    for text in texts:
        events.append({"type": f"{base}.delta", **place, "delta": text})
        events.append({"type": "response.output_audio.delta", **place, "delta": SOUND})
    return [
        *events,
        {"type": "response.output_audio.done", **place},
        {"type": f"{base}.done", **place, member: whole},
        {"type": "response.content_part.done", **place, "part": {"type": kind, member: whole}},
        {"type": "conversation.item.done", "previous_item_id": None, "item": said},
        {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": said},
        {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [said], "usage": {}}},
    ]


def turn(texts: Sequence[str]) -> list[Json]:
    """Return a turn of Google's."""
    parts = [{"text": text} for text in texts]
    sound = {"inlineData": {"mimeType": "audio/pcm", "data": SOUND}}
    messages = [{"serverContent": {"modelTurn": {"parts": [sound, part]}}} for part in parts]
    return [*messages, {"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 1}}]


FORMS: dict[str, tuple[str, Callable[[Sequence[str]], list[Json]]]] = {
    "text": ("realtime", lambda texts: spoken("response.output_text", texts, "output_text", "text")),
    "beta text": ("realtime", lambda texts: spoken("response.text", texts, "text", "text")),
    "transcript": (
        "realtime",
        lambda texts: spoken("response.output_audio_transcript", texts, "output_audio", "transcript"),
    ),
    "beta transcript": ("realtime", lambda texts: spoken("response.audio_transcript", texts, "audio", "transcript")),
    "live": ("live", turn),
}
WINDOW, END = Policy(Scan.WINDOW, 6, 1), Policy(Scan.END)
POLICIES = {"window": WINDOW, "end": END}
WORDS = st.lists(st.text("secrt ", min_size=1, max_size=8) | st.just(SECRET), min_size=1, max_size=8)


def through(name: str, texts: Sequence[str], guard: Guard) -> tuple[Run, list[Json]]:
    """Return a run of an answer, and the messages that went out."""
    operation, messages = FORMS[name]
    run = Run(operation, [(guard.policy, guard)])
    for message in messages(texts):
        run.feed(lined(json.dumps(message, indent=1).encode()))
    if run.stream.stopped is None:
        run.end()
    return run, [json.loads(message) for message in unlined(run.out)]


def bit_by_bit(messages: list[Json]) -> str:
    """Return what a client puts together."""
    deltas = [one for one in messages if str(one.get("type")).endswith(".delta")]
    said = [one["delta"] for one in deltas if "audio.delta" not in one["type"]]
    parts = [part for one in messages for part in one.get("serverContent", {}).get("modelTurn", {}).get("parts", ())]
    return "".join([*said, *(part.get("text", "") for part in parts)])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=25)
@given(words=WORDS)
def test_what_passes_comes_as_it_was_and_what_is_masked_as_the_whole_would_be(
    name: str, policy: str, words: list[str]
) -> None:
    whole = FORMS[name][1](words)
    _, passed = through(name, words, Guard(POLICIES[policy]))
    assert passed == whole
    guard = Guard(POLICIES[policy], masks=SECRET, replacement="")
    _, masked = through(name, words, guard)
    text = re.sub(SECRET, "", "".join(words))
    assert bit_by_bit(masked) == text
    assert [one.get("type") for one in masked] == [one.get("type") for one in whole]
    assert str(masked).count(SOUND) == str(whole).count(SOUND)
    again = re.findall(r"'(?:text|transcript)': '([^']*)'", str(masked)) if name != "live" else []
    assert set(again) <= {text}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=25)
@given(words=WORDS)
def test_nothing_goes_out_that_is_refused_as_a_whole(name: str, policy: str, words: list[str]) -> None:
    run, out = through(name, words, Guard(POLICIES[policy], refuses=SECRET))
    if SECRET in "".join(words):
        assert run.stream.stopped is not None
        assert SECRET not in bit_by_bit(out)
        assert "response.done" not in str(out)
    else:
        assert out == FORMS[name][1](words)


@pytest.mark.parametrize("name", FORMS)
def test_all_is_judged_once_and_sound_not_at_all(name: str) -> None:
    guard = Guard(END)
    through(name, ["many ", "words"], guard)
    assert [[text.text for text in content.texts] for content in guard.seen] == [["many words"]]


CALLS: dict[str, tuple[str, list[Json]]] = {
    "realtime": (
        "realtime",
        [
            {
                "type": "response.output_item.done",
                "response_id": "r",
                "output_index": 0,
                "item": {"id": "i", "type": "function_call", "name": "pay", "call_id": "c", "arguments": '{"to": "x"}'},
            }
        ],
    ),
    "live": ("live", [{"toolCall": {"functionCalls": [{"id": "c", "name": "pay", "args": {"to": "x"}}]}}]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("refuses", [False, True])
def test_calls_are_judged(name: str, refuses: bool) -> None:
    operation, messages = CALLS[name]
    seen: list[Any] = []

    def look(content: Any) -> Verdict:
        seen.extend((call.name, json.loads(call.arguments)) for call in content.calls)
        return Block("no") if refuses else Allow()

    run = Run(operation, [(END, look)])
    for message in messages:
        run.feed(lined(json.dumps(message).encode()))
    run.end()
    assert seen == [("pay", {"to": "x"})]
    assert [json.loads(one) for one in unlined(run.out)] == ([] if refuses else messages)


@pytest.mark.parametrize("name", FORMS)
def test_no_text_stands_in_the_place_of_what_a_model_says(name: str) -> None:
    operation, messages = FORMS[name]
    run = Run(operation, [(END, lambda _: Answer("no"))])
    for message in messages(["words"]):
        run.feed(lined(json.dumps(message).encode()))
    run.end()
    with pytest.raises(GuardrailBlocked, match="no"):
        run.stream.refused("no")
