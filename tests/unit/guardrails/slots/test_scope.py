"""What a guardrail is not asked about stays as it is."""

import pytest

from tianji.guardrails.content import Content, Direction, Kind, Text, ToolCall
from tianji.guardrails.slots.scope import Scope
from tianji.guardrails.slots.texts import Mismatched
from tianji.guardrails.verdict import Rewrite, Span

TEXTS = (
    Text("rules", "system", Kind.INSTRUCTIONS, 0),
    Text("first", message=1),
    Text("Paris", "assistant", Kind.TOOL_ARGUMENTS, 2),
    Text("rain", "tool", Kind.TOOL_RESULT, 3),
    Text("see", message=4),
    Text("this", message=4),
)
ASKED = Content(Direction.REQUEST, TEXTS, calls=(ToolCall("weather", "{}"),))


@pytest.mark.parametrize(
    ("scope", "expected", "calls"),
    [
        (Scope(), "rules first Paris rain see this", 1),
        (Scope(skip_system=True), "first Paris rain see this", 1),
        (Scope(skip_tools=True), "rules first see this", 0),
        (Scope(skip_system=True, skip_tools=True), "first see this", 0),
        (Scope(last_role=True), "see this", 0),
        (Scope(only_tool_results=True), "rain", 0),
    ],
)
def test_what_is_in_scope(scope: Scope, expected: str, calls: int) -> None:
    view = scope.view(ASKED)

    assert view.content.joined(" ") == expected
    assert len(view.content.calls) == calls


def test_an_answer_is_in_scope_whole() -> None:
    answer = Content(Direction.RESPONSE, (Text("sure", "assistant"),))

    assert Scope(skip_system=True, last_role=True, only_tool_results=True).view(answer).content is answer


def test_a_rewrite_finds_its_place_in_the_whole() -> None:
    view = Scope(skip_system=True, skip_tools=True).view(ASKED)

    whole = view.whole(Rewrite(texts={0: "x", 2: "y"}, spans=(Span(2, 0, 4, "y"),)))

    assert whole == Rewrite(texts={1: "x", 5: "y"}, spans=(Span(5, 0, 4, "y"),))
    assert Scope().view(ASKED).whole(whole) is whole


@pytest.mark.parametrize("rewrite", [Rewrite(texts={3: "x"}), Rewrite(texts={-1: "x"}), Rewrite(calls={0: None})])
def test_what_is_out_of_scope_cannot_be_changed(rewrite: Rewrite) -> None:
    with pytest.raises(Mismatched):
        Scope(skip_system=True, skip_tools=True).view(ASKED).whole(rewrite)


def test_a_last_message_that_is_nobodys() -> None:
    content = Content(Direction.REQUEST, TEXTS[:1])

    assert Scope(last_role=True).view(content).content.texts == ()
