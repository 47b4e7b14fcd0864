"""Cohere's chat: what it is asked, and what a client is told."""

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
from tianji.protocol.chat.answer import Chunk
from tianji.protocol.chat.collect import collect
from tianji.protocol.chat.request import Request
from tianji.protocol.chat.seam import StreamFailed, Target
from tianji.protocol.cohere.outbound import CohereOutbound
from tianji.providers import build

FIXTURE = json.loads((Path(__file__).parents[3] / "contract" / "fixtures" / "cohere" / "tools.json").read_text())
FUNCTION = {"type": "function", "function": {"name": "f"}}


def target(**rest: Any) -> Target:
    return Target(provider="cohere_chat", model="command-a-03-2025", **rest)


def outbound(to: Target | None = None, **members: Any) -> CohereOutbound:
    members.setdefault("messages", [{"role": "user", "content": "hi"}])
    return CohereOutbound(msgspec.convert({"model": "m"} | members, Request), to or target(), ManualClock())


def body(to: Target | None = None, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outbound(to, **members).body)
    return found


def read(events: list[Any]) -> list[Chunk]:
    decoder = outbound().stream()
    chunks = [chunk for event in events for chunk in decoder.event(event["type"], json.dumps(event).encode())]
    assert decoder.finished
    assert decoder.done
    return [*chunks, *decoder.end()]


def whole(**members: Any) -> Any:
    answer = {"id": "x", "message": {"content": [{"type": "text", "text": "a"}]}, "finish_reason": "COMPLETE"}
    return outbound().answer(json.dumps(answer | members).encode())


def test_a_recorded_request() -> None:
    assert body(**FIXTURE["hub"]) == FIXTURE["upstream"]


def test_a_recorded_answer_says_the_same_whole_and_streamed() -> None:
    found = outbound().answer(json.dumps(FIXTURE["whole"]).encode())
    assert collect(read(FIXTURE["events"])) == found
    message = found.choices[0].message
    assert message.reasoning_content == "I will look twice."
    assert [call["function"] for call in msgspec.to_builtins(message.tool_calls)] == [
        {"name": "weather", "arguments": '{"city":"Oslo"}'},
        {"name": "weather", "arguments": "{}"},
    ]
    assert found.choices[0].finish_reason == "tool_calls"
    assert found.usage
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (70, 24)


def test_texts_thoughts_and_citations() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]
    source = {"type": "tool", "id": "call:0", "tool_output": {"content": "because"}}
    citation = {"start": 0, "end": 2, "text": "so", "sources": [source]}
    events = [
        {"type": "message-start", "id": "x", "delta": {"message": {"content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "thinking", "thinking": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"thinking": "hm"}}}},
        {"type": "content-end", "index": 0},
        {"type": "content-start", "index": 1, "delta": {"message": {"content": {"type": "text", "text": "s"}}}},
        {"type": "content-delta", "index": 1, "delta": {"message": {"content": {"text": "o"}}}},
        {"type": "citation-start", "index": 0, "delta": {"message": {"citations": citation}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}},
    ]
    found = whole(message={"content": content, "citations": [citation]})
    assert found == collect(read(events))
    message = found.choices[0].message
    assert (message.content, message.reasoning_content) == ("so", "hm")
    fields = message.provider_specific_fields or {}
    assert fields["native_citations"] == [citation]
    ((cited,),) = fields["citations"]
    assert (cited["source"], cited["cited_text"]) == ("call:0", "because")


@pytest.mark.parametrize(
    ("said", "reason"),
    [("COMPLETE", "stop"), ("MAX_TOKENS", "length"), ("ERROR_TOXIC", "content_filter"), ("NEW", "stop")],
)
def test_finish_reasons(said: str, reason: str) -> None:
    choice = whole(finish_reason=said).choices[0]
    assert choice.finish_reason == reason
    kept = (choice.message.provider_specific_fields or {}).get("native_finish_reason")
    assert kept == ("NEW" if said == "NEW" else None)


def test_images_and_words_beside_calls() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low", "format": "x"}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    found = body(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
            {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        ]
    )["messages"]
    shown = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    assert found[0]["content"] == [{"type": "text", "text": "see"}, shown]
    assert found[1]["tool_plan"] == "I look."
    assert found[1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_turns_that_say_nothing_are_none_and_refusals_are_words() -> None:
    said = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "user", "content": "again"},
    ]
    assert [one["content"] for one in body(messages=said)["messages"]] == ["q", "no", "again"]


@pytest.mark.parametrize(
    ("choice", "said"),
    [("auto", None), ("required", "REQUIRED"), ("none", "NONE"), ({"type": "required"}, "REQUIRED")],
)
def test_choosing_a_tool(choice: Any, said: str | None) -> None:
    assert body(tools=[FUNCTION], tool_choice=choice).get("tool_choice") == said


LACKING = [
    ({"n": 2}, "n"),
    ({"logit_bias": {"1": 2}}, "logit_bias"),
    ({"parallel_tool_calls": False}, "parallel_tool_calls"),
    ({"tools": [{"type": "web_search", "provided": {}}]}, "tools"),
    ({"tools": [FUNCTION], "tool_choice": {"type": "custom"}}, "tool_choice"),
    ({"response_format": {"type": "grammar"}}, "response_format"),
]


@pytest.mark.parametrize(("members", "param"), LACKING)
def test_what_cohere_lacks_is_refused_or_dropped(members: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParams) as caught:
        outbound(**members)
    assert caught.value.param == param
    assert body(target(drop_params=True), **members)["messages"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"role": "user", "content": [{"type": "input_audio"}]}, "'input_audio'"),
        ({"role": "wizard"}, "'wizard'"),
        ({"role": "assistant", "tool_calls": [{"id": "c", "type": "custom"}]}, "functions only"),
    ],
)
def test_what_cannot_be_said(message: Any, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        outbound(messages=[message])


def test_a_picture_is_no_result_of_a_tool() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWk="}}
    with pytest.raises(InvalidRequest, match="result holds an image"):
        body(messages=[{"role": "tool", "tool_call_id": "c", "content": [image]}])


@pytest.mark.parametrize("delta", [{"finish_reason": "ERROR"}, {"finish_reason": "COMPLETE", "error": "gone"}])
def test_generating_that_failed(delta: dict[str, str]) -> None:
    with pytest.raises(StreamFailed):
        list(outbound().stream().event("", json.dumps({"type": "message-end", "delta": delta}).encode()))


def test_a_stream_that_is_cut_is_not_finished() -> None:
    decoder = outbound().stream()
    piece = {"type": "content-delta", "delta": {"message": {"content": {"text": "a"}}}}
    assert list(decoder.event("", json.dumps(piece).encode()))
    assert not decoder.finished
    assert list(decoder.end()) == []


def test_a_broken_answer() -> None:
    with pytest.raises(UpstreamProtocolError, match="cohere_chat sent an answer"):
        outbound().answer(b"[]")
    with pytest.raises(UpstreamProtocolError, match="no message"):
        outbound().answer(b"{}")


WORDS = re.findall(
    r"\S+",
    """type id index delta message content text thinking tool_plan tool_calls function name arguments citations sources
    document tool_output url logprobs
    finish_reason usage tokens input_tokens error message-start content-delta tool-call-start message-end""",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=15,
)


@given(st.lists(JSON.map(lambda v: json.dumps(v).encode()) | st.binary(), max_size=3))
def test_no_events_crash_the_decoder(payloads: list[bytes]) -> None:
    decoder = outbound().stream()
    try:
        for payload in payloads:
            msgspec.json.encode(list(decoder.event("", payload)))
        msgspec.json.encode(list(decoder.end()))
    except (UpstreamProtocolError, StreamFailed) as error:
        assert str(error)  # noqa: PT017  both outcomes are right
    try:
        msgspec.json.encode(outbound().answer(payloads[0] if payloads else b""))
    except UpstreamProtocolError as error:
        assert error.message  # noqa: PT017


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (None, "https://api.cohere.com"),
        ("https://api.cohere.com/v2/chat", "https://api.cohere.com"),
        ("https://proxy.example/co/v1/", "https://proxy.example/co"),
    ],
)
def test_where_requests_go(base: str | None, url: str) -> None:
    params = {"model": "cohere/command-a-03-2025", "api_base": base}
    found = build(params, {"CO_API_KEY": "k-123456"}, drop_params=False)
    assert (found.provider, found.base_url) == ("cohere_chat", url)
    assert found.headers == ((b"authorization", b"Bearer k-123456"),)
    assert found.protocol == "tianji.protocol.cohere.outbound"
    assert "COHERE_API_KEY" in (build(params, {}, drop_params=False).key_missing or "")
