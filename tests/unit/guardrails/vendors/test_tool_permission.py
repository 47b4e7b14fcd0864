"""tool_permission: which tools pass, and what becomes of those that do not."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.looking import OCCASION, built

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Text, ToolCall
from tianji.guardrails.vendors.tool_permission import TYPE
from tianji.guardrails.verdict import Allow, Answer, Block, Rewrite, Verdict

RULES = [
    {"id": "reads", "tool_name": "read_.*", "decision": "allow"},
    {"id": "mail", "tool_name": "mail", "decision": "ALLOW", "allowed_param_patterns": {"to[]": r".+@example\.org"}},
    {"id": "deep", "tool_name": "deep", "decision": "allow", "allowed_param_patterns": {"a[].b.c": r"\d"}},
    {"id": "no-web", "tool_type": "web_search", "decision": "deny"},
    {"id": "no-rm", "tool_name": "rm|del", "decision": "deny"},
]
REWRITE = {"rules": RULES, "on_disallowed_action": "rewrite"}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def offered(params: dict[str, Any], *tools: dict[str, Any]) -> Verdict:
    return built(TYPE, params)(Content(Direction.REQUEST, (Text("hi"),), tools=tools), OCCASION)


def called(params: dict[str, Any], *calls: tuple[str, object], says: tuple[str, ...] = ()) -> Verdict:
    made = tuple(ToolCall(name, given if isinstance(given, str) else json.dumps(given)) for name, given in calls)
    said = tuple(Text(text, "assistant") for text in says)
    return built(TYPE, params)(Content(Direction.RESPONSE, said, calls=made), OCCASION)


def message(said: Verdict) -> str:
    assert isinstance(said, Block)
    assert said.reason == "Violated guardrail policy"
    return str(said.detail["detection_message"])


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        ("read_file", None),
        ("read_", None),
        ("pread_file", "by default action"),
        ("rm", "by rule 'no-rm'"),
        ("rm2", "by default action"),
        ("mail", None),  # what it will be called with is seen then
    ],
)
def test_the_first_rule_that_fits_as_a_whole_decides(name: str, denied: str | None) -> None:
    said = offered({"rules": RULES}, tool("read_x"), tool(name))

    if denied is None:
        assert said == Allow()
    else:
        assert message(said) == f"Tool '{name}' denied {denied}"


def test_a_type_is_denied_whatever_its_name() -> None:
    assert message(offered({"rules": RULES}, {"type": "web_search"})) == "Tool '' denied by rule 'no-web'"


def test_what_no_rule_fits_may_be_allowed() -> None:
    assert offered({"rules": RULES, "default_action": "Allow"}, tool("other")) == Allow()


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("mail", {"to": ["a@example.org", "b@example.org"]}, True),
        ("mail", {"to": ["a@example.org", "b@evil.org"]}, False),
        ("mail", {"to": ["a@example.org.evil"]}, False),
        ("mail", {"to": []}, False),
        ("mail", {"cc": ["a@example.org"]}, False),
        ("mail", "{", False),
        ("mail", "[" * 100_000, False),
        ("mail", '"\ud800"', False),
        ("deep", {"a": [{"b": {"c": 1}}, {"b": {"c": "2"}}]}, True),
        ("deep", {"a": [{"b": {"c": 10}}]}, False),
        ("deep", {"a": {"b": {"c": 1}}}, False),
        ("read_file", "not even JSON", True),
    ],
)
def test_a_call_is_held_against_its_arguments(name: str, arguments: object, allowed: bool) -> None:
    assert (called({"rules": RULES}, (name, arguments)) == Allow()) is allowed


def test_arguments_that_do_not_match_leave_it_to_the_next_rule() -> None:
    rules = [{"id": "1", "tool_name": "x", "decision": "allow", "allowed_param_patterns": {"a": "1"}}]
    second = [*rules, {"id": "2", "tool_name": "x", "decision": "allow", "allowed_param_patterns": {"a": "2"}}]

    assert message(called({"rules": rules}, ("x", {"a": "2"}))) == "Tool 'x' denied by default action"
    assert called({"rules": second}, ("x", {"a": "2"})) == Allow()


def test_tools_that_are_denied_are_taken_out_of_a_request() -> None:
    said = offered(REWRITE, tool("rm"), tool("read_file"), {"type": "web_search"})

    assert isinstance(said, Rewrite)
    assert said.tools == (tool("read_file"),)
    assert said.texts == {}
    assert said.findings.entities == {"tool": 2}


def test_calls_that_are_denied_are_taken_out_of_an_answer_which_says_so() -> None:
    said = called(REWRITE, ("rm", {}), ("read_file", {}), says=("Sure.",))

    assert isinstance(said, Rewrite)
    assert said.calls == {0: None}
    assert said.tools is None
    assert said.texts == {0: "Sure.\nPermission denied: Tool 'rm' denied by rule 'no-rm'"}


def test_an_answer_of_which_nothing_is_left_says_why() -> None:
    said = called(REWRITE, ("rm", {}), ("del", {}))

    assert isinstance(said, Answer)
    denied = [f"Permission denied: Tool '{name}' denied by rule 'no-rm'" for name in ("rm", "del")]
    assert said.text.splitlines() == denied


def test_the_message_may_be_the_operators() -> None:
    template = "{tool_name} ({rule_id}) {default_message} {else}"
    said = offered({"rules": RULES, "violation_message_template": template}, tool("rm"))

    assert message(said) == "rm (no-rm) Tool 'rm' denied by rule 'no-rm' {else}"


def test_the_older_form_allows_by_name() -> None:
    params = {"allowed_tools": {"*": ["search"], "admin": ["rm"]}}

    assert offered(params, tool("search")) == Allow()
    assert message(offered(params, tool("rm"))) == "Tool 'rm' denied by default action"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"decision": "allow"}, "rule 1 names no tool"),
        ({"tool_name": "(?!a)"}, "rule 1: "),
        ({"id": "x", "tool_name": "a", "allowed_param_patterns": {"p": "("}}, "rule x, p: "),
    ],
)
def test_a_rule_that_cannot_be_held_stops_the_start(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        built(TYPE, {"rules": [rule]})
