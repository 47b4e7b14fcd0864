"""A stream that is ended early fits what it has begun."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.streaming.streams import FORMS, Guard, Run, events, heard

from tianji.errors import InvalidRequest
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.verdict import Answer, Block

WINDOW = Policy(Scan.WINDOW, hold=4, every=1)
WORDS = ["some words ", "that go out ", "then a secret ", "that does not"]


def stopped(name: str) -> Run:
    """A stream that was refused when it had begun."""
    driven = Run(FORMS[name][0], [(WINDOW, Guard(WINDOW, refuses="secret"))], as_array=name == "gemini array")
    data = FORMS[name][1](WORDS)
    for at in range(0, len(data), 20):
        if driven.stream.stopped is None:
            driven.feed(data[at : at + 20])
    assert driven.stream.stopped == (0, Block("found"))
    assert driven.stream.begun
    return driven


@pytest.mark.parametrize("name", FORMS)
def test_an_error_is_the_last_thing(name: str) -> None:
    driven = stopped(name)

    last = events(driven.out + driven.stream.failed(InvalidRequest("refused", code="400")))[-1]

    assert "refused" in json.dumps(last)
    assert "error" in last or last["type"] == "error"


@pytest.mark.parametrize("name", FORMS)
def test_a_refusal_ends_the_answer_well(name: str) -> None:
    driven = stopped(name)
    said = heard(driven.out)

    out = driven.out + driven.stream.refused("I may not.")

    assert heard(out) == said + "I may not."
    assert said
    assert "secret" not in said
    assert {"chat": _chat, "completions": _chat, "messages": _messages, "responses": _responses}.get(name, _gemini)(
        events(out)
    )


@pytest.mark.parametrize("policy", [WINDOW, Policy(Scan.END)], ids=["window", "end"])
@pytest.mark.parametrize("name", FORMS)
def test_a_refusal_begins_what_has_not_begun(name: str, policy: Policy) -> None:
    driven = Run(FORMS[name][0], [(policy, lambda content: Answer("no"))], as_array=name == "gemini array")
    driven.feed(FORMS[name][1](["some secret words"]))
    driven.end()
    assert driven.out == b""

    out = driven.stream.refused("I may not.")

    assert heard(out) == "I may not."
    assert {"chat": _chat, "completions": _chat, "messages": _messages, "responses": _responses}.get(name, _gemini)(
        events(out)
    )


def _chat(found: list[Any]) -> bool:
    return found[-1] == "[DONE]" and found[-2]["choices"][0]["finish_reason"] == "content_filter" and (
        len({event["id"] for event in found[:-1]}) == 1
    )  # fmt: skip


def _messages(found: list[Any]) -> bool:
    kinds = [event["type"] for event in found]
    starts = [event["index"] for event in found if event["type"] == "content_block_start"]
    stops = [event["index"] for event in found if event["type"] == "content_block_stop"]
    return kinds[-2:] == ["message_delta", "message_stop"] and starts == stops == [0, 1]


def _responses(found: list[Any]) -> bool:
    response = found[-1]["response"]
    done = [event["item"] for event in found if event["type"] == "response.output_item.done"]
    texts = [part["text"] for item in response["output"] for part in item["content"]]
    return (
        found[0]["type"] == "response.created"
        and [event["sequence_number"] for event in found] == list(range(len(found)))
        and found[-1]["type"] == "response.completed"
        and response["status"] == "completed"
        and response["output"] == done
        and "".join(texts) == "".join(event["delta"] for event in found if event["type"].endswith("text.delta"))
    )


def _gemini(found: list[Any]) -> bool:
    return found[-1]["candidates"][0]["finishReason"] == "SAFETY"


def test_an_answer_in_the_models_place_stops_the_stream() -> None:
    driven = Run("chat", [(WINDOW, lambda content: Answer("no"))])
    driven.feed(FORMS["chat"][1](WORDS))
    driven.end()

    assert driven.stream.stopped == (0, Answer("no"))
    assert driven.out == b""
    assert driven.feed(b"data: {}\n\n") == b""
