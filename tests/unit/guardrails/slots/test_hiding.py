"""Wherever a word is hidden that a model, or a reader, would see, it is found; or nobody gets to see anything."""

import json
from typing import Any

import pytest

from tianji.guardrails.content import Content, Direction, Kind
from tianji.guardrails.slots.forms import form_of
from tianji.guardrails.slots.scope import Scope
from tianji.guardrails.slots.texts import Unreadable

WORD = "forbidden"
SCHEMA = {"type": "object", "properties": {"a": {"description": WORD}}}


def chat(**message: object) -> tuple[str, dict[str, Any]]:
    return "chat", {"messages": [{"role": "user", **message}]}


def beside(operation: str, **members: object) -> tuple[str, dict[str, Any]]:
    """Return a request that says nothing but what stands beside what is said."""
    return operation, {"messages": [], "input": "", "contents": [], **members}


def items(*found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "responses", {"input": [*found]}


def blocks(*found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "messages", {"messages": [{"role": "user", "content": [*found]}]}


def parts(*found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "gemini", {"contents": [{"role": "user", "parts": [*found]}]}


def tool(**members: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **members}}


def called(arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]}


ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "name": chat(content="x", name=WORD),
    "refusal": chat(refusal=WORD),
    "reasoning": chat(reasoning_content=WORD),
    "details of reasoning": chat(reasoning_details=[{"type": "reasoning.text", "text": WORD}]),
    "thoughts": chat(thinking_blocks=[{"type": "thinking", "thinking": WORD}]),
    "what was heard": chat(audio={"id": "a", "transcript": WORD}),
    "escapes in arguments": chat(**called('{"a": "\\u0066orbidden"}')),
    "names in arguments": chat(**called('{"forbidden": 1}')),
    "arguments that are no JSON": chat(**called("{forbidden")),
    "older call": chat(function_call={"name": "f", "arguments": f'{{"a": "{WORD}"}}'}),
    "part of no known type": chat(content=[{"type": "odd", "odd": {"deep": [WORD]}}]),
    "description of a tool": beside("chat", tools=[tool(description=WORD)]),
    "schema of a tool": beside("chat", tools=[tool(parameters=SCHEMA)]),
    "value of a schema": beside("chat", tools=[tool(parameters={"properties": {"a": {"enum": [WORD]}}})]),
    "name in a schema": beside("chat", tools=[tool(parameters={"properties": {WORD: {}}})]),
    "name in definitions": beside("chat", tools=[tool(parameters={"$defs": {"a": {"properties": {WORD: {}}}}})]),
    "older tool": beside("chat", functions=[{"name": "f", "description": WORD}]),
    "grammar": beside("chat", tools=[{"type": "custom", "custom": {"format": {"grammar": {"definition": WORD}}}}]),
    "form of the answer": beside("chat", response_format={"json_schema": {"name": "n", "description": WORD}}),
    "schema of the answer": beside("chat", response_format={"json_schema": {"schema": SCHEMA}}),
    "prediction": beside("chat", prediction={"type": "content", "content": WORD}),
    "member of a vendor's own": beside("chat", extra_body={"system": WORD}),
    "instructions": beside("responses", instructions=WORD),
    "text format": beside("responses", text={"format": {"type": "json_schema", "schema": SCHEMA}}),
    "tool of responses": beside("responses", tools=[{"type": "function", "name": "f", "description": WORD}]),
    "server of tools": beside("responses", tools=[{"type": "mcp", "server_description": WORD}]),
    "variables of a prompt": beside("responses", prompt={"id": "p", "variables": {"a": WORD}}),
    "summary": items({"type": "reasoning", "summary": [{"type": "summary_text", "text": WORD}]}),
    "output of a shell": items({"type": "shell_call_output", "output": [{"stdout": WORD}]}),
    "command of a shell": items({"type": "shell_call", "action": {"commands": [WORD]}}),
    "tools that were found": items({"type": "tool_search_output", "tools": [{"description": WORD}]}),
    "list of tools": items({"type": "mcp_list_tools", "tools": [{"name": "f", "description": WORD}]}),
    "check of safety": items({"type": "computer_call_output", "acknowledged_safety_checks": [{"message": WORD}]}),
    "name in an item": items({"type": "message", "role": "user", "name": WORD, "content": "x"}),
    "title of a document": blocks({"type": "document", "title": WORD, "source": {"type": "text", "data": "x"}}),
    "content of a document": blocks(
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": WORD}]}}
    ),
    "result of a search": blocks({"type": "search_result", "source": "s", "content": [{"text": WORD}]}),
    "tool of messages": beside("messages", tools=[{"name": "f", "description": WORD, "input_schema": {}}]),
    "example of input": beside("messages", tools=[{"name": "f", "input_schema": {}, "input_examples": [{"a": WORD}]}]),
    "schema of messages": beside("messages", output_config={"format": {"schema": SCHEMA}}),
    "either spelling": ("gemini", {"system_instruction": {"parts": [{"text": WORD}]}}),
    "both spellings": (
        "gemini",
        {"systemInstruction": {"parts": [{"text": "x"}]}, "system_instruction": {"parts": [{"text": WORD}]}},
    ),
    "schema of google": beside("gemini", generation_config={"response_schema": {"description": WORD}}),
    "tool of google": beside("gemini", tools=[{"function_declarations": [{"name": "f", "description": WORD}]}]),
    "code": parts({"executableCode": {"language": "PYTHON", "code": WORD}}),
    "arguments of google": parts({"functionCall": {"name": "f", "args": {WORD: 1}}}),
    "suffix": ("completions", {"prompt": "x", "suffix": WORD}),
    "second input": ("embeddings", {"input": ["x", WORD]}),
    "document to rank": ("rerank", {"query": "x", "documents": [{"text": WORD}]}),
    "what shall not be seen": ("image_generation", {"prompt": "x", "negative_prompt": WORD}),
}
ANSWERED: dict[str, tuple[str, dict[str, Any]]] = {
    "another choice": ("chat", {"choices": [{"message": {"content": "x"}}, {"message": {"content": WORD}}]}),
    "a vendor's own": ("chat", {"choices": [{"message": {"content": "x", "provider_specific_fields": {"a": WORD}}}]}),
    "transcript": ("chat", {"choices": [{"message": {"audio": {"data": "AA", "transcript": WORD}}}]}),
    "error": ("responses", {"output": [], "error": {"message": WORD}}),
    "output of a tool": ("responses", {"output": [{"type": "mcp_call", "name": "f", "output": WORD}]}),
    "prompt that was revised": ("responses", {"output": [{"type": "image_generation_call", "revised_prompt": WORD}]}),
    "citation": ("messages", {"content": [{"type": "text", "text": "x", "citations": [{"cited_text": WORD}]}]}),
    "one choice": ("chat", {"choices": {"message": {"content": WORD}}}),
    "one output": ("responses", {"output": {"content": [{"text": WORD}]}}),
    "one candidate": ("gemini", {"candidates": {"content": {"parts": [{"text": WORD}]}}}),
    "end": ("gemini", {"candidates": [{"finishMessage": WORD, "finishReason": "STOP"}]}),
    "feedback": ("gemini", {"promptFeedback": {"blockReason": "OTHER", "blockReasonMessage": WORD}}),
    "output of code": ("gemini", {"candidates": [{"content": {"parts": [{"codeExecutionResult": {"output": WORD}}]}}]}),
}


def read(operation: str, direction: Direction, body: bytes) -> Content:
    return form_of(operation).read(direction, body).content


@pytest.mark.parametrize("place", ASKED)
def test_a_word_in_a_request_is_found(place: str) -> None:
    operation, body = ASKED[place]
    assert WORD in read(operation, Direction.REQUEST, json.dumps(body).encode()).joined()


@pytest.mark.parametrize("place", ANSWERED)
def test_a_word_in_an_answer_is_found(place: str) -> None:
    operation, body = ANSWERED[place]
    assert WORD in read(operation, Direction.RESPONSE, json.dumps(body).encode()).joined()


MESSAGE = '{"messages": [{"role": "user", %s}]}'


@pytest.mark.parametrize(
    "body",
    [
        (MESSAGE % '"content": "forbidden", "content": "x"').encode(),
        (MESSAGE % '"content": "x", "content": "forbidden"').encode(),
        (MESSAGE % '"content": "forbidden", "\\u0063ontent": "x"').encode(),
        b'{"messages": [], "messages": [{"role": "user", "content": "forbidden"}]}',
        b'{"messages": [{"role": "user", "content": "forbid\xffden"}]}',
        b"\xef\xbb\xbf" + (MESSAGE % '"content": "forbidden"').encode(),
        (MESSAGE % '"content": "forbidden"').encode("utf-16"),
        (MESSAGE % f'"content": {"[" * 200}"forbidden"{"]" * 200}').encode(),
        b'{"messages": [{"role": "user", "content": "forbidden"}]} {}',
    ],
)
def test_what_two_readers_would_read_differently_is_refused(body: bytes) -> None:
    for direction in Direction:
        with pytest.raises(Unreadable):
            read("chat", direction, body)


def test_what_tools_say_of_themselves_is_out_of_scope_where_the_entry_says_so() -> None:
    content = read(
        "chat", Direction.REQUEST, json.dumps({**ASKED["schema of a tool"][1], **chat(content="x")[1]}).encode()
    )
    assert [text.text for text in content.texts] == [WORD, "a", "x"]
    assert [text.text for text in content.spoken] == ["x"]
    for scope in (Scope(descriptions=True), Scope(skip_tools=True), Scope(last_role=True)):
        assert [text.text for text in scope.view(content).content.texts] == ["x"]
    assert Scope(skip_system=True).view(content).content.texts[0].kind is Kind.DESCRIPTION
