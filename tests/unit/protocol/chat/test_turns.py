"""Who speaks, and how turns of one speaker become one."""

from typing import Any

import pytest

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import Message
from tianji.protocol.chat.turns import add_turn, speaker_of


@pytest.mark.parametrize(
    ("role", "speaker"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
    ],
)
def test_speakers(role: str, speaker: str) -> None:
    assert speaker_of(Message(role=role), 0) == speaker


@pytest.mark.parametrize("role", ["wizard", "", "User", "model"])
def test_a_role_there_is_not(role: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^messages\.3\.role: .* is no role; use system") as caught:
        speaker_of(Message(role=role), 3)
    assert caught.value.param == "messages.3.role"


def test_turns_of_one_role_are_one() -> None:
    turns: list[dict[str, Any]] = []
    for role, said in (("user", "a"), ("user", "b"), ("model", "c"), ("user", "d")):
        add_turn(turns, role, [{"text": said}], "parts")
    assert turns == [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}]},
        {"role": "user", "parts": [{"text": "d"}]},
    ]


def test_what_says_nothing_is_no_turn() -> None:
    turns: list[dict[str, Any]] = [{"role": "user", "content": [{"text": "a"}]}]
    add_turn(turns, "assistant", [])
    add_turn(turns, "user", [{"text": "b"}])
    assert turns == [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}]
