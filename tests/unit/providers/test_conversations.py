"""Conversations as a deployment's model wants them to be."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import ConfigurationError
from tianji.providers.steps.conversations import arranging

CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
GO_ON = "Please continue."


def arranged(said: list[dict[str, Any]], **params: Any) -> list[dict[str, Any]]:
    body: dict[str, Any] = {"messages": copy.deepcopy(said)}
    for step in arranging(params):
        step.run(body)
    found: list[dict[str, Any]] = body["messages"]
    return found


def message(role: str, content: Any = "x", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def alternated(*said: dict[str, Any], **params: Any) -> list[tuple[str, Any]]:
    found = arranged(list(said), ensure_alternating_roles=True, **params)
    return [(one["role"], one["content"]) for one in found]


def test_nothing_is_changed_unasked() -> None:
    assert arranging({}) == ()
    assert arranging({"supports_system_message": True, "ensure_alternating_roles": False}) == ()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([message("system", "a"), message("user", "b")], [message("user", "a b")]),
        ([message("developer", "a"), message("assistant", "b")], [message("assistant", "a b")]),
        ([message("system", "a")], [message("user", "a")]),
        (
            [message("system", "a"), message("system", "b"), message("user", "c")],
            [message("user", "a"), message("user", "b c")],
        ),
        (
            [message("system", "a"), message("tool", "b", tool_call_id="c")],
            [message("user", "a"), message("tool", "b", tool_call_id="c")],
        ),
        (
            [message("system", "a"), message("user", [{"type": "image_url"}])],
            [message("user", [{"type": "text", "text": "a"}, {"type": "image_url"}])],
        ),
        (
            [message("system", [{"type": "text", "text": "a"}]), message("user", "b")],
            [message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])],
        ),
        ([message("system", "a"), message("assistant", None)], [message("assistant", "a")]),
        ([message("system", ""), message("user", "b")], [message("user", "b")]),
    ],
)
def test_system_messages_are_told_otherwise(said: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
    assert arranged(said, supports_system_message=False) == told


def test_who_speaks_twice_is_answered() -> None:
    assert alternated(message("user", "a"), message("user", "b")) == [
        ("user", "a"), ("assistant", GO_ON), ("user", "b"),
    ]  # fmt: skip
    assert alternated(message("assistant", "a"), message("assistant", "b")) == [
        ("user", GO_ON), ("assistant", "a"), ("user", GO_ON), ("assistant", "b"), ("user", GO_ON),
    ]  # fmt: skip


def test_tools_take_no_turn() -> None:
    said = [message("user"), message("assistant", None, tool_calls=CALLS), message("tool"), message("assistant"),
            message("user")]  # fmt: skip
    assert arranged(said, ensure_alternating_roles=True) == said
    unanswered = [message("user"), message("assistant", None, tool_calls=CALLS), message("assistant", "b")]
    assert [one["role"] for one in arranged(unanswered, ensure_alternating_roles=True)] == [
        "user", "assistant", "user", "assistant", "user",
    ]  # fmt: skip


def test_an_operator_has_words_of_his_own() -> None:
    own = {"user_continue_message": {"content": "Go on.", "name": "op"}, "assistant_continue_message": "Yes."}
    assert alternated(message("user", "a"), message("user", "b"), **own)[1] == ("assistant", "Yes.")
    found = arranged([message("assistant")], ensure_alternating_roles="true", **own)
    assert found[0] == {"role": "user", "content": "Go on.", "name": "op"}


@pytest.mark.parametrize(
    "params",
    [
        {"ensure_alternating_roles": "often"},
        {"supports_system_message": 0},
        {"ensure_alternating_roles": True, "user_continue_message": 7},
        {"ensure_alternating_roles": True, "assistant_continue_message": {"role": "assistant"}},
    ],
)
def test_what_means_nothing_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        arranging(params)


def test_a_body_without_messages_stays() -> None:
    bodies: tuple[dict[str, Any], ...] = ({}, {"messages": "text"}, {"messages": ["text"]})
    for body in bodies:
        changed = copy.deepcopy(body)
        for step in arranging({"supports_system_message": False, "ensure_alternating_roles": True}):
            step.run(changed)
        assert changed == body


@given(st.lists(st.sampled_from(["system", "user", "assistant"]).map(message)))
def test_turns_are_taken_and_nothing_is_lost(said: list[dict[str, Any]]) -> None:
    found = arranged(said, ensure_alternating_roles=True)
    turns = [one["role"] for one in found if one["role"] != "system"]
    assert all(one != other for one, other in itertools.pairwise(turns))
    assert [one for one in found if one["content"] == "x"] == said
    assert not turns or found[-1]["role"] != "assistant"
