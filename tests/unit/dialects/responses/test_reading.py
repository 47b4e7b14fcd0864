"""Responses requests in the hub's form. The forms follow https://platform.openai.com/docs/api-reference/responses/create"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.dialects.responses import Responses
from tianji.dialects.responses.thoughts import opened, sealed
from tianji.dialects.responses.tools import InputText, input_of
from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.chat.request import Request, ThinkingBlock

WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "says it",
    "parameters": {"type": "object"},
    "strict": True,
}
SCHEMA = {"name": "n", "schema": {"type": "object"}, "strict": True}
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits files.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: WORD"},
}


def read(**members: Any) -> Request:
    return Responses(msgspec.json.encode({"model": "m", "input": "hello"} | members)).request


def conversation(*items: dict[str, Any], **members: Any) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(message) for message in read(input=items, **members).messages]


def call(name: str, call_id: str = "call_1", **members: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"} | members


def test_the_smallest_request() -> None:
    assert msgspec.to_builtins(read()) == {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
    }


def test_parameters() -> None:
    found = read(
        instructions="be kind",
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stream=True,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
            "verbosity": "low",
        },
        top_logprobs=2,
        user="u",
        safety_identifier="s",
        service_tier="flex",
        prompt_cache_key="k",
        metadata={"a": "b"},
        truncation="auto",
        include=["reasoning.encrypted_content"],
        store=False,
        client_metadata={"session_id": "s"},
        seed=7,
    )
    assert msgspec.to_builtins(found.messages[0]) == {"role": "system", "content": "be kind"}
    assert (found.max_tokens, found.temperature, found.top_p, found.reasoning_effort) == (9, 0.5, 0.9, "low")
    assert (found.stream, found.stream_options) == (True, {"include_usage": True})
    assert found.response_format == {
        "type": "json_schema",
        "json_schema": SCHEMA,
    }
    assert (found.verbosity, found.logprobs, found.top_logprobs) == ("low", True, 2)
    assert (found.user, found.safety_identifier, found.service_tier, found.prompt_cache_key) == ("u", "s", "flex", "k")
    assert (found.metadata, found.store) == (None, None)
    assert found.extra == {"seed": 7}  # what agents tell OpenAI about themselves goes to nobody else


def test_parts() -> None:
    content = [
        {"type": "input_text", "text": "look"},
        {"type": "input_image", "image_url": "https://e.com/a.png", "detail": "low"},
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"},
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
        {"type": "input_file", "file_id": "file_2"},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
    ]
    (found,) = conversation({"role": "user", "content": content})
    assert found["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://e.com/a.png", "detail": "low"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"}},
        {"type": "document", "source": {"type": "url", "url": "https://e.com/a.pdf"}},
        {"type": "file", "file": {"file_id": "file_2"}},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
    ]


def test_a_loop_of_tools() -> None:
    blocks = [ThinkingBlock(type="thinking", thinking="hm", signature="c2ln")]
    found = conversation(
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": "what now"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": sealed(blocks)},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        call("weather", "call_1", arguments='{"city":"Ulm"}'),
        {"type": "custom_tool_call", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "function_call_output", "call_id": "call_1", "output": "wet"},
        {
            "type": "custom_tool_call_output",
            "call_id": "call_2",
            "output": [
                {"type": "input_text", "text": "done"},
                {"type": "input_image", "image_url": "https://e.com/a.png"},
            ],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"role": "user", "content": "go on"},
    )
    developer, asked, said, first, second, rest = found
    assert developer == {"role": "developer", "content": "be kind"}
    assert asked == {"role": "user", "content": "what now"}
    assert said == {
        "role": "assistant",
        "content": "I look.",
        "reasoning_content": "hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}],
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}},
            {
                "id": "call_2",
                "type": "function",
                "function": {"name": "apply_patch", "arguments": '{"input":"*** Begin"}'},
            },
        ],
    }
    assert first == {"role": "tool", "content": "wet", "tool_call_id": "call_1"}
    assert [part["type"] for part in second["content"]] == ["text", "image_url"]
    assert rest == {"role": "user", "content": "go on"}


def test_turns_of_the_assistant_stay_apart_unless_calls_are_still_to_be_answered() -> None:
    words = {"type": "message", "role": "assistant", "content": "a"}
    assert [m["content"] for m in conversation(words, words)] == ["a", "a"]
    (said, _) = conversation(
        words, call("f"), words, {"type": "function_call_output", "call_id": "call_1", "output": ""}
    )
    assert said["content"] == "aa"


def test_tools() -> None:
    space = {"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]}
    search = {
        "type": "web_search",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "city": "Ulm"},
    }
    code = {"type": "code_interpreter", "container": {"type": "auto"}}
    found = read(tools=[WEATHER, PATCH, space, search, code], tool_choice="required", parallel_tool_calls=False)
    tools = msgspec.to_builtins(found.tools)
    assert tools[0] == {
        "type": "function",
        "function": {"name": "weather", "description": "says it", "parameters": {"type": "object"}, "strict": True},
    }
    patch = tools[1]["function"]
    assert patch["parameters"]["required"] == ["input"]
    assert "start: WORD" in patch["description"]
    assert tools[2]["function"]["name"] == "crm__find"
    assert tools[3] == {"type": "code_interpreter", "provided": code}
    assert found.web_search_options == {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Ulm"}},
    }
    assert (found.tool_choice, found.parallel_tool_calls) == ("required", False)


@pytest.mark.parametrize("kind", ["additional_tools", "tool_search_output"])
def test_tools_that_come_with_the_conversation(kind: str) -> None:
    space = {"type": "namespace", "name": "functions", "tools": [PATCH]}
    brought = {"type": kind, "role": "developer", "tools": [space]}
    found = read(input=[brought, {"role": "user", "content": "hello"}], tools=[WEATHER], tool_choice="auto")
    assert [tool.function.name for tool in found.tools or () if tool.function] == ["weather", "functions__apply_patch"]
    assert [message.role for message in found.messages] == ["user"]
    assert found.tool_choice == "auto"


def test_a_search_that_a_server_made_is_no_text() -> None:
    search = {"type": "tool_search_call", "call_id": None, "arguments": {"paths": ["crm"]}, "execution": "server"}
    output = {"type": "tool_search_output", "call_id": None, "tools": [WEATHER], "execution": "server"}
    assert [message["role"] for message in conversation(search, output, {"role": "user", "content": "x"})] == ["user"]
    hosted = {"type": "tool_search"}
    found = read(tools=[hosted, WEATHER | {"defer_loading": True}])
    assert [tool.function.name for tool in found.tools or () if tool.function] == ["weather"]


RUN_HERE: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = [
    (
        {"type": "tool_search", "execution": "client", "description": "d", "parameters": {"type": "object"}},
        {"type": "tool_search_call", "call_id": "c", "arguments": {"query": "x"}, "execution": "client"},
        {"type": "tool_search_output", "call_id": "c", "tools": [WEATHER], "execution": "client"},
        '{"query":"x"}',
        '{"tools_now_available":["weather"]}',
    ),
    (
        {"type": "local_shell"},
        {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"], "env": {}}},
        {"type": "local_shell_call_output", "id": "c", "output": "a.txt"},
        '{"command":["ls"]}',
        "a.txt",
    ),
    (
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"], "timeout_ms": 9}},
        {
            "type": "shell_call_output",
            "call_id": "c",
            "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
        '{"commands":["ls"],"timeout_ms":9}',
        '[{"stdout":"a","stderr":"","outcome":{"type":"exit","exit_code":0}}]',
    ),
    (
        {"type": "apply_patch"},
        {
            "type": "apply_patch_call",
            "call_id": "c",
            "operation": {"type": "create_file", "path": "a", "diff": "+x"},
        },
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed"},
        '{"type":"create_file","path":"a","diff":"+x"}',
        '{"status":"failed"}',
    ),
]
"""Tools that OpenAI has defined and clients run: the tool, a call, what came of it, and what a model sees of both."""


@pytest.mark.parametrize(("tool", "call", "output", "arguments", "told"), RUN_HERE)
def test_tools_that_the_client_runs_are_functions(
    tool: dict[str, Any], call: dict[str, Any], output: dict[str, Any], arguments: str, told: str
) -> None:
    kind = tool["type"]
    found = read(input=[call, output], tools=[tool], tool_choice={"type": kind})
    assert found.tools is not None
    function = found.tools[0].function
    assert function is not None
    assert (function.name, (function.parameters or {})["type"]) == (kind, "object")
    assert found.tool_choice == {"type": "function", "function": {"name": kind}}
    said, result = map(msgspec.to_builtins, found.messages)
    assert said["tool_calls"] == [{"id": "c", "type": "function", "function": {"name": kind, "arguments": arguments}}]
    assert result == {"role": "tool", "content": told, "tool_call_id": "c"}
    with pytest.raises(InvalidRequest, match="call_id"):
        read(input=[call | {"call_id": None}])


def test_a_shell_of_a_server_is_none_of_the_clients() -> None:
    shell = {"type": "shell", "environment": {"type": "container_auto"}}
    assert msgspec.to_builtins(read(tools=[shell]).tools) == [{"type": "shell", "provided": shell}]


@pytest.mark.parametrize(
    ("choice", "told", "tools"),
    [
        ({"type": "function", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}, 2),
        ({"type": "custom", "name": "apply_patch"}, {"type": "function", "function": {"name": "apply_patch"}}, 2),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
            "required",
            1,
        ),
        ({"type": "web_search_preview"}, None, 2),
        ("none", "none", 2),
    ],
)
def test_choices(choice: Any, told: Any, tools: int) -> None:
    found = read(tools=[WEATHER, PATCH], tool_choice=choice)
    assert found.tool_choice == told
    assert len(found.tools or ()) == tools


@given(
    st.lists(
        st.builds(
            ThinkingBlock,
            type=st.sampled_from(["thinking", "redacted_thinking"]),
            thinking=st.text(st.characters(codec="utf-8")),
            signature=st.just("c2ln"),
        ),
        min_size=1,
    )
)
def test_what_is_sealed_can_be_opened(blocks: list[ThinkingBlock]) -> None:
    assert opened(sealed(blocks)) == blocks


@given(st.text())
def test_what_another_sealed_is_left_closed(content: str) -> None:
    assert opened(content) == []
    assert opened("thoughts_!" + content) == []


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [{"type": "hologram"}]}, "input.0"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input.0.role"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input.0.call_id"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0"),
        ({"input": 7}, "input"),
        ({"tools": [{"type": "function"}]}, "tools.0"),
        ({"tools": [{"name": "f"}]}, "tools.0.type"),
        ({"input": [{"role": "user", "content": "x"}, {"type": "additional_tools", "tools": 7}]}, "input.1.tools"),
        (
            {"input": [{"role": "user", "content": "x"}, {"type": "additional_tools", "tools": [{"type": "custom"}]}]},
            "input.1.tools.0",
        ),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ],
)
def test_faults_say_where(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**members)
    assert caught.value.param == param
    assert caught.value.status == 400


def test_what_is_no_json() -> None:
    with pytest.raises(MalformedJSON):
        Responses(b'{"model":')


_words = ["message", "function_call", "reasoning", "function_call_output", "user", "assistant", "input_text", "x"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(_words),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "text", "call_id", "name", "output", "summary", "tools", "mode"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
_names = ["model", "input", "tools", "tool_choice", "text", "reasoning", "instructions", "include"]


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(_names), _json).map(msgspec.json.encode))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        found = Responses(body).request
    except InvalidRequest:
        return
    msgspec.json.encode(found)


@given(st.lists(_json, max_size=4), st.lists(_json, max_size=3), _json)
def test_any_items_and_tools_are_read_or_refused(items: list[Any], tools: list[Any], choice: Any) -> None:
    try:
        found = read(input=items, tools=tools, tool_choice=choice)
    except InvalidRequest:
        return
    msgspec.json.encode(found)


@given(st.text(st.characters(codec="utf-8")), st.booleans(), st.integers(1, 7))
def test_the_text_of_a_custom_tool_is_read_as_it_comes(text: str, ascii_only: bool, size: int) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=ascii_only)
    reader = InputText()
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    assert "".join(map(reader.feed, pieces)) == text == input_of(arguments)


@given(st.text())
def test_any_arguments_of_a_custom_tool_are_survived(arguments: str) -> None:
    InputText().feed('{"input":"' + arguments)
    assert InputText().feed(arguments) == ""
