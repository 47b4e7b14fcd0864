"""From Anthropic's answers to the hub's, whole and streamed alike, whatever is sent."""

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.errors import UpstreamProtocolError
from tianji.protocol.anthropic.finish import finish_reason
from tianji.protocol.anthropic.outbound import MessagesOutbound
from tianji.protocol.anthropic.usage import usage_of
from tianji.protocol.chat.request import Message, Request, Tool
from tianji.protocol.chat.seam import StreamFailed, Target

FIXTURES = Path(__file__).parents[3] / "contract" / "fixtures" / "anthropic"
TARGET = Target(provider="anthropic", model="claude-x")
KINDS = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "error"]
NAMES = ["type", "index", "message", "content_block", "delta", "usage", "content", "input", "citations", "id", "name"]
VALUES = [
    "text",
    "thinking",
    "tool_use",
    "server_tool_use",
    "text_delta",
    "input_json_delta",
    "citations_delta",
    *KINDS,
]
json_values = st.recursive(
    st.none() | st.integers(-2, 3) | st.sampled_from(VALUES) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=15,
)


def asked(**members: Any) -> MessagesOutbound:
    return MessagesOutbound(Request(model="m", messages=[Message(role="user", content="x")], **members), TARGET)


@given(st.binary(max_size=100) | json_values.map(msgspec.json.encode))
def test_no_answer_is_too_strange(body: bytes) -> None:
    with contextlib.suppress(UpstreamProtocolError):
        msgspec.json.encode(asked().answer(body))


def test_what_cannot_be_read_names_the_provider_and_hides_what_looks_secret() -> None:
    with pytest.raises(UpstreamProtocolError, match=r"^anthropic .*begins: .*api_key") as error:
        asked().answer(b'{"content":7,"api_key":"sk-ant-1234567890abcdef"}')
    assert "sk-ant" not in error.value.message


@given(st.lists(st.binary(max_size=20) | json_values.map(msgspec.json.encode), max_size=6))
def test_no_stream_is_too_strange(payloads: list[bytes]) -> None:
    decoder = asked().stream()
    for payload in payloads:
        try:
            for chunk in decoder.event("", payload):
                msgspec.json.encode(chunk)
        except (StreamFailed, UpstreamProtocolError):
            return
    list(decoder.end())


@pytest.mark.parametrize("name", ["tools", "search"])
def test_a_stream_says_what_the_whole_says(name: str) -> None:
    recorded = json.loads((FIXTURES / f"{name}.json").read_text())
    outbound = asked()
    whole = outbound.answer(msgspec.json.encode(recorded["whole"]))
    decoder = outbound.stream()
    chunks = [chunk for event in recorded["stream"] for chunk in decoder.event("", msgspec.json.encode(event))]
    message = whole.choices[0].message
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert decoder.done
    assert "".join(delta.content or "" for delta in deltas) == (message.content or "")
    assert chunks[-1].usage == whole.usage
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == whole.choices[0].finish_reason
    kept = [(delta.provider_specific_fields or {}).get("server_tool_blocks") for delta in deltas]
    assert [block for blocks in kept for block in blocks or ()] == (
        (message.provider_specific_fields or {}).get("server_tool_blocks", [])
    )


def test_tools_that_take_a_text() -> None:
    outbound = asked(tools=[Tool(type="custom", custom={"name": "run.it"})])
    given_ = {"content": [{"type": "tool_use", "id": "1", "name": "run_it", "input": {"input": "ls\n"}}]}
    (call,) = outbound.answer(msgspec.json.encode(given_)).choices[0].message.tool_calls or ()
    assert (call.type, call.custom) == ("custom", {"name": "run.it", "input": "ls\n"})
    decoder = outbound.stream()
    events: list[dict[str, Any]] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "1", "name": "run_it"}},
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"input":"l'}},
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": 's\\n"}'}},
        {"type": "content_block_stop"},
    ]
    chunks = [chunk for event in events for chunk in decoder.event("", msgspec.json.encode(event))]
    pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or ()]
    assert "".join(piece.custom["input"] for piece in pieces if piece.custom) == "ls\n"


def test_what_the_cache_took_is_part_of_the_prompt_once() -> None:
    usage = usage_of(
        {"input_tokens": 100, "cache_creation_input_tokens": 700, "cache_read_input_tokens": 200, "output_tokens": "?"}
    )
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (1000, 0, 1000)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("tool_use", "tool_calls"),
        ("new", "stop"),
    ],
)
def test_reasons(theirs: str, ours: str) -> None:
    assert finish_reason(theirs, json_mode=False) == ours
    assert finish_reason(theirs, json_mode=True) == ("stop" if ours == "tool_calls" else ours)
