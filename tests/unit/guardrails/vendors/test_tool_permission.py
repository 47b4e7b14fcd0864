"""tool_permission: which tools pass, and what becomes of those that do not."""

import json
from typing import Any

import pytest
from tests.unit.guardrails.looking import OCCASION, built

from tianji.errors import ConfigurationError
from tianji.guardrails.content import Content, Direction, Text, ToolCall
from tianji.guardrails.slots.called import CALLED
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.streaming.forms.table import begin
from tianji.guardrails.streaming.gate import Gate
from tianji.guardrails.streaming.policy import Policy, Scan
from tianji.guardrails.streaming.stream import Stream
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
    assert message(offered({"rules": RULES}, {"type": "web_search"})) == "Tool 'web_search' denied by rule 'no-web'"


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


# -- calls of OpenAI's own tools, wherever they stand ------------------------------------------------------------------

PATCH = {"type": "update_file", "path": "a.py", "diff": "-a"}
ITEMS: dict[str, tuple[dict[str, Any], str, str]] = {  # item, the name it goes by, a type that it has
    "function_call": ({"name": "ls", "arguments": '{"a": "b"}'}, "ls", "function"),
    "custom_tool_call": ({"name": "ls", "input": "-l"}, "ls", "custom"),
    "mcp_call": ({"name": "ls", "server_label": "s", "arguments": '{"a": "b"}'}, "ls", "mcp"),
    "mcp_approval_request": ({"name": "ls", "server_label": "s", "arguments": '{"a": "b"}'}, "ls", "mcp"),
    "shell_call": ({"action": {"commands": ["ls -l"], "timeout_ms": 9}}, "shell", "shell"),
    "local_shell_call": ({"action": {"type": "exec", "command": ["ls"]}}, "local_shell", "local_shell"),
    "apply_patch_call": ({"operation": PATCH}, "apply_patch", "apply_patch"),
    "tool_search_call": ({"execution": "client", "arguments": {"query": "q"}}, "tool_search", "tool_search"),
    "computer_call": ({"action": {"type": "click", "x": 1}}, "computer", "computer_use_preview"),
}


def test_every_call_of_the_table_is_tried_here() -> None:
    assert ITEMS.keys() == CALLED.keys()


def judged(item: dict[str, Any], direction: Direction, rule: dict[str, Any]) -> Verdict:
    body = {"input" if direction is Direction.REQUEST else "output": [item]}
    content = form_of("responses").read(direction, json.dumps(body).encode()).content
    return built(TYPE, {"rules": [rule], "default_action": "allow"})(content, OCCASION)


def streamed(item: dict[str, Any], rule: dict[str, Any]) -> Verdict:
    """Return what is said of a call that comes as events do: begun, ended, and once more with all."""
    look = built(TYPE, {"rules": [rule], "default_action": "allow"})
    stages = Stream(begin("responses"), [Gate(Policy(Scan.END))])
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    for event in (added, done, {"type": "response.completed", "response": {"output": [item]}}):
        assert stages.feed(b"data: " + json.dumps(event).encode() + b"\n\n") == b""
    stages.end()
    ((_, question),) = stages.questions()
    return look(question.content, OCCASION)


@pytest.mark.parametrize("kind", ITEMS)
def test_a_call_of_any_kind_is_denied_by_name_and_by_type(kind: str) -> None:
    members, name, of_type = ITEMS[kind]
    item = {"type": kind, "id": "i", "call_id": "c", "status": "completed", **members}
    for rule in ({"tool_name": name, "decision": "deny"}, {"tool_type": of_type, "decision": "deny"}):
        for said in (*(judged(item, direction, rule) for direction in Direction), streamed(item, rule)):
            assert message(said) == f"Tool '{name}' denied by rule '1'"
        other = {**rule, **{key: "other" for key in rule if key != "decision"}}
        assert streamed(item, other) == judged(item, Direction.RESPONSE, other) == Allow()


def test_what_a_shell_is_called_with_is_held_against_patterns() -> None:
    rule = {"tool_type": "shell", "decision": "allow", "allowed_param_patterns": {"commands[]": "ls.*"}}
    for command, passes in (("ls -l", True), ("rm -r", False)):
        item = {"type": "shell_call", "call_id": "c", "action": {"commands": [command]}}
        strict = {"rules": [rule]}
        content = form_of("responses").read(Direction.RESPONSE, json.dumps({"output": [item]}).encode()).content
        assert isinstance(built(TYPE, strict)(content, OCCASION), Allow) is passes


@pytest.mark.parametrize("arguments", ["{}", '{"a": "b"}'])
@pytest.mark.parametrize("said", ["Sure.", None])
@pytest.mark.parametrize("names", [("rm",), ("rm", "read_x")])
def test_a_call_is_taken_out_of_an_answer_whatever_it_is_called_with(
    names: tuple[str, ...], said: str | None, arguments: str
) -> None:
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": arguments}} for name in names]
    choice = {"message": {"role": "assistant", "content": said, "tool_calls": calls}, "finish_reason": "tool_calls"}
    document = form_of("chat").read(Direction.RESPONSE, json.dumps({"choices": [choice]}).encode())
    verdict = built(TYPE, REWRITE)(document.content, OCCASION)
    denied = "Permission denied: Tool 'rm' denied by rule 'no-rm'"
    if said is None and len(names) == 1:
        assert isinstance(verdict, Answer)
        assert verdict.text == denied
        return
    assert isinstance(verdict, Rewrite)
    left = json.loads(document.written(verdict))["choices"][0]
    assert left["message"]["content"] == (None if said is None else f"Sure.\n{denied}")
    assert [call["id"] for call in left["message"].get("tool_calls", [])] == list(names[1:])
    assert left["finish_reason"] == ("tool_calls" if names[1:] else "stop")


def test_custom_tools_of_chat_are_seen() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    body = {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    content = form_of("chat").read(Direction.RESPONSE, json.dumps(body).encode()).content
    assert message(built(TYPE, {"rules": RULES})(content, OCCASION)) == "Tool 'run' denied by default action"
    offer = {"type": "custom", "custom": {"name": "run"}}
    assert message(offered({"rules": RULES}, offer)) == "Tool 'run' denied by default action"


@pytest.mark.parametrize(
    "call",
    [
        {"message": {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "rm", "arguments": "{}"}}]}},
        {"output": {"message": {"content": [{"toolUse": {"toolUseId": "t", "name": "rm", "input": {"a": "b"}}}]}}},
        {"content": [{"type": "tool_use", "id": "t", "name": "rm", "input": {"a": "b"}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "rm", "args": {}}}]}}]},
    ],
)
def test_calls_in_a_form_that_is_not_known_are_seen_by_how_they_look(call: dict[str, Any]) -> None:
    document = form_of("unknown").read(Direction.RESPONSE, json.dumps({"said": "x", **call}).encode())
    assert message(built(TYPE, {"rules": RULES})(document.content, OCCASION)) == "Tool 'rm' denied by rule 'no-rm'"
    said = built(TYPE, REWRITE)(document.content, OCCASION)
    assert isinstance(said, Rewrite)
    assert json.loads(document.written(said))["said"] == "x\nPermission denied: Tool 'rm' denied by rule 'no-rm'"
    assert b'"rm"' not in document.written(said)


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [tool("rm"), tool("read_x")]},
        {"tools": [{"name": name, "input_schema": {}} for name in ("rm", "read_x")]},
        {"toolConfig": {"tools": [{"toolSpec": {"name": name, "inputSchema": {}}} for name in ("rm", "read_x")]}},
    ],
)
def test_tools_in_a_form_that_is_not_known_are_seen_too(body: dict[str, Any]) -> None:
    document = form_of("unknown").read(Direction.REQUEST, json.dumps(body).encode())
    assert message(built(TYPE, {"rules": RULES})(document.content, OCCASION)) == "Tool 'rm' denied by rule 'no-rm'"
    said = built(TYPE, REWRITE)(document.content, OCCASION)
    assert isinstance(said, Rewrite)
    assert ("rm" in document.written(said).decode(), "read_x" in document.written(said).decode()) == (False, True)


# -- what becomes of a request whose tools were taken out --------------------------------------------------------------

CHAT_TOOLS = [{"type": "function", "function": {"name": name}} for name in ("read_x", "rm")]
FLAT_TOOLS = [{"type": "function", "name": name} for name in ("read_x", "rm")]
CLAUDE_TOOLS = [{"name": name, "input_schema": {}} for name in ("read_x", "rm")]
GOOGLE_TOOLS = [{"functionDeclarations": [{"name": name} for name in ("read_x", "rm")]}]


def google(*names: str) -> dict[str, Any]:
    return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": list(names)}}


@pytest.mark.parametrize(
    ("operation", "tools", "member", "chosen", "left"),
    [
        ("chat", CHAT_TOOLS, "tool_choice", {"type": "function", "function": {"name": "rm"}}, "none"),
        ("chat", CHAT_TOOLS, "tool_choice", "required", "required"),
        ("responses", FLAT_TOOLS, "tool_choice", {"type": "function", "name": "rm"}, "none"),
        ("messages", CLAUDE_TOOLS, "tool_choice", {"type": "tool", "name": "rm"}, {"type": "none"}),
        (
            "messages",
            CLAUDE_TOOLS,
            "tool_choice",
            {"type": "tool", "name": "read_x"},
            {"type": "tool", "name": "read_x"},
        ),
        ("gemini", GOOGLE_TOOLS, "toolConfig", google("rm"), {"functionCallingConfig": {"mode": "NONE"}}),
        ("gemini", GOOGLE_TOOLS, "toolConfig", google("read_x"), google("read_x")),
    ],
)
def test_a_choice_of_a_tool_that_is_gone_becomes_none(
    operation: str, tools: list[Any], member: str, chosen: object, left: object
) -> None:
    body = {"tools": tools, member: chosen}
    document = form_of(operation).read(Direction.REQUEST, json.dumps(body).encode())
    said = built(TYPE, REWRITE)(document.content, OCCASION)
    assert isinstance(said, Rewrite)
    written = json.loads(document.written(said))
    assert ("rm" in json.dumps(written["tools"]), "read_x" in json.dumps(written["tools"])) == (False, True)
    assert written[member] == left


def test_of_a_request_without_any_tool_left_nothing_speaks_of_tools() -> None:
    body = {"tools": CHAT_TOOLS[1:], "tool_choice": "required", "parallel_tool_calls": False, "model": "m"}
    document = form_of("chat").read(Direction.REQUEST, json.dumps(body).encode())
    said = built(TYPE, REWRITE)(document.content, OCCASION)
    assert isinstance(said, Rewrite)
    assert json.loads(document.written(said)) == {"model": "m"}
