"""Every type of guardrail is shown what stands in a request or an answer of every operation, whatever its form."""

import contextlib
import json
from typing import Any

import pytest
from tests.unit.guardrails.vendors.driver import OCCASION, checking, driven, named
from tests.unit.guardrails.vendors.refusals import REFUSALS

from tianji.guardrails.content import Content, Direction
from tianji.guardrails.slots.forms import FORMS
from tianji.guardrails.vendor import Call, Hook, Question, Reply
from tianji.guardrails.verdict import Unavailable

NEEDLE = "needle"
SAID: dict[str, Any] = {  # of members that hold text, by their names
    "messages": [{"role": "user", "content": NEEDLE}],
    "contents": [{"role": "user", "parts": [{"text": NEEDLE}]}],
    "clientContent": {"turns": [{"role": "user", "parts": [{"text": NEEDLE}]}]},
    "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": NEEDLE}]},
    "input": NEEDLE,
    "prompt": NEEDLE,
    "query": NEEDLE,
    "document_annotation_prompt": NEEDLE,
    "arguments": {"text": NEEDLE},
}
ANSWERS: dict[str, Any] = {
    "chat": {"choices": [{"message": {"role": "assistant", "content": NEEDLE}}]},
    "completions": {"choices": [{"text": NEEDLE}]},
    "messages": {"role": "assistant", "content": [{"type": "text", "text": NEEDLE}]},
    "responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": NEEDLE}]}]},
    "compact": {"output": [{"type": "message", "content": [{"type": "output_text", "text": NEEDLE}]}]},
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": NEEDLE}]}}]},
    "transcription": {"text": NEEDLE},
    "translation": {"text": NEEDLE},
    "ocr": {"pages": [{"index": 0, "markdown": NEEDLE}]},
    "tool": {"content": [{"type": "text", "text": NEEDLE}]},
}


def read(operation: str, direction: Direction) -> Content:
    document = SAID if direction is Direction.REQUEST else ANSWERS[operation]
    return FORMS[operation].read(direction, json.dumps(document).encode()).content


def shown(name: str, content: Content) -> str:
    """Return all that a type sends of a content, until its first reply."""
    sent: list[str] = []

    def reply(call: Call | Question) -> Reply:
        sent.append(call.body.decode() if isinstance(call, Call) else json.dumps(call.body))
        return REFUSALS[name].reply()

    with contextlib.suppress(Unavailable):  # the example of a reply is for another content
        driven(checking(named(name), REFUSALS[name].entry)(content, OCCASION), reply)
    return "".join(sent)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_type_sees_the_requests_of_every_operation(name: str) -> None:
    if Hook.PRE_CALL not in named(name).hooks | named(name).legacy:
        pytest.skip("it judges no requests")
    blind = [operation for operation in FORMS if NEEDLE not in shown(name, read(operation, Direction.REQUEST))]
    assert blind == []


@pytest.mark.parametrize("name", REFUSALS)
def test_a_type_sees_the_answers_of_every_operation(name: str) -> None:
    if Hook.POST_CALL not in named(name).hooks:
        pytest.skip("it judges no answers")
    blind = [operation for operation in ANSWERS if NEEDLE not in shown(name, read(operation, Direction.RESPONSE))]
    assert blind == []
