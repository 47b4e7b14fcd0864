"""Chat requests: leniently read where clients are lenient, refused by name where nothing can be made of them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import InvalidRequest
from tianji.protocol.chat.request import FunctionCall, Message, Part, Request, Tool, ToolCall
from tianji.protocol.openai.requests import read_request, write_request

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
texts = st.text(max_size=8)
parts = st.builds(Part, type=st.just("text"), text=texts)
calls = st.builds(ToolCall, id=texts, function=st.builds(FunctionCall, texts, texts))
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=st.none() | texts | st.lists(parts, max_size=2),
    tool_calls=st.none() | st.lists(calls, min_size=1, max_size=2),
)
requests = st.builds(
    Request,
    model=texts,
    messages=st.lists(messages, max_size=3),
    stream=st.none() | st.booleans(),
    temperature=st.none() | st.floats(0, 2),
    stop=st.none() | texts | st.lists(texts, max_size=2),
    extra=st.none() | st.just({"top_n_tokens": 5, "provider": {"order": ["a"]}}),
)


@given(requests)
def test_what_is_written_is_read_again(request_: Request) -> None:
    assert read_request(write_request(request_)) == request_


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_cleanly(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_request(body)


@given(
    st.fixed_dictionaries(
        {"model": json_values, "messages": json_values}, optional={"tools": json_values, "x": json_values}
    )
)
def test_arbitrary_members_are_read_or_refused_by_name(members: dict[str, object]) -> None:
    param = refused(msgspec.json.encode(members))
    assert param is None or param.partition(".")[0] in members


def refused(body: bytes) -> str | None:
    """Return the member that is refused, None where all can be read."""
    try:
        read_request(body)
    except InvalidRequest as error:
        return error.param or ""
    return None


def test_members_without_a_place_are_kept() -> None:
    body = b'{"model":"m","messages":[],"safety_settings":[1],"extra":{"a":1},"top_k":3}'
    request = read_request(body)
    assert request.top_k == 3
    assert request.extra == {"safety_settings": [1], "extra": {"a": 1}}
    assert msgspec.json.decode(write_request(request)) == msgspec.json.decode(body)


def test_what_clients_leave_out_of_calls() -> None:
    call = {"id": "1", "function": {"name": "f"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    request = read_request(msgspec.json.encode({"model": "m", "messages": [message]}))
    assert request.messages[0].tool_calls == [ToolCall(id="1", function=FunctionCall("f"))]
    (written,) = msgspec.json.decode(write_request(request))["messages"][0]["tool_calls"]
    assert written == {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}


def test_tools_of_providers_stay_as_they_are() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}, {"function": {"name": "f"}}]
    request = read_request(msgspec.json.encode({"model": "m", "messages": [], "tools": tools}))
    assert request.tools is not None
    assert request.tools[0].provided == tools[0]
    assert msgspec.json.decode(write_request(request))["tools"] == [tools[0], {"type": "function", **tools[1]}]


def test_functions_become_tools() -> None:
    body = b'{"model":"m","messages":[],"functions":[{"name":"f"}],"function_call":{"name":"f"}}'
    request = read_request(body)
    assert request.tools is not None
    assert request.tools[0] == Tool(function=request.tools[0].function)
    assert request.tool_choice == {"type": "function", "function": {"name": "f"}}
    assert request.extra is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"messages":[]}', "model"),
        (b'{"model":"m","messages":[{"role":5}]}', "messages.0.role"),
        (b'{"model":"m","messages":[],"temperature":"warm"}', "temperature"),
        (b'{"model":"m","messages":[{"role":"user","content":[{"text":"x"}]}]}', "messages.0.content.0"),
        (b'{"model":"m","messages":[],"functions":5}', "functions"),
    ],
)
def test_a_fault_is_named(body: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_request(body)
    assert error.value.param == param
    assert param.partition(".")[0] in error.value.message
