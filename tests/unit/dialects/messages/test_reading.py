"""Messages requests in the hub's form. The forms follow https://docs.anthropic.com/en/api/messages"""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.dialects.messages import Messages
from tianji.errors import InvalidRequest, MalformedJSON
from tianji.protocol.chat.request import Request

NAMELESS = {"type": "tool_use", "id": "t"}
FOUND = {"type": "text", "text": "found"}
PNG = base64.b64encode(b"png").decode()
TOOL = {"name": "weather", "description": "says it", "input_schema": {"type": "object", "properties": {}}}


def read(**members: Any) -> Request:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]} | members
    return Messages(msgspec.json.encode(body)).request


def conversation(*turns: tuple[str, Any], **members: Any) -> list[dict[str, Any]]:
    found = read(messages=[{"role": role, "content": content} for role, content in turns], **members)
    return [msgspec.to_builtins(message) for message in found.messages]


def test_the_smallest_request() -> None:
    assert msgspec.to_builtins(read()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 9,
    }


def test_parameters() -> None:
    found = read(
        stop_sequences=["END"],
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stream=True,
        metadata={"user_id": "u-1"},
        service_tier="standard_only",
    )
    assert (found.stop, found.temperature, found.top_p, found.top_k) == (["END"], 0.5, 0.9, 4)
    assert (found.stream, found.stream_options) == (True, {"include_usage": True})
    assert (found.user, found.service_tier) == ("u-1", "default")


def test_a_long_user_is_told_apart_and_fits() -> None:
    one, other = (read(metadata={"user_id": "u" * 100 + end}).user for end in "12")
    assert one is not None
    assert other is not None
    assert one != other
    assert len(one) == 64


def test_what_only_anthropic_reads_is_left_out_and_the_rest_is_kept() -> None:
    found = read(context_management={"edits": []}, mcp_servers=[], seed_of_vendor=7)
    assert found.extra == {"seed_of_vendor": 7}


def test_system() -> None:
    mark = {"type": "ephemeral"}
    assert conversation(("user", "q"), system="be kind")[0] == {"role": "system", "content": "be kind"}
    blocks = [{"type": "text", "text": "be kind"}, {"type": "text", "text": "be brief", "cache_control": mark}]
    assert conversation(("user", "q"), system=blocks)[0] == {"role": "system", "content": blocks}
    assert len(conversation(("user", "q"), system=[])) == 1


def test_images_and_documents() -> None:
    content = [
        {"type": "text", "text": "look"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {
            "type": "document",
            "title": "t.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PNG},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "notes"},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}, "title": "far"},
        {"type": "document", "source": {"type": "content", "content": "inner"}},
        {
            "type": "search_result",
            "source": "https://e.com",
            "title": "T",
            "content": [{"type": "text", "text": "found"}],
        },
    ]
    assert conversation(("user", content))[0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "t.pdf"}},
        {"type": "text", "text": "notes\nwords"},
        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}, "title": "far"},
        {"type": "text", "text": "inner"},
        {"type": "text", "text": "T\nhttps://e.com"},
        {"type": "text", "text": "found"},
    ]


def test_a_loop_of_tools() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns = [
        ("user", "what now"),
        (
            "assistant",
            [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "xyz"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Ulm"}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
            ],
        ),
        (
            "user",
            [
                {"type": "text", "text": "go on"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "wet"}, image]},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no", "is_error": True},
            ],
        ),
    ]
    asked, said, first, second, rest = conversation(*turns)
    assert asked == {"role": "user", "content": "what now"}
    assert said == {
        "role": "assistant",
        "content": "I look.",
        "reasoning_content": "hm",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "xyz"},
        ],
        "tool_calls": [
            {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Ulm"}'}},
            {"id": "toolu_2", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
        ],
    }
    assert (first["role"], first["tool_call_id"]) == ("tool", "toolu_1")
    assert [part["type"] for part in first["content"]] == ["text", "image_url"]
    assert (second["content"], second["provider_specific_fields"]) == ("no", {"is_error": True})
    assert rest == {"role": "user", "content": "go on"}


def test_reasoning_without_a_signature_goes_back_as_text_alone() -> None:
    (said,) = conversation(("assistant", [{"type": "thinking", "thinking": "hm", "signature": ""}]))
    assert said == {"role": "assistant", "reasoning_content": "hm"}


def test_what_servers_did_is_left_out() -> None:
    blocks = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result"}]},
        {"type": "text", "text": "It rains.", "citations": [{"type": "web_search_result_location"}]},
    ]
    assert conversation(("assistant", blocks)) == [{"role": "assistant", "content": "It rains."}]


def test_tools_and_choices() -> None:
    search = {
        "type": "web_search_20250305",
        "name": "web_search",
        "user_location": {"type": "approximate", "city": "Ulm"},
    }
    bash = {"type": "bash_20250124", "name": "bash"}
    found = read(tools=[TOOL | {"cache_control": {"type": "ephemeral"}}, search, bash], tool_choice={"type": "any"})
    assert msgspec.to_builtins(found.tools) == [
        {
            "type": "function",
            "function": {"name": "weather", "description": "says it", "parameters": TOOL["input_schema"]},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "bash_20250124", "provided": bash},
    ]
    assert found.web_search_options == {"user_location": {"type": "approximate", "approximate": {"city": "Ulm"}}}
    assert found.tool_choice == "required"
    named = read(tools=[TOOL], tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True})
    assert named.tool_choice == {"type": "function", "function": {"name": "weather"}}
    assert named.parallel_tool_calls is False


def test_a_long_name_is_the_same_wherever_it_stands() -> None:
    name = "mcp__" + "x" * 80
    call = {"type": "tool_use", "id": "t", "name": name, "input": {}}
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [call]}]
    found = read(tools=[TOOL | {"name": name}], tool_choice={"type": "tool", "name": name}, messages=turns)
    assert found.tools is not None
    assert found.tools[0].function is not None
    short = found.tools[0].function.name
    assert len(short) <= 64
    assert found.tool_choice == {"type": "function", "function": {"name": short}}
    assert found.messages[1].tool_calls is not None
    assert found.messages[1].tool_calls[0].function is not None
    assert found.messages[1].tool_calls[0].function.name == short


@pytest.mark.parametrize(
    ("members", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9999}}, "high"),
        ({"thinking": {"type": "disabled"}}, None),
        ({"thinking": {"type": "adaptive"}}, "medium"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({}, None),
    ],
)
def test_thinking_and_effort(members: dict[str, Any], effort: str | None) -> None:
    found = read(**members)
    assert found.reasoning_effort == effort
    assert found.thinking == members.get("thinking")


@pytest.mark.parametrize(("required", "strict"), [(["a"], True), ([], False)])
def test_structured_output(required: list[str], strict: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    wanted = {"type": "json_schema", "schema": schema | {"required": required}}
    for members in ({"output_config": {"format": wanted}}, {"output_format": wanted}):
        assert read(**members).response_format == {
            "type": "json_schema",
            "json_schema": {"name": "response", "schema": schema | {"required": required}, "strict": strict},
        }


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "robot", "content": ""}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "hologram"}]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages.0.content.0.source"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]}, "messages.0.content.0.tool_use_id"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t"}]}]},
            "messages.0.content.0.name",
        ),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"tools": [{"name": 7}]}, "tools.0.name"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config"),
        ({"system": [{"type": "image"}]}, "system"),
    ],
)
def test_faults_say_where(members: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**members)
    assert caught.value.param == param
    assert caught.value.status == 400


def test_what_is_no_json_and_what_is_no_object() -> None:
    with pytest.raises(MalformedJSON):
        Messages(b'{"model":')
    with pytest.raises(InvalidRequest):
        Messages(b"[]")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["text", "image", "tool_use", "user", "m", "base64"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "source", "text", "id", "name", "input", "data", "tool_use_id", "is_error"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
_names = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "stop_sequences",
]


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(_names), _json).map(msgspec.json.encode))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        found = Messages(body).request
    except InvalidRequest:
        return
    msgspec.json.encode(found)


@given(st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": _json}), min_size=1))
def test_any_conversation_is_read_or_refused(turns: list[Any]) -> None:
    try:
        found = read(messages=turns)
    except InvalidRequest:
        return
    msgspec.json.encode(found)
