"""What a client says in the form of Google's Live API, and that a change of it changes nothing else."""

import json
from typing import Any

import pytest

from tianji.guardrails.content import Direction, Kind
from tianji.guardrails.slots.forms import FORMS
from tianji.guardrails.verdict import Rewrite

SOUND = {"mimeType": "audio/pcm", "data": "AAAA"}
MESSAGES: dict[str, tuple[Any, list[tuple[str, str, Kind]]]] = {
    "setup": (
        {
            "setup": {
                "model": "models/m",
                "generationConfig": {"responseModalities": ["AUDIO"]},
                "systemInstruction": {"parts": [{"text": "be kind"}]},
                "sessionResumption": {"handle": "h"},
            }
        },
        [("be kind", "system", Kind.INSTRUCTIONS)],
    ),
    "turns": (
        {
            "clientContent": {
                "turns": [
                    {"role": "user", "parts": [{"text": "see"}, {"inlineData": SOUND}]},
                    {"role": "model", "parts": [{"text": "seen"}]},
                ],
                "turnComplete": True,
            }
        },
        [("see", "user", Kind.SAID), ("seen", "assistant", Kind.SAID)],
    ),
    "sound and text": ({"realtimeInput": {"audio": SOUND, "text": "hello"}}, [("hello", "user", Kind.SAID)]),
    "results of tools": (
        {"tool_response": {"functionResponses": [{"id": "c", "name": "weather", "response": {"sky": "rain"}}]}},
        [("rain", "tool", Kind.TOOL_RESULT)],
    ),
    "what nobody foresaw": ({"newMember": {"words": ["one"]}}, [("one", "user", Kind.SAID)]),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_text_is_found_and_can_be_another(name: str) -> None:
    message, expected = MESSAGES[name]
    body = json.dumps(message)
    document = FORMS["live"].read(Direction.REQUEST, body.encode())
    assert [(text.text, text.role, text.kind) for text in document.content.texts] == expected
    for at, (text, _, _) in enumerate(expected):
        assert document.written(Rewrite({at: "other"})).decode() == body.replace(f'"{text}"', '"other"')


def test_tools_of_a_setup_are_declared() -> None:
    tools = [{"functionDeclarations": [{"name": "weather", "description": "tells it"}]}]
    document = FORMS["live"].read(Direction.REQUEST, json.dumps({"setup": {"model": "m", "tools": tools}}).encode())
    assert document.content.tools[0]["function"]["name"] == "weather"
    assert b"weather" not in document.written(Rewrite(tools=()))
