"""Conversations in all forms, read for what they say of the model's last answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.routing.auto.feedback import Feedback, feedback_of
from tianji.routing.auto.turns import Turns, read_turns


def turns(*items: Any) -> Turns:
    return read_turns(json.dumps(items).encode())


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def model(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(name: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_chat() -> None:
    found = turns(
        {"role": "system", "content": "be"}, user("one"), model("two"), user("three"), model("four"), user("five")
    )
    assert found == Turns(6, 4, 3, "one", "three", "five", ("four", "two"))


def test_what_tools_say_is_not_what_the_user_says() -> None:
    found = turns(user("one"), model("", tool_calls=[call("f")]), {"role": "tool", "tool_call_id": "1", "content": "r"})
    assert (found.place, found.before, found.now, found.failed, len(found.calls)) == (1, "one", "", False, 1)
    failed = {"role": "tool", "tool_call_id": "1", "content": "r", "is_error": True}
    assert turns(user("one"), model("", tool_calls=[call("f")]), failed).failed


def test_messages() -> None:
    use = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": "no", "is_error": True}
    found = turns(
        user("one"),
        {"role": "assistant", "content": [{"type": "text", "text": "I look"}, use]},
        {"role": "user", "content": [result]},
    )
    assert (found.place, found.before, found.now, found.answers, found.failed) == (1, "one", "", ("I look",), True)
    assert len(found.calls) == 1


def test_responses() -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]}
    found = turns(
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "r"},
        said,
        user("three"),
    )
    assert (found.place, found.before, found.now, found.answers) == (4, "one", "three", ("two", ""))
    assert len(found.calls) == 1


@pytest.mark.parametrize("text", [None, b"", b"{}", b'"hi"', b"[1]", b'[{"role":1}]', b"[", b"[]"])
def test_what_is_no_conversation_has_no_answer(text: bytes | None) -> None:
    assert read_turns(text) == Turns()


def test_one_that_only_begins_has_no_answer() -> None:
    assert turns(user("one")) == Turns(length=1, users=1, first="one")


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system", ""]), st.text(max_size=8))))
def test_the_answer_lies_inside(items: list[tuple[str, str]]) -> None:
    found = turns(*({"role": role, "content": text} for role, text in items))
    assert 0 <= found.place <= found.length == len(items)
    if any(role == "assistant" for role, _ in items):
        assert items[found.place][0] == "assistant"
        assert feedback_of(found).good <= 1


LONG = (user("sort a list of numbers"), model("a"), user("now write tests"), model("b"))


@pytest.mark.parametrize(
    ("items", "feedback"),
    [
        ((*LONG, user("thanks, that worked")), Feedback(1, 0, thanked=True)),
        ((*LONG, user("ok, what about floats?")), Feedback()),
        ((user("sort"), model("a"), user("thanks")), Feedback()),  # who says so at once is polite
        ((*LONG, user("forget it")), Feedback(0, 1)),
        ((*LONG, user("great, it is still broken")), Feedback(0, 1)),  # thanks in scorn are none
        (
            (
                user("write a haiku about winter mountains"),
                model("a"),
                user("no, a haiku about winter mountains please"),
            ),
            Feedback(0, 1),
        ),
        (
            (user("x"), model("the same words again and again"), user("y"), model("the same words again"), user("z")),
            Feedback(0, 1),
        ),
        ((user("x"), *(model("", tool_calls=[call("f", '{"a":1}')]) for _ in range(3)), user("z")), Feedback(0, 1)),
        ((user("x"), *(model("", tool_calls=[call("f", f'{{"a":{n}}}')]) for n in range(3)), user("z")), Feedback()),
    ],
)
def test_feedback(items: tuple[Any, ...], feedback: Feedback) -> None:
    assert feedback_of(turns(*items)) == feedback
