"""Converse: what Bedrock is asked, and what a client is told."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianji.clock import ManualClock
from tianji.errors import InvalidRequest, UnsupportedParams, UpstreamProtocolError
from tianji.protocol.bedrock.models import converse_path, family
from tianji.protocol.bedrock.names import Names, call_id
from tianji.protocol.bedrock.outbound import BedrockOutbound
from tianji.protocol.chat.answer import Chunk, Completion
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import StreamFailed, Target

FIXTURES = Path(__file__).parents[3] / "contract" / "fixtures" / "bedrock"
CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}


def target(model: str = CLAUDE, **rest: Any) -> Target:
    return Target(provider="bedrock", model=model, **rest)


def outbound(to: Target | None = None, **members: Any) -> BedrockOutbound:
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    to = to or target()
    return BedrockOutbound(msgspec.convert({"model": to.model} | members, Request), to, ManualClock())


def body(to: Target | None = None, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outbound(to, **members).body)
    return found


def read(asked: BedrockOutbound, events: list[Any]) -> list[Chunk]:
    decoder = asked.stream()
    chunks = [chunk for name, value in events for chunk in decoder.event(name, json.dumps(value).encode())]
    assert decoder.finished
    assert decoder.done
    return [*chunks, *decoder.end()]


def same(one: Completion | None, other: Completion | None) -> None:
    assert one is not None
    assert other is not None
    one.id = other.id = "x"
    assert one == other


def test_a_recorded_request() -> None:
    fixture = json.loads((FIXTURES / "tools.json").read_text())
    assert body(target(fixture["hub"]["model"]), **fixture["hub"]) == fixture["upstream"]


@pytest.mark.parametrize(
    ("model", "streamed", "path"),
    [
        ("amazon.nova-pro-v1:0", False, "/model/amazon.nova-pro-v1%3A0/converse"),
        (
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
            True,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fx/converse-stream",
        ),
    ],
)
def test_the_path_holds_the_model(model: str, streamed: bool, path: str) -> None:
    assert converse_path(model, streamed=streamed) == path
    assert outbound(target(model), stream=streamed).suffix == path


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (CLAUDE, "claude"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("eu.amazon.nova-lite-v1:0", "nova"),
        ("us.amazon.nova-2-lite-v1:0", "nova-2"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss"),
        ("meta.llama3-70b-instruct-v1:0", "other"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "other"),
    ],
)
def test_families(model: str, kind: str) -> None:
    assert family(model) == kind


def test_calls_without_tools_become_text() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        {"role": "user", "content": "sum up"},
    ]
    for members in ({}, {"tools": [FUNCTION], "tool_choice": "none"}):
        found = body(messages=messages, **members)
        assert "toolConfig" not in found
        assert found["messages"][1:] == [
            {"role": "assistant", "content": [{"text": '[called f with {"a":1}]'}]},
            {
                "role": "user",
                "content": [{"text": "[the call's result follows]"}, {"text": "done"}, {"text": "sum up"}],
            },
        ]


def test_documents_have_names_that_differ_and_a_text_beside() -> None:
    part = {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a/b.pdf"}}
    content = body(messages=[{"role": "user", "content": [part, part]}])["messages"][0]["content"]
    assert [block["document"]["name"] for block in content[:2]] == ["a b pdf", "a b pdf 2"]
    assert content[2] == {"text": "."}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": "s3://b/c.webp"},
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/c.webp"}}}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA=="}},
            {"video": {"format": "mp4", "source": {"bytes": "AA=="}}},
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "data": "x"},
                "title": "T",
                "citations": {"enabled": True},
            },
            {"document": {"format": "txt", "source": {"text": "x"}, "name": "T", "citations": {"enabled": True}}},
        ),
        ({"type": "guarded_text", "text": "x"}, {"guardContent": {"text": {"text": "x"}}}),
    ],
)
def test_data(part: Any, block: Any) -> None:
    assert body(messages=[{"role": "user", "content": [part]}])["messages"][0]["content"][0] == block


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "https://e.org/a.png"}]}], "fetches nothing"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/x;base64,A"}]}], "'image/x'"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "'input_audio'"),
        ([{"role": "user", "content": " "}], "nothing to answer"),
        ([{"role": "wizard", "content": "x"}], "'wizard'"),
    ],
)
def test_what_cannot_be_said_is_refused(messages: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        outbound(messages=messages)


def test_an_instruction_alone_is_asked() -> None:
    found = body(messages=[{"role": "system", "content": "s"}])
    assert found == {"messages": [{"role": "user", "content": [{"text": "s"}]}]}


def test_thinking_leaves_room_for_the_answer() -> None:
    found = body(reasoning_effort="medium")
    assert found["additionalModelRequestFields"]["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert found["inferenceConfig"]["maxTokens"] == 2048 + 4096
    assert body(target(max_output_tokens=3000), reasoning_effort="medium")["inferenceConfig"]["maxTokens"] == 3000
    assert body(reasoning_effort="minimal", max_tokens=9)["inferenceConfig"]["maxTokens"] == 9


@pytest.mark.parametrize(
    ("model", "members", "fields"),
    [
        (
            "us.amazon.nova-2-lite-v1:0",
            {"reasoning_effort": "max"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        ("openai.gpt-oss-20b-1:0", {"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ("amazon.nova-pro-v1:0", {"top_k": 3}, {"inferenceConfig": {"topK": 3}}),
        (CLAUDE, {"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
        (CLAUDE, {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        (
            CLAUDE,
            {"tools": [FUNCTION], "parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        ),
        (
            CLAUDE,
            {
                "tools": [FUNCTION],
                "parallel_tool_calls": False,
                "tool_choice": {"type": "function", "function": {"name": "f"}},
            },
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
        ),
    ],
)
def test_what_each_vendor_calls_his_own_way(model: str, members: Any, fields: Any) -> None:
    assert body(target(model), **members)["additionalModelRequestFields"] == fields


LLAMA = "meta.llama3-70b-instruct-v1:0"
LACKING = [
    (CLAUDE, {"n": 2}, "n"),
    (CLAUDE, {"logprobs": True}, "logprobs"),
    (CLAUDE, {"web_search_options": {}}, "web_search_options"),
    (CLAUDE, {"reasoning_effort": "low", "temperature": 0.5}, "temperature"),
    (CLAUDE, {"reasoning_effort": "low", "tools": [FUNCTION], "tool_choice": "required"}, "tool_choice"),
    (CLAUDE, {"tools": [{"type": "shell", "provided": {"type": "shell"}}]}, "tools"),
    (CLAUDE, {"response_format": {"type": "grammar"}}, "response_format"),
    (LLAMA, {"reasoning_effort": "low"}, "reasoning_effort"),
    (LLAMA, {"tools": [FUNCTION, FUNCTION], "parallel_tool_calls": False}, "parallel_tool_calls"),
]


@pytest.mark.parametrize(("model", "members", "param"), LACKING)
def test_what_bedrock_lacks_is_refused_or_dropped(model: str, members: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParams, match=f"'{param}'") as caught:
        outbound(target(model), **members)
    assert caught.value.param == param
    assert body(target(model, drop_params=True), **members)["messages"]


def test_one_answer_and_a_seed_that_is_allowed() -> None:
    assert "additionalModelRequestFields" not in body(n=1)
    found = body(target(allowed=frozenset({"seed"})), seed=4)
    assert found["additionalModelRequestFields"] == {"seed": 4}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("auto", {"auto": {}}),
        ("required", {"any": {}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool": {"name": "f"}}),
        ({"type": "auto"}, {"auto": {}}),
    ],
)
def test_choosing_a_tool(choice: Any, said: Any) -> None:
    assert body(tools=[FUNCTION], tool_choice=choice)["toolConfig"]["toolChoice"] == said


def test_json_by_a_tool_is_the_content() -> None:
    asked = outbound(response_format=FORM)
    config = json.loads(asked.body)["toolConfig"]
    assert config["toolChoice"] == {"tool": {"name": "json_tool_call"}}
    assert config["tools"][0]["toolSpec"]["inputSchema"] == {"json": SCHEMA}
    events = [
        ("messageStart", {"role": "assistant"}),
        (
            "contentBlockStart",
            {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "json_tool_call"}}},
        ),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '"b"}'}}}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2}}),
    ]
    streamed = collect(read(asked, events))
    use = {"toolUse": {"toolUseId": "t", "name": "json_tool_call", "input": {"a": "b"}}}
    answer = {
        "output": {"message": {"content": [use]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 2},
    }
    whole = asked.answer(json.dumps(answer).encode())
    same(streamed, whole)
    choice = whole.choices[0]
    assert choice.message.content == '{"a":"b"}'
    assert not choice.message.tool_calls
    assert choice.finish_reason == "stop"


def test_json_beside_tools_leaves_the_choice_among_them() -> None:
    assert body(response_format=FORM, tools=[FUNCTION])["toolConfig"]["toolChoice"] == {"any": {}}


def test_json_natively_and_in_words() -> None:
    newer = target("global.anthropic.claude-sonnet-4-5-20250929-v1:0")
    said = body(newer, response_format=FORM)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert json.loads(said["schema"]) == SCHEMA
    assert body(response_format={"type": "json_object"})["system"] == [
        {"text": "Answer with one JSON object and nothing else."}
    ]


def test_a_recorded_answer_says_the_same_whole_and_streamed() -> None:
    fixture = json.loads((FIXTURES / "answer.json").read_text())
    tool = {"type": "function", "function": {"name": "1 top.songs"}}
    asked = outbound(tools=[tool])
    whole = asked.answer(json.dumps(fixture["whole"]).encode())
    chunks = read(asked, fixture["events"])
    same(collect(chunks), whole)
    message = whole.choices[0].message
    assert message.content == "Looking now."
    assert message.reasoning_content == "I should look."
    assert msgspec.to_builtins(message.thinking_blocks) == [
        {"type": "thinking", "thinking": "I should look.", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ]
    assert msgspec.to_builtins(message.tool_calls) == [
        {
            "id": "tooluse_a",
            "type": "function",
            "function": {"name": "1 top.songs", "arguments": '{"sign":"WZPZ"}'},
        },
        {"id": "tooluse_b", "type": "function", "function": {"name": "other", "arguments": "{}"}},
    ]
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.service_tier == "priority"
    assert msgspec.json.decode(msgspec.json.encode(whole.usage)) == {
        "prompt_tokens": 430,
        "completion_tokens": 40,
        "total_tokens": 470,
        "prompt_tokens_details": {
            "cached_tokens": 300,
            "cache_creation_tokens": 100,
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": 60,
                "ephemeral_1h_input_tokens": 40,
            },
        },
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 100,
    }
    assert chunks[-1].choices == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("malformed_tool_use", "stop"),
    ],
)
def test_finish_reasons(said: str, reason: str) -> None:
    answer = {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": said}
    found = outbound().answer(json.dumps(answer).encode()).choices[0]
    assert found.finish_reason == reason
    kept = (found.message.provider_specific_fields or {}).get("native_finish_reason")
    assert kept == (None if said in ("end_turn", "max_tokens") else said)


def test_the_beginning_of_an_answer_has_no_white_space_at_its_end() -> None:
    turns: Any = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "It is \n"}]
    assert body(messages=turns)["messages"][-1]["content"] == [{"text": "It is"}]


def test_an_exception_in_the_stream_says_its_status() -> None:
    with pytest.raises(StreamFailed) as caught:
        list(outbound().stream().event("exception:throttlingException", b'{"message": "slow down"}'))
    assert json.loads(caught.value.payload) == {
        "error": {"message": "slow down", "type": "throttlingException", "code": "429"}
    }


def test_a_stream_that_is_cut_is_not_finished() -> None:
    decoder = outbound().stream()
    list(decoder.event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"a"}}'))
    assert not decoder.finished
    assert list(decoder.end()) == []
    list(decoder.event("messageStop", b'{"stopReason":"end_turn"}'))
    assert decoder.finished
    assert not decoder.done  # the usage is to come


def test_a_broken_answer() -> None:
    with pytest.raises(UpstreamProtocolError, match="bedrock sent an answer"):
        outbound().answer(b'{"output": 1}')
    with pytest.raises(UpstreamProtocolError, match="no message"):
        outbound().answer(b"{}")


@given(st.lists(st.text(max_size=80), max_size=8))
def test_names_fit_and_come_back(given_names: list[str]) -> None:
    names = Names()
    sent = [names.there(name) for name in given_names]
    assert all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]{0,63}", name) for name in sent)
    assert [names.back(name) for name in sent] == given_names


@given(st.text(max_size=100))
def test_ids_fit(given_id: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", call_id(given_id))
    assert call_id(given_id) == call_id(given_id)


WORDS = re.findall(
    r"\S+",
    """output message content text toolUse toolUseId name input reasoningContent reasoningText signature stopReason
    usage inputTokens contentBlockIndex start delta redactedContent citation trace serviceTier type citationsContent
    citations location documentChar web url sourceContent searchResultLocation""",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=15,
)
EVENT = st.sampled_from(
    [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "new",
        "exception:x",
    ]
)


@given(st.lists(st.tuples(EVENT, JSON.map(lambda v: json.dumps(v).encode()) | st.binary()), max_size=5))
def test_no_events_crash_the_decoder(events: list[tuple[str, bytes]]) -> None:
    decoder = outbound(response_format=FORM).stream()
    try:
        for name, payload in events:
            msgspec.json.encode(list(decoder.event(name, payload)))
        msgspec.json.encode(list(decoder.end()))
    except (UpstreamProtocolError, StreamFailed) as error:
        assert str(error)  # noqa: PT017  both outcomes are right


@given(JSON.map(lambda v: json.dumps(v).encode()) | st.binary())
def test_no_body_crashes_it(raw: bytes) -> None:
    try:
        msgspec.json.encode(outbound().answer(raw))
    except UpstreamProtocolError as error:
        assert "bedrock" in error.message  # noqa: PT017  both outcomes are right


PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file", "video_url", "document", "thinking", "odd"])},
    optional={
        "text": st.text(),
        "image_url": st.text() | st.dictionaries(st.sampled_from(["url", "format"]), JSON),
        "file": st.dictionaries(st.sampled_from(["file_id", "file_data", "filename", "format"]), JSON),
        "source": st.dictionaries(st.sampled_from(["type", "data", "url", "media_type"]), JSON),
        "cache_control": st.dictionaries(st.just("ttl"), JSON),
    },
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "odd"])},
    optional={
        "content": st.text() | st.lists(PART, max_size=3),
        "tool_call_id": st.text(),
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.text(),
                    "type": st.just("function"),
                    "function": st.fixed_dictionaries({"name": st.text(), "arguments": st.text()}),
                }
            ),
            max_size=2,
        ),
    },
)


@given(
    st.lists(MESSAGE, max_size=4),
    st.dictionaries(st.sampled_from(["type", "json_schema", "response_schema"]), JSON),
    st.dictionaries(st.sampled_from(["type", "function"]), JSON) | st.text(),
    st.booleans(),
)
def test_any_request_is_translated_or_refused(messages: Any, form: Any, choice: Any, drop: bool) -> None:
    members = {"response_format": form, "tool_choice": choice, "tools": [FUNCTION] if drop else None}
    try:
        json.loads(outbound(target(drop_params=drop, modify_params=drop), messages=messages, **members).body)
    except InvalidRequest as error:
        assert error.message  # noqa: PT017  both outcomes are right
